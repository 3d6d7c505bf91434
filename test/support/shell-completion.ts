/** Presses the tab key in a real shell that has read a completion script, and gives what it offers. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What a shell offers. */
interface Completing {
  /** The completion script. */
  readonly script: string;
  /** Ends at the cursor. */
  readonly line: string;
  /** The folder whose files are offered. */
  readonly cwd: string;
}

/** Where a shell is; undefined where this machine has none. */
export function shellPath(name: string): string | undefined {
  return Bun.which(name) ?? undefined;
}

/** The words that bash would offer, in order. */
export async function completeInBash({ script, line, cwd }: Completing): Promise<string[]> {
  // As readline parts a line: `=` is a word of its own.
  const words = line.split(/ |(=)/).filter((word) => word !== undefined);
  const parts = words.filter((word, index) => word !== "" || index === words.length - 1);
  const program = `${script}
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
_etl etl
printf '%s\\n' "\${COMPREPLY[@]}"`;
  return offered(await output(["bash", "--norc", "-u", "-c", program, "bash", ...parts], cwd));
}

/** The words that fish would offer, in order. */
export async function completeInFish({ script, line, cwd }: Completing): Promise<string[]> {
  const program = `${script}\ncomplete -C $argv[1]`;
  return offered(await output(["fish", "--no-config", "-c", program, line], cwd));
}

/** What zsh does first: each match is written to a file, and the shell ends when all are known. */
const zshSettings = `
PROMPT='ready> '
autoload -Uz compinit && compinit -D -u
zstyle ':completion:*' menu no
zstyle ':completion:*' insert-tab false
compadd() {
  # These ask what would match, and add nothing.
  if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then builtin compadd "$@"; return; fi
  local -a matches
  builtin compadd -A matches "$@"
  (( $#matches )) && print -rl -- $matches >> $ZDOTDIR/matches
  builtin compadd "$@"
}
ended() { exit }
comppostfuncs=(ended)
source $ZDOTDIR/etl.zsh
`;

/** The words that zsh would offer, in order. */
export async function completeInZsh({ script, line, cwd }: Completing): Promise<string[]> {
  const home = mkdtempSync(join(tmpdir(), "etl-zsh-"));
  try {
    writeFileSync(join(home, ".zshrc"), zshSettings);
    writeFileSync(join(home, "etl.zsh"), script);
    writeFileSync(join(home, "matches"), "");
    let seen = "";
    const child = Bun.spawn(["zsh", "-d", "-i"], {
      cwd,
      env: { ...process.env, ZDOTDIR: home, HOME: home, TERM: "xterm-256color" },
      timeout: 10_000,
      // An interactive shell ignores SIGTERM.
      killSignal: "SIGKILL",
      terminal: {
        cols: 200,
        rows: 50,
        data: (terminal, bytes) => {
          const before = seen;
          seen += new TextDecoder().decode(bytes);
          if (!before.includes("ready> ") && seen.includes("ready> ")) terminal.write(`${line}\t`);
        },
      },
    });
    await child.exited;
    if (child.exitCode !== 0) throw new Error(`zsh did not complete the line\n${seen}`);
    // Names of files come quoted.
    return offered(readFileSync(join(home, "matches"), "utf8").replaceAll(/\\(.)/g, "$1"));
  } finally {
    rmSync(home, { recursive: true });
  }
}

async function output(command: readonly string[], cwd: string): Promise<string> {
  const child = Bun.spawn([...command], { cwd, stdout: "pipe", stderr: "pipe", timeout: 10_000 });
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (exitCode !== 0 || stderr !== "") throw new Error(`${command[0]} ended with ${exitCode}\n${stderr}`);
  return stdout;
}

/** Some shells offer a flag with its value as one word, and some a space behind the last one. */
function offered(text: string): string[] {
  const words = text.split("\n").filter((word) => word !== "");
  return words.map((word) => word.replace(/\t.*$|^--[a-z-]+=(?=.)|[=/]$/g, "")).sort();
}
