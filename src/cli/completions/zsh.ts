/** The completion of the command line for zsh, with a description of each word and flag. */

import type { Values } from "../flag.ts";
import { type CommandLine, helpWord, loneFlags, type Offer, type OfferedFlag } from "./line.ts";

/** The script, to be read by `eval` or kept as a file `_etl` in one of the folders of `fpath`. */
export function zshCompletion({ first, second, commands }: CommandLine): string {
  const groups = [...second].map(
    ([group, offers]) => `    "${group}" | "${helpWord.word} ${group}") offered=(${described(offers)}) ;;`,
  );
  const specifications = commands.map(({ name, flags, argument }) => {
    const flagged = flags.map(flagSpecification);
    const position =
      argument === undefined ? [] : [quoted(`1:${escaped(argument.name)}:${action(argument.values)}`)];
    return `    "${name}") _arguments ${[...flagged, ...position].join(" \\\n      ")} ;;`;
  });
  return `#compdef etl
# Completion of etl for zsh, made by: etl completions zsh

# Sets what may follow the words, and fails where they are a whole command.
_etl_words() {
  case "$1" in
    "") offered=(${described([...first, helpWord])}) ;;
    ${helpWord.word}) offered=(${described(first)}) ;;
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
  return offers.map(({ word, description }) => quoted(`${word}:${escaped(description)}`)).join(" ");
}

/** @see https://zsh.sourceforge.io/Doc/Release/Completion-System.html `_arguments` */
function flagSpecification({ word, description, valueName, values }: OfferedFlag): string {
  const explained = `[${escaped(description)}]`;
  if (valueName === undefined) return quoted(word + explained);
  // The equals sign says that the value may stand behind one, or in the next word.
  return quoted(`${word}=${explained}:${escaped(valueName)}:${action(values)}`);
}

/** A space alone shows what is expected and offers nothing. */
function action(values: Values | undefined): string {
  if (values === undefined) return " ";
  return values === "files" ? "_files" : `(${values.join(" ")})`;
}

/** Brackets and colons part a specification. */
function escaped(text: string): string {
  return text.replaceAll(/[\\[\]:]/g, "\\$&");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
