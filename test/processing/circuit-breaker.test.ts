import { describe, expect, test } from "bun:test";
import { EtlError } from "../../src/errors.ts";
import type { RejectionReason } from "../../src/message/message.ts";
import { CircuitBreaker, type Settlement } from "../../src/processing/circuit-breaker.ts";
import type { Outcome } from "../../src/processing/outcome.ts";

interface Delivery {
  readonly messageId: string;
  readonly receiveCount: number;
}

const delivery = (messageId: string, receiveCount = 1): Delivery => ({ messageId, receiveCount });
const stored: Outcome = { kind: "stored", rows: 1 };

function rejected(
  one: Delivery,
  by: "mapping" | "table",
  reason: RejectionReason = by === "mapping" ? "body_not_json" : "sqlstate_23514",
  suspect?: EtlError,
): Settlement<Delivery> {
  return [one, { kind: "rejected", by, rejection: { messageId: one.messageId, reason, path: "" }, suspect }];
}

const many = (count: number, by: "mapping" | "table", receiveCount = 1, reason?: RejectionReason) =>
  Array.from({ length: count }, (_, index) => rejected(delivery(`m${index}`, receiveCount), by, reason));
const never = () => false;
/** What is settled, as `messageId#receiveCount outcome`. */
const told = (settlements: readonly Settlement<Delivery>[]) =>
  settlements.map(([{ messageId, receiveCount }, { kind }]) => `${messageId}#${receiveCount} ${kind}`);

describe.each(["mapping", "table"] as const)("a message that the %s rejects", (by) => {
  test("is held while nothing tells whose fault it is, and rejected when the queue has no more to tell", () => {
    const breaker = new CircuitBreaker<Delivery>();
    const { settle, held, error } = breaker.judge([rejected(delivery("a"), by)], never);
    expect([settle, held, error]).toEqual([[], [delivery("a")], undefined]);
    expect(breaker.holds("a")).toBe(true);
    expect(told(breaker.release())).toEqual(["a#1 rejected"]);
    expect(breaker.holds("a")).toBe(false);
  });

  test("is held by its newest delivery, whichever is judged first", () => {
    for (const [first, second] of [
      [1, 2],
      [2, 1],
    ] as const) {
      const breaker = new CircuitBreaker<Delivery>();
      breaker.judge([rejected(delivery("a", first), by)], never);
      const { settle } = breaker.judge([rejected(delivery("a", second), by)], never);
      expect(told(settle)).toEqual(["a#1 repeated"]);
      expect(told(breaker.release())).toEqual(["a#2 rejected"]);
    }
  });

  test("is rejected together with a batch of which a row is stored, and so is what was held", () => {
    const breaker = new CircuitBreaker<Delivery>();
    breaker.judge([rejected(delivery("a"), by)], never);
    const { settle, held } = breaker.judge([rejected(delivery("b"), by), [delivery("c"), stored]], never);
    expect(told(settle).sort()).toEqual(["a#1 rejected", "b#1 rejected", "c#1 stored"]);
    expect(held).toEqual([]);
  });

  test("is held once if it is delivered again: the newer delivery counts", () => {
    const breaker = new CircuitBreaker<Delivery>();
    breaker.judge([rejected(delivery("a"), by), rejected(delivery("b"), by)], never);
    const again = breaker.judge([rejected(delivery("a", 2), by)], never);
    expect(told(again.settle)).toEqual(["a#1 repeated"]);
    expect(told(breaker.release())).toEqual(["b#1 rejected", "a#2 rejected"]);
  });

  test("is not rejected if a later delivery of it is stored", () => {
    const breaker = new CircuitBreaker<Delivery>();
    breaker.judge([rejected(delivery("a"), by)], never);
    const { settle } = breaker.judge([[delivery("a", 2), stored]], never);
    expect(told(settle)).toEqual(["a#2 stored", "a#1 repeated"]);
  });

  test("is rejected at once if this run has rejected it before", () => {
    const { settle, held } = new CircuitBreaker<Delivery>().judge([rejected(delivery("a"), by)], () => true);
    expect([told(settle), held]).toEqual([["a#1 rejected"], []]);
  });

  test("opens the breaker as the 50th in a row, and none of them is rejected", () => {
    const breaker = new CircuitBreaker<Delivery>();
    expect(breaker.judge(many(49, by), never).error).toBeUndefined();
    // The same ones again are no new evidence.
    expect(breaker.judge(many(49, by, 2), never).error).toBeUndefined();
    const { error } = breaker.judge([rejected(delivery("another"), by)], never);
    expect(error).toMatchObject({
      kind: "config",
      exitCode: 78,
      operation: by === "mapping" ? "map" : "load",
    });
    expect(breaker.release()).toEqual([]);
    expect(breaker.takeHeld()).toHaveLength(50);
  });
});

