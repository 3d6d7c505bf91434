/** The completion of the command line for bash, zsh and fish, made from the table of commands. */

import type { Values } from "../settings/setting.ts";
import { type Command, type Flag, switchFlag, takesValue } from "./command.ts";

/** The shells that a completion is made for. */
export const shells = ["bash", "zsh", "fish"] as const;

/** A shell that a completion is made for. */
export type Shell = (typeof shells)[number];

/** The script that makes the shell complete the commands. */
export function completionOf(shell: Shell, commands: readonly Command[]): string {
  return { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion }[shell](commandLine(commands));
}

/** What may stand alone behind `etl`, in place of a command. */
const loneFlags: readonly Flag[] = [
  switchFlag("--help", "Show the commands"),
  switchFlag("--version", "Show the version"),
];

/** The word that shows a command's help. */
const helpWord: Offer = { name: "help", description: "Show the help of a command" };

/** A word to offer, and what it means. */
type Offer = Pick<Flag, "description"> & { readonly name: string };

/** Everything that can stand on a line. */
interface CommandLine {
  /** What may follow `etl`, and what may follow `etl help`. */
  readonly first: readonly Offer[];
  /** What may follow the first word of the commands of two words, by that word. */
  readonly second: ReadonlyMap<string, readonly Offer[]>;
  /** Each with `--help` as its last flag. */
  readonly commands: readonly (Pick<Command, "name" | "argument"> & { readonly flags: readonly Flag[] })[];
}

function commandLine(commands: readonly Command[]): CommandLine {
  const second = new Map<string, Offer[]>();
  const first = new Map<string, string>();
  for (const { name, summary } of commands) {
    const [group = "", word] = name.split(" ");
    if (word !== undefined)
      second.set(group, [...(second.get(group) ?? []), { name: word, description: summary }]);
    const offers = second.get(group)?.map((offer) => offer.name);
    first.set(group, offers?.join(", ") ?? summary);
  }
  const help = switchFlag("--help", "Show its help");
  return {
    first: Array.from(first, ([name, description]) => ({ name, description })),
    second,
    commands: commands.map((command) => ({ ...command, flags: [...Object.values(command.flags), help] })),
  };
}

/** The script, to be read by `eval` or kept as a file of bash-completion. */
function bashCompletion({ first, second, commands }: CommandLine): string {
  const help = helpWord.name;
  const wordCases: Case[] = [
    [[""], words([...first, helpWord])],
    [[help], words(first)],
    ...[...second].map(([group, offers]): Case => [[group, `${help} ${group}`], words(offers)]),
  ];
  const valueCases = commands.flatMap(({ name, flags }) =>
    flags.filter(takesValue).map((flag): Case => [[`${name} ${flag.name}`], bashValues(flag.kind.values)]),
  );
  const argumentCases = commands.flatMap(({ name, argument }): Case[] =>
    argument === undefined ? [] : [[[name], bashValues(argument.values)]],
  );
  const flagCases: Case[] = [
    [[""], words(loneFlags)],
    ...commands.map(({ name, flags }): Case => [[name], words(flags)]),
  ];
  return `# Completion of etl for bash, made by: etl completions bash

# Each of these sets what may follow its argument, and fails where there is no such thing. "/" stands for files.
${bashTable("_etl_words", wordCases)}
${bashTable("_etl_values", valueCases)}
${bashTable("_etl_arguments", argumentCases)}
${bashTable("_etl_flags", flagCases)}
_etl() {
  local current="\${COMP_WORDS[COMP_CWORD]}" command="" given=" " expecting="" argument="" offered="" word index
  for ((index = 1; index < COMP_CWORD; index++)); do
    word="\${COMP_WORDS[index]}"
    # Readline makes three words of --flag=value.
    if [[ "$word" == "=" ]]; then continue; fi
    if [[ -n "$expecting" ]]; then expecting=""
    elif [[ "$word" == -* ]]; then
      given+="$word "
      if _etl_values "$command $word"; then expecting="$command $word"; fi
    elif _etl_words "$command"; then command+="\${command:+ }$word"
    else argument="$word"
    fi
  done
  if [[ "$current" == "=" ]]; then current=""; fi

  offered=""
  if [[ -n "$expecting" ]]; then _etl_values "$expecting"
  elif [[ "$current" != -* ]] && _etl_words "$command"; then :
  elif [[ "$current" != -* && -z "$argument" ]] && _etl_arguments "$command"; then :
  else _etl_flags "$command"
  fi

  COMPREPLY=()
  if [[ "$offered" == "/" ]]; then
    compopt -o filenames 2>/dev/null # which bash 3.2 does not know
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$current")
    return
  fi
  for word in $offered; do
    if [[ "$word" == "$current"* && "$given" != *" $word "* ]]; then COMPREPLY+=("$word"); fi
  done
}

complete -F _etl etl
`;
}

/** Words of a line, and what may follow each of them. */
type Case = readonly [after: readonly string[], offered: string];

function bashTable(name: string, cases: readonly Case[]): string {
  const lines = cases.map(
    ([after, offered]) => `    ${after.map((text) => `"${text}"`).join(" | ")}) offered="${offered}" ;;`,
  );
  return `${name}() {\n  case "$1" in\n${lines.join("\n")}\n    *) return 1 ;;\n  esac\n}\n`;
}

/** Of free text nothing is known. */
function bashValues(values: Values | undefined): string {
  return values === "files" ? "/" : (values ?? []).join(" ");
}

function words(offers: readonly Offer[]): string {
  return offers.map(({ name }) => name).join(" ");
}

