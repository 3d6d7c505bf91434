/** Tells a person why the program ended: once, in two lines, and never with what an exception quotes. */

import { type ErrorKind, EtlError, exitCodes } from "../errors.ts";
import { printable } from "../terminal/text.ts";
import { shellQuoted } from "../text/shell-quoted.ts";

/** What is printed on standard error, and the code to end with. */
export interface Failure {
  readonly text: string;
  readonly exitCode: number;
}

/**
 * The failure that anything thrown ends the program with.
 *
 * @param words the command line, whose `--config` a command in a hint must have too
 */
export function describeFailure(thrown: unknown, words: readonly string[] = []): Failure {
  if (!(thrown instanceof EtlError)) return describeBug(thrown);
  const { message, hint = lastResort[thrown.kind], exitCode } = thrown;
  return { text: `error: ${printable(message)}\ntry: ${printable(withConfig(hint, words))}\n`, exitCode };
}

/** A command and nothing else, of those that take `--config`. */
const configuredCommand =
  /^etl (?:migrate|drain|doctor|status|rejects (?:list|retry))(?: --[a-z-]+(?: '[^']*'| [^\s,:;]+)?)*$/;

function withConfig(hint: string, words: readonly string[]): string {
  const place = words.findIndex((word) => word === "--config" || word.startsWith("--config="));
  const word = words[place];
  if (word === undefined || !configuredCommand.test(hint) || hint.endsWith(" --help")) return hint;
  const file = word === "--config" ? words[place + 1] : word.slice("--config=".length);
  return file === undefined ? hint : `${hint} --config ${shellQuoted(file)}`;
}

const reportBug = "run it again, which is safe; if it comes back, report these lines as a bug";

/** What to type where an error itself knows nothing better. */
const lastResort: Readonly<Record<ErrorKind, string>> = {
  usage: "etl --help",
  data: "etl rejects list",
  unavailable: "etl doctor",
  internal: reportBug,
  temporary: "run it again, which is safe",
  protocol: "etl doctor",
  permission: "etl doctor",
  config: "etl doctor",
};

/** An exception's message may quote a row or a password: its class and the places in our code must do. */
function describeBug(thrown: unknown): Failure {
  const name = thrown instanceof Error ? thrown.constructor.name : typeof thrown;
  const lines = [`error: internal: ${/^\w{1,40}$/.test(name) ? name : "an unnamed error"}`];
  for (const place of ownPlaces(thrown)) lines.push(`  at ${place}`);
  lines.push(`try: ${reportBug}`);
  return { text: `${lines.join("\n")}\n`, exitCode: exitCodes.internal };
}

/** A frame in our own code: the source file, or without a source map the line and column in the executable. */
const ownFrame = /^ +at .*?(src\/[a-z0-9/-]+\.ts:[0-9]+|\$bunfs\/root\/[\w.-]+:[0-9]+:[0-9]+)/gm;

/** The innermost frames in our own code, such as `src/polling/drain.ts:42`. */
function ownPlaces(thrown: unknown): string[] {
  if (!(thrown instanceof Error) || typeof thrown.stack !== "string") return [];
  // The stack begins with the message, which may hold lines that look like frames.
  const start = thrown.stack.indexOf(thrown.message);
  if (start < 0) return [];
  const frames = thrown.stack.slice(start + thrown.message.length);
  return Array.from(frames.matchAll(ownFrame), ([, place = ""]) => place).slice(0, 8);
}