describe("what the mapping rejects", () => {
  test("passes once a message was a duplicate: the mapping has fitted the queue before", () => {
    const breaker = new CircuitBreaker<Delivery>();
    breaker.judge([[delivery("a"), { kind: "duplicate" }]], never);
    expect(breaker.judge(many(60, "mapping"), never)).toMatchObject({ held: [], settle: { length: 60 } });
  });

  test("is the messages' own fault if most of them were received more than three times", () => {
    const breaker = new CircuitBreaker<Delivery>();
    const { settle, error } = breaker.judge(
      [...many(30, "mapping", 4), ...many(60, "mapping").slice(30)],
      never,
    );
    expect(error).toBeUndefined();
    expect(settle).toHaveLength(60);
  });

  test("opens the breaker together with what the table refuses: all of it goes back", () => {
    const breaker = new CircuitBreaker<Delivery>();
    const refused = Array.from({ length: 10 }, (_, index) => rejected(delivery(`t${index}`), "table"));
    expect(breaker.judge([...refused, ...many(50, "mapping")], never).error).toBeDefined();
    expect(breaker.takeHeld()).toHaveLength(60);
  });
});

describe("a message of another shape than the settings say, after rows", () => {
  const shapes = [
    "envelope_not_sns",
    "envelope_not_eventbridge",
    "nothing_mapped",
    "field_unmapped",
  ] as const;
  const after = () => {
    const breaker = new CircuitBreaker<Delivery>();
    breaker.judge([[delivery("good"), stored]], never);
    return breaker;
  };

  test.each(shapes)("opens the breaker as the 50th in a row, and none of them is rejected: %s", (reason) => {
    const breaker = after();
    expect(breaker.judge(many(49, "mapping", 1, reason), never)).toMatchObject({
      settle: [],
      held: { length: 49 },
    });
    const { settle, error } = breaker.judge([rejected(delivery("another"), "mapping", reason)], never);
    expect(settle).toEqual([]);
    expect(error).toMatchObject({ exitCode: 78, operation: "map", message: expect.stringContaining(reason) });
    expect(breaker.takeHeld()).toHaveLength(50);
  });

  test.each(shapes)("is rejected once another row is stored: %s", (reason) => {
    const breaker = after();
    breaker.judge(many(49, "mapping", 1, reason), never);
    const { settle, error } = breaker.judge([[delivery("b"), stored]], never);
    expect([settle.length, error]).toEqual([50, undefined]);
    expect(breaker.judge(many(49, "mapping", 1, reason), never).error).toBeUndefined();
  });

  test.each(["nothing_mapped", "field_unmapped"] as const)(
    "is rejected at once if it was received more than three times: %s",
    (reason) => {
      const { settle, error } = after().judge(many(60, "mapping", 4, reason), never);
      expect([settle.length, error]).toEqual([60, undefined]);
    },
  );

  test.each([
    [{ reason: "envelope_not_sns" }, 'envelope = "auto"'],
    [{ reason: "nothing_mapped", looksLike: "sns" }, 'envelope = "auto"'],
    [{ reason: "body_not_object", looksLike: "s3_pointer" }, "extended_payloads = true"],
  ] as const)(
    "opens the breaker however often it was received, if a setting reads it: %j",
    (refusal, setting) => {
      for (const breaker of [after(), new CircuitBreaker<Delivery>()]) {
        const batch = Array.from({ length: 60 }, (_, index): Settlement<Delivery> => {
          const messageId = `m${index}`;
          const rejection = { messageId, path: "", ...refusal };
          return [delivery(messageId, 9), { kind: "rejected", by: "mapping", rejection }];
        });
        const { settle, error } = breaker.judge(batch, never);
        expect(settle).toEqual([]);
        expect(error?.hint).toContain(`With ${setting} under [queue] etl reads them`);
      }
    },
  );

  test("is no matter for messages that are wrong by themselves", () => {
    expect(after().judge(many(60, "mapping"), never)).toMatchObject({ held: [], settle: { length: 60 } });
  });
});

