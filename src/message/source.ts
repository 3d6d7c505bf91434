/** Where a column's value is found in a message: each source becomes one function, chosen once a run. */

import type { DecodedBody } from "./decode.ts";
import type { ColumnSource, MessageFact } from "./mapping.ts";
import type { Message } from "./message.ts";
import type { Refusal } from "./rejection.ts";
import type { Cell } from "./row.ts";

/** One column's cell of one message. */
export type MakeCell = (body: DecodedBody, message: Message) => Cell | Refusal;

/** What becomes of what a source holds. */
export interface ValueTaker {
  /** The source's name, for refusals. */
  readonly path: string;
  /** Of a value that is there: anything that JSON can say but null; of a time fact its milliseconds since 1970 UTC. */
  readonly take: (value: unknown) => Cell | Refusal;
  readonly whenMissing: Cell | Refusal;
  readonly whenNull: Cell | Refusal;
}

/**
 * Makes the reading of a source.
 *
 * @param now the time in milliseconds since 1970 UTC, for when a message was received
 */
export function readSource(source: ColumnSource, taker: ValueTaker, now: () => number): MakeCell {
  switch (source.in) {
    case "body":
      return source.path.length === 1
        ? fromField(source.path[0] as string, taker)
        : fromPath(source.path, taker);
    case "message":
      return fromFact(source.fact, taker, now);
    case "attributes":
      return fromAttribute(source.name, taker);
    case "constant": {
      const cell = taker.take(source.value);
      return () => cell;
    }
  }
}

function fromField(name: string, { take, whenMissing, whenNull }: ValueTaker): MakeCell {
  return ({ fields }) => {
    if (!Object.hasOwn(fields, name)) return whenMissing;
    const value = (fields as Record<string, unknown>)[name];
    return value === null ? whenNull : take(value);
  };
}

/** An array's index as JSON Pointer has it. @see https://www.rfc-editor.org/rfc/rfc6901#section-4 */
const arrayIndex = /^(?:0|[1-9]\d*)$/;

/** Walks own fields and array items only; what is absent or null on the way is a missing field. */
function fromPath(names: readonly string[], { path, take, whenMissing, whenNull }: ValueTaker): MakeCell {
  const steps = names.map((name) => ({ name, index: arrayIndex.test(name) ? Number(name) : undefined }));
  const unreachable: Refusal = { reason: "field_not_reachable", path };
  return ({ fields }) => {
    let value: unknown = fields;
    for (const { name, index } of steps) {
      if (value === null) return whenMissing;
      if (typeof value !== "object" || JSON.isRawJSON(value)) return unreachable;
      if (Array.isArray(value)) {
        if (index === undefined) return unreachable;
        if (index >= value.length) return whenMissing;
        value = value[index];
      } else {
        if (!Object.hasOwn(value as object, name)) return whenMissing;
        value = (value as Record<string, unknown>)[name];
      }
    }
    return value === null ? whenNull : take(value);
  };
}

function fromFact(fact: MessageFact, { take, whenMissing }: ValueTaker, now: () => number): MakeCell {
  switch (fact) {
    case "message_id":
      return (_body, { messageId }) => take(messageId);
    case "sent_at":
      return (_body, { sentAtMillis }) => take(sentAtMillis);
    case "received_at":
      return () => take(now());
    case "receive_count":
      return (_body, { receiveCount }) => take(receiveCount);
    case "group_id":
      return (_body, { groupId }) => (groupId === undefined ? whenMissing : take(groupId));
  }
}

function fromAttribute(name: string, { path, take, whenMissing }: ValueTaker): MakeCell {
  const notText: Refusal = { reason: "attribute_not_text", path };
  return ({ attributes }) => {
    const attribute = attributes?.find((each) => each.name === name);
    if (attribute === undefined) return whenMissing;
    // A custom label may follow the type: `Number.int`.
    return /^Binary\b/.test(attribute.dataType) ? notText : take(attribute.value);
  };
}
