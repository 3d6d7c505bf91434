/** The completion of the command line for bash: 3.2, as macOS has it, or later, with or without bash-completion. */

import type { Values } from "../flag.ts";
import { type CommandLine, helpWord, loneFlags, type Offer } from "./line.ts";

/** The script, to be read by `eval` or kept as a file of bash-completion. */
export function bashCompletion({ first, second, commands }: CommandLine): string {
  const help = helpWord.word;
  const wordCases: Case[] = [
    [[""], words([...first, helpWord])],
    [[help], words(first)],
    ...[...second].map(([group, offers]): Case => [[group, `${help} ${group}`], words(offers)]),
  ];
  const valueCases = commands.flatMap(({ name, flags }) =>
    flags
      .filter(({ valueName }) => valueName !== undefined)
      .map(({ word, values }): Case => [[`${name} ${word}`], offered(values)]),
  );
  const argumentCases = commands.flatMap(({ name, argument }): Case[] =>
    argument === undefined ? [] : [[[name], offered(argument.values)]],
  );
  const flagCases: Case[] = [
    [[""], words(loneFlags)],
    ...commands.map(({ name, flags }): Case => [[name], words(flags)]),
  ];
  return `# Completion of etl for bash, made by: etl completions bash

# Each of these sets what may follow its argument, and fails where there is no such thing. "/" stands for files.
${table("_etl_words", wordCases)}
${table("_etl_values", valueCases)}
${table("_etl_arguments", argumentCases)}
${table("_etl_flags", flagCases)}
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

function table(name: string, cases: readonly Case[]): string {
  const lines = cases.map(
    ([after, offered]) => `    ${after.map((text) => `"${text}"`).join(" | ")}) offered="${offered}" ;;`,
  );
  return `${name}() {\n  case "$1" in\n${lines.join("\n")}\n    *) return 1 ;;\n  esac\n}\n`;
}

/** Of free text nothing is known. */
function offered(values: Values | undefined): string {
  return values === "files" ? "/" : (values ?? []).join(" ");
}

function words(offers: readonly Offer[]): string {
  return offers.map(({ word }) => word).join(" ");
}
