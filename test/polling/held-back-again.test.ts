import { describe, expect, test } from "bun:test";
import { HeldBack } from "../../src/polling/held-back.ts";
import type { Reject } from "../../src/polling/rejects.ts";

describe("a message that is delivered again while it is held back", () => {
  /** The parts alone, as the queue decides when it delivers again. */
  function parts() {
    const told: string[] = [];
    let room = 0;
    const heldBack = new HeldBack({
      intake: {
        free: (count) => {
          room += count;
        },
        reserve: (count) => {
          room -= count;
        },
      },
      anyRow: () => false,
      wasRejected: () => false,
      onReject: (rejects) =>
        told.push(...rejects.map(({ arrival }) => `reject ${arrival.ref.receiptHandle}`)),
      onRepeated: (refs) => told.push(...refs.map(({ receiptHandle }) => `repeated ${receiptHandle}`)),
    });
    return { heldBack, told, room: () => room };
  }

  function delivery(messageId: string, receiveCount: number): Reject {
    const ref = { messageId, receiptHandle: `${messageId}#${receiveCount}`, sentAtMillis: 0, receiveCount };
    const rejection = { messageId, reason: "body_not_json", path: "" } as const;
    return { arrival: { ref, bytes: 1, row: undefined, letter: undefined, rejection }, rejection };
  }

  test.each(["unmapped", "refused"] as const)("is held once, by its newer delivery: %s", (how) => {
    const { heldBack, told, room } = parts();
    heldBack[how]([delivery("a", 1), delivery("b", 1)]);
    heldBack[how]([delivery("a", 2)]);
    expect(heldBack.has("a")).toBe(true);
    expect(told.filter((line) => line !== "")).toEqual(["repeated a#1"]);
    // The older delivery gives back its room itself.
    expect(room()).toBe(2);
    heldBack.settle();
    expect(told.slice(1)).toEqual(["reject a#2", "reject b#1"]);
    expect(room()).toBe(0);
    expect(heldBack.has("a")).toBe(false);
  });

  test("and is stored then: it is no rejection", () => {
    const { heldBack, told, room } = parts();
    heldBack.refused([delivery("a", 1), delivery("b", 1)]);
    heldBack.stored([delivery("a", 2).arrival.ref, delivery("c", 1).arrival.ref]);
    heldBack.accepted([]);
    expect(told).toEqual(["repeated a#1", "reject b#1"]);
    expect(room()).toBe(0);
  });

  test("does not end a run twice as early", () => {
    const { heldBack } = parts();
    const rejects = Array.from({ length: 49 }, (_, index) => delivery(`m${index}`, 1));
    heldBack.unmapped(rejects);
    heldBack.unmapped(rejects);
    expect(() => heldBack.unmapped([delivery("another", 1)])).toThrow("became a row");
    // The set-up is wrong, and not they.
    heldBack.settle();
    expect(heldBack.takeAll()).toHaveLength(50);
  });
});
