import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { oneEntryPerMessage } from "../../src/message/batch.ts";
import type { MappedMessage } from "../../src/message/row.ts";

function delivery(messageId: string, receiptHandle: string): MappedMessage {
  return { ref: { messageId, receiptHandle, sentAtMillis: 0, receiveCount: 1 }, row: [null] };
}

describe("oneEntryPerMessage", () => {
  test("the first delivery is loaded, the others repeat it", () => {
    const [a, b, aAgain, c, aOnceMore] = [
      delivery("a", "1"),
      delivery("b", "2"),
      delivery("a", "3"),
      delivery("c", "4"),
      delivery("a", "5"),
    ] as const;
    const { batch, repeats } = oneEntryPerMessage([a, b, aAgain, c, aOnceMore]);
    expect(batch).toEqual([a, b, c]);
    expect(repeats).toEqual([aAgain.ref, aOnceMore.ref]);
  });

  test("message ids are compared as they are", () => {
    expect(
      oneEntryPerMessage([delivery("a", "1"), delivery("A", "2"), delivery("__proto__", "3")]).batch,
    ).toHaveLength(3);
  });

  test("nothing gives nothing", () => {
    expect(oneEntryPerMessage([])).toEqual({ batch: [], repeats: [] });
  });

  test("every delivery is in one of the two, and no message id is in the batch twice", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("a", "b", "c", "d")), (ids) => {
        const deliveries = ids.map((id, index) => delivery(id, String(index)));
        const { batch, repeats } = oneEntryPerMessage(deliveries);
        const handles = [...batch.map(({ ref }) => ref), ...repeats].map((ref) => ref.receiptHandle);
        expect(handles.sort()).toEqual(deliveries.map(({ ref }) => ref.receiptHandle).sort());
        expect(batch.map(({ ref }) => ref.messageId)).toEqual([...new Set(ids)]);
      }),
    );
  });
});