describe("what the table refuses", () => {
  const missingPartition = new EtlError({ kind: "config", operation: "load", message: "no partition" });

  test("for a reason that may be its own opens the breaker if it took nothing of the batch", () => {
    const batch = [rejected(delivery("a"), "table", "sqlstate_23514", missingPartition)];
    expect(new CircuitBreaker<Delivery>().judge(batch, never).error).toBe(missingPartition);
  });

  test("for such a reason ends the run, also if an earlier load of the batch stored a row", () => {
    const batch = [rejected(delivery("a"), "table", "sqlstate_23514", missingPartition)];
    const breaker = new CircuitBreaker<Delivery>();
    const { settle, held, error } = breaker.judge([...batch, [delivery("b"), stored]], never);
    expect([told(settle), held, error]).toEqual([["b#1 stored"], [delivery("a")], missingPartition]);
    expect(breaker.release()).toEqual([]);
  });

  test("is none of its matter if the row is late for its partition, but opens the breaker if every row may be", () => {
    const postponed = (messageId: string, mayBeAll: boolean): Settlement<Delivery> => [
      delivery(messageId),
      { kind: "postponed", suspect: mayBeAll ? missingPartition : undefined },
    ];
    const judge = (...batch: Settlement<Delivery>[]) => {
      const { settle, error } = new CircuitBreaker<Delivery>().judge(batch, never);
      return [told(settle), error];
    };
    expect(judge(postponed("a", false))).toEqual([["a#1 postponed"], undefined]);
    expect(judge(postponed("a", false), [delivery("b"), stored])).toEqual([
      ["a#1 postponed", "b#1 stored"],
      undefined,
    ]);
    expect(judge(postponed("a", true), postponed("b", false))).toEqual([
      ["a#1 unsettled", "b#1 unsettled"],
      missingPartition,
    ]);
  });

  test("for changing reasons does not open the breaker, and is not held without end", () => {
    const breaker = new CircuitBreaker<Delivery>();
    const batch = Array.from({ length: 100 }, (_, index) =>
      rejected(delivery(`m${index}`), "table", `sqlstate_${index % 2 === 0 ? "23514" : "23505"}`),
    );
    expect(breaker.judge(batch.slice(0, 99), never)).toMatchObject({ settle: [] });
    const { settle, error } = breaker.judge(batch.slice(99), never);
    expect([settle.length, error]).toEqual([100, undefined]);
  });

  test("is forgiven as soon as a row is stored: a streak begins anew", () => {
    const breaker = new CircuitBreaker<Delivery>();
    breaker.judge(many(49, "table"), never);
    breaker.judge([[delivery("good"), { kind: "superseded" }]], never);
    const more = Array.from({ length: 49 }, (_, index) => rejected(delivery(`n${index}`), "table"));
    expect(breaker.judge(more, never).error).toBeUndefined();
  });
});
