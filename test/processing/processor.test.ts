import { describe, expect, test } from "bun:test";
import { EtlError } from "../../src/errors.ts";
import type { Message } from "../../src/message/message.ts";
import { commitUnknown, type Fate, type Loader } from "../../src/processing/outcome.ts";
import { createProcessor, previewMessages } from "../../src/processing/processor.ts";
import { mapBody, SkippingClock } from "../support/memory-ports.ts";

function message(messageId: string, body: string, receiveCount = 1): Message {
  return {
    ...{ messageId, receiptHandle: `${messageId}#${receiveCount}`, sentAtMillis: 0, receiveCount },
    ...{ body, bodyIntact: true },
  };
}

function processorOf(load: Loader["load"], giveUpAfterMillis = 10_000) {
  const limits = { clock: new SkippingClock(), random: () => 0.5, giveUpAfterMillis };
  const signal = new AbortController().signal;
  const retry = { ...limits, signal, onTrouble() {}, onRecovery() {} };
  return createProcessor({ mapMessage: mapBody, loader: { load }, retry });
}

const failure = (code?: string, retryable = true) =>
  new EtlError({ kind: "unavailable", operation: "load", message: "away", retryable, code });

describe("processing messages", () => {
  test("gives an outcome for each, in their order, whatever becomes of them", async () => {
    const fates: Record<string, Fate> = {
      a: { kind: "stored", rows: 2 },
      c: { kind: "superseded" },
      d: { kind: "duplicate" },
    };
    const processor = processorOf(async (batch) => batch.map(({ ref }) => fates[ref.messageId] as Fate));
    const outcomes = await processor.process(
      ["a", "b", "c", "d"].map((id) => message(id, id === "b" ? "bad" : id)),
    );
    expect(outcomes).toEqual([
      { kind: "stored", rows: 2 },
      {
        kind: "rejected",
        by: "mapping",
        rejection: { messageId: "b", reason: "body_not_json", path: "" },
      },
      { kind: "superseded" },
      { kind: "duplicate" },
    ]);
  });

  test("loads a message once that was delivered twice, and counts the second as what the first became", async () => {
    const rejected = (id: string): Fate => ({
      kind: "rejected",
      by: "table",
      rejection: { messageId: id, reason: "sqlstate_23514", path: "" },
    });
    const loaded: string[] = [];
    const processor = processorOf(async (batch) =>
      batch.map(({ ref: { messageId } }) => {
        loaded.push(messageId);
        return messageId === "a" ? { kind: "stored", rows: 1 } : rejected(messageId);
      }),
    );
    const messages = [message("a", "1"), message("x", "bad"), message("b", "2"), message("a", "1", 2)];
    const outcomes = await processor.process([...messages, message("x", "bad", 2), message("b", "2", 2)]);
    expect(loaded).toEqual(["a", "b"]);
    expect(outcomes.map(({ kind }) => kind)).toEqual([
      ...["stored", "repeated", "repeated", "duplicate", "rejected", "rejected"],
    ] as never);
  });

  test("does not load if nothing can be mapped", async () => {
    const processor = processorOf(() => Promise.reject(new Error("loaded")));
    expect(await processor.process([message("a", "bad")])).toMatchObject([{ kind: "rejected" }]);
  });

  test("leaves everything unsettled if the load fails for good, but for what the mapping rejected", async () => {
    const error = failure(undefined, false);
    const processor = processorOf(() => Promise.reject(error));
    expect(await processor.process([message("a", "1"), message("b", "bad"), message("a", "1", 2)])).toEqual([
      { kind: "unsettled", error, mayBeStored: false },
      expect.objectContaining({ kind: "rejected" }),
      { kind: "unsettled", error, mayBeStored: false },
    ]);
  });

  test("keeps the doubt of an unanswered commit, whatever the later attempts fail with", async () => {
    let attempts = 0;
    const processor = processorOf(() => {
      attempts += 1;
      return Promise.reject(attempts === 1 ? failure(commitUnknown) : failure(undefined, attempts < 3));
    });
    expect(await processor.process([message("a", "1")])).toMatchObject([
      { kind: "unsettled", mayBeStored: true },
    ]);
    expect(attempts).toBe(3);
  });

  test("leaves everything unsettled if mapping throws", async () => {
    const error = failure();
    const processor = createProcessor({
      mapMessage() {
        throw error;
      },
      loader: { load: () => Promise.reject(new Error("loaded")) },
      retry: {} as never,
    });
    expect(await processor.process([message("a", "1"), message("b", "2")])).toEqual([
      { kind: "unsettled", error, mayBeStored: false },
      { kind: "unsettled", error, mayBeStored: false },
    ]);
  });
});

test("a preview tells what a message would become, and which are stored already", async () => {
  const messages = [message("a", "1"), message("b", "bad"), message("c", "3")];
  const areStored = async () => [false, false, true];
  expect(await previewMessages(messages, { mapMessage: mapBody, areStored })).toMatchObject([
    { kind: "mapped", rows: [["1"]] },
    { kind: "rejected", rejection: { reason: "body_not_json" } },
    { kind: "duplicate" },
  ]);
});
