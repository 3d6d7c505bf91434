/** One JSON object, read so that nothing but its own fields is ever seen. */

import type { ParseJson } from "./json.ts";
import type { Refusal } from "./rejection.ts";

/** What a text holds. Read its fields with {@link fieldOf}, which a key such as `__proto__` cannot fool. */
export interface JsonObject {
  readonly fields: object;
}

const notJson: Refusal = { reason: "body_not_json", path: "" };
const notObject: Refusal = { reason: "body_not_object", path: "" };

/**
 * Reads a text as one JSON object. Never throws, and a refusal holds nothing of the text.
 *
 * Of a key that stands in the object twice the last one counts, as in every JavaScript program. A byte order mark at the
 * start is refused, as it is no part of a JSON text: the message stays in the queue, so nothing is lost by that.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8259#section-4 on keys that are not unique
 * @see https://www.rfc-editor.org/rfc/rfc8259#section-8.1 on the byte order mark
 */
export function readObject(text: string, parse: ParseJson): JsonObject | Refusal {
  const value = parse(text);
  if (value === undefined) return notJson;
  return isObject(value) ? { fields: value } : notObject;
}

/** Whether a JSON value is an object: no array, and no number that was kept as it was written. */
export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value);
}

/** The value of the object's own field; undefined where it has none, which JSON cannot say in another way. */
export function fieldOf({ fields }: JsonObject, name: string): unknown {
  return Object.hasOwn(fields, name) ? (fields as Record<string, unknown>)[name] : undefined;
}
