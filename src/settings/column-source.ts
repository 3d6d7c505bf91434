/** Reads and writes `from`: the place in a message that a column takes its value from. */

import { type ColumnSource, messageFacts, sourceName } from "../message/mapping.ts";
import { nearestName } from "../text/nearest-name.ts";
import type { FileColumn } from "./column-schema.ts";
import { shownWord } from "./shown-word.ts";

const attributesPrefix = "$attributes.";

/** A name in double quotes with JSON's escapes, or one without dots, quotes, and white space at its ends. */
const pathPart = /("(?:[^"\\]|\\.)*"|[^\s."](?:[^."]*[^\s."])?)(\.|$)/y;

/**
 * The source that `from` names: `user.id`, `user."a.b"`, `/user/id`, `$sent_at`, `$attributes.kind`, or a constant.
 *
 * @returns what is wrong with it, as a text, where it names none
 * @see https://www.rfc-editor.org/rfc/rfc6901
 */
export function readSource(from: FileColumn["from"]): ColumnSource | string {
  if (typeof from !== "string") return { in: "constant", value: from.constant };
  if (from.startsWith("$")) return readFact(from);
  const path = from.startsWith("/") ? readPointer(from) : readDotted(from);
  return typeof path === "string" ? path : { in: "body", path };
}

/** What {@link readSource} reads as this source. */
export function writeSource(source: ColumnSource): FileColumn["from"] {
  return source.in === "constant" ? { constant: source.value } : sourceName(source);
}

function readFact(from: string): ColumnSource | string {
  if (from.startsWith(attributesPrefix)) {
    const name = from.slice(attributesPrefix.length);
    return name === "" ? "names no attribute: write $attributes.NAME" : { in: "attributes", name };
  }
  const fact = messageFacts.find((name) => from === `$${name}`);
  if (fact !== undefined) return { in: "message", fact };
  const known = [...messageFacts.map((name) => `$${name}`), `${attributesPrefix}NAME`];
  const nearest = nearestName(from, known);
  return nearest === undefined
    ? `must be one of ${known.join(", ")} where it begins with $; a field of that name is written /$NAME`
    : `must be one of ${known.join(", ")}; found ${shownWord(from.slice(1))}; did you mean "${nearest}"?`;
}

function readPointer(pointer: string): readonly string[] | string {
  if (/~(?![01])/.test(pointer)) return "must have ~0 for a ~ in a JSON Pointer, and ~1 for a / in a name";
  const names = pointer.slice(1).split("/");
  return names.map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function readDotted(path: string): readonly string[] | string {
  const names: string[] = [];
  pathPart.lastIndex = 0;
  for (let more = true; more; ) {
    const [, part = "", dot] = pathPart.exec(path) ?? [];
    const name = part.startsWith('"') ? unquoted(part) : part;
    if (dot === undefined || name === undefined) {
      return 'must be names with dots between them, such as user.id; a name with a dot, a quote or white space at its ends is written in quotes, as user."a.b"';
    }
    names.push(name);
    more = dot === ".";
  }
  return names;
}

/** The text of a JSON string; undefined where it is none. */
function unquoted(text: string): string | undefined {
  try {
    return JSON.parse(text) as string;
  } catch {
    return undefined;
  }
}