/** The script, to be read by `source` or kept as `etl.fish` in a folder of `fish_complete_path`. */
function fishCompletion({ first, second, commands }: CommandLine): string {
  const words = [
    ...[...first, helpWord].map((offer) => wordLine("", offer)),
    ...first.map((offer) => wordLine(helpWord.name, offer)),
    ...[...second].flatMap(([group, offers]) =>
      [group, `${helpWord.name} ${group}`].flatMap((line) => offers.map((offer) => wordLine(line, offer))),
    ),
  ];
  const flags = [
    ...loneFlags.map((flag) => flagLine("__etl_after", flag)),
    ...commands.flatMap((command) => command.flags.map((flag) => flagLine(`__etl_in ${command.name}`, flag))),
  ];
  const values = commands.flatMap(({ name, argument }) =>
    argument?.values === undefined
      ? []
      : [`complete -c etl -n '__etl_after ${name}' ${fishSource(argument.values)}`],
  );
  return `# Completion of etl for fish, made by: etl completions fish

# Whether these words, and no other but flags, stand between etl and the cursor.
function __etl_after
    set -l typed (commandline -opc)
    set -l words (string match -v -- '-*' $typed[2..])
    test "$words" = "$argv"
end

# Whether these are the first words behind etl.
function __etl_in
    set -l typed (commandline -opc)
    test (count $typed) -gt (count $argv)
    and test "$typed[2..$(math (count $argv) + 1)]" = "$argv"
end

complete -c etl -f
${[...words, ...flags, ...values].join("\n")}
`;
}

function wordLine(after: string, { name, description }: Offer): string {
  const condition = after === "" ? "__etl_after" : `__etl_after ${after}`;
  return `complete -c etl -n '${condition}' -a ${name} -d ${fishQuoted(description)}`;
}

function flagLine(condition: string, flag: Flag): string {
  const given = `complete -c etl -n '${condition}' -l ${flag.name.slice(2)}`;
  const description = `-d ${fishQuoted(flag.description)}`;
  if (!takesValue(flag)) return `${given} ${description}`;
  const { values } = flag.kind;
  return `${given} ${values === undefined ? "-x" : `-r ${fishSource(values)}`} ${description}`;
}

function fishSource(values: Values): string {
  return values === "files" ? "-F" : `-f -a ${fishQuoted(values.join(" "))}`;
}

/** In fish a backslash escapes a quote inside of quotes. */
function fishQuoted(text: string): string {
  return `'${text.replaceAll(/[\\']/g, "\\$&")}'`;
}

/** The script, to be read by `eval` or kept as a file `_etl` in one of the folders of `fpath`. */
function zshCompletion({ first, second, commands }: CommandLine): string {
  const groups = [...second].map(
    ([group, offers]) => `    "${group}" | "${helpWord.name} ${group}") offered=(${described(offers)}) ;;`,
  );
  const specifications = commands.map(({ name, flags, argument }) => {
    const flagged = flags.map(flagSpecification);
    const position =
      argument === undefined
        ? []
        : [zshQuoted(`1:${zshEscaped(argument.name)}:${zshAction(argument.values)}`)];
    return `    "${name}") _arguments ${[...flagged, ...position].join(" \\\n      ")} ;;`;
  });
  return `#compdef etl
# Completion of etl for zsh, made by: etl completions zsh

# Sets what may follow the words, and fails where they are a whole command.
_etl_words() {
  case "$1" in
    "") offered=(${described([...first, helpWord])}) ;;
    ${helpWord.name}) offered=(${described(first)}) ;;
${groups.join("\n")}
    *) return 1 ;;
  esac
}

_etl() {
  local curcontext="$curcontext" name=""
  local -a offered
  # The words of the command go, and its last one stands for the program.
  while _etl_words "$name"; do
    if (( CURRENT == 2 )); then
      if [[ -z "$name" && "$PREFIX" == -* ]]; then offered=(${described(loneFlags)}); fi
      _describe -t commands command offered
      return
    fi
    shift words
    (( CURRENT-- ))
    name+="\${name:+ }\${words[1]}"
  done
  case "$name" in
${specifications.join("\n")}
  esac
}

# As a file in fpath this is the body of the function; read by eval, it is registered.
if [[ "\${funcstack[1]}" == "_etl" ]]; then
  _etl "$@"
else
  (( \${+functions[compdef]} )) || { autoload -Uz compinit && compinit }
  compdef _etl etl
fi
`;
}

function described(offers: readonly Offer[]): string {
  return offers.map(({ name, description }) => zshQuoted(`${name}:${zshEscaped(description)}`)).join(" ");
}

/** @see https://zsh.sourceforge.io/Doc/Release/Completion-System.html `_arguments` */
function flagSpecification(flag: Flag): string {
  const explained = `[${zshEscaped(flag.description)}]`;
  if (!takesValue(flag)) return zshQuoted(flag.name + explained);
  // The equals sign says that the value may stand behind one, or in the next word.
  return zshQuoted(`${flag.name}=${explained}:${zshEscaped(flag.valueName)}:${zshAction(flag.kind.values)}`);
}

/** A space alone shows what is expected and offers nothing. */
function zshAction(values: Values | undefined): string {
  if (values === undefined) return " ";
  return values === "files" ? "_files" : `(${values.join(" ")})`;
}

/** Brackets and colons part a specification. */
function zshEscaped(text: string): string {
  return text.replaceAll(/[\\[\]:]/g, "\\$&");
}

function zshQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
