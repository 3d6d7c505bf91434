/** The second station of a message's way: its body becomes an object, or a reason why it is none. */

import type { Message } from "./message.ts";
import type { Refusal } from "./rejection.ts";

/** What a body holds. Read its fields with {@link fieldOf}, which a key such as `__proto__` cannot fool. */
export interface DecodedBody {
  readonly fields: object;
}

const mismatch: Refusal = { reason: "body_md5_mismatch", path: "" };
const notJson: Refusal = { reason: "body_not_json", path: "" };
const notObject: Refusal = { reason: "body_not_object", path: "" };

/**
 * Reads a message's body as one JSON object. Never throws, and a refusal holds nothing of the body.
 *
 * Of a key that stands in the object twice the last one counts, as in every JavaScript program. A byte order mark at the
 * start is refused, as it is no part of a JSON text: the message stays in the queue, so nothing is lost by that.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8259#section-4 on keys that are not unique
 * @see https://www.rfc-editor.org/rfc/rfc8259#section-8.1 on the byte order mark
 */
export function decodeBody(message: Pick<Message, "body" | "bodyIntact">): DecodedBody | Refusal {
  if (!message.bodyIntact) return mismatch;
  const value = parsed(message.body);
  if (value === undefined) return notJson;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return notObject;
  return { fields: value };
}

/** The value of the body's own field; undefined where it has none, which JSON cannot say in another way. */
export function fieldOf(body: DecodedBody, name: string): unknown {
  return Object.hasOwn(body.fields, name) ? (body.fields as Record<string, unknown>)[name] : undefined;
}

/** The body's JSON value; undefined where it is not JSON. */
function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    // The error is dropped on purpose: it quotes the body. A RangeError for nesting too deep ends here, too.
    return undefined;
  }
}
