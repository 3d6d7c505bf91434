import { describe, expect, test } from "bun:test";
import type { Message } from "../../src/message/message.ts";
import { readOrigin } from "../../src/sqs/return-queue.ts";

const origin = {
  ...{ reason: "sqlstate_23514", path: "", messageId: "id-1", sentAt: "2026-11-22T03:04:05.678Z" },
  queue: "arn:aws:sqs:eu-west-1:123456789012:login-queue",
};

function letter(value: string | undefined, name = "etl-rejection"): Message {
  return {
    ...{ messageId: "m", receiptHandle: "h", sentAtMillis: 1, receiveCount: 1, body: "", bodyIntact: true },
    attributes: value === undefined ? [] : [{ name, dataType: "String", value }],
  };
}

describe("what a dead letter says of where it came from", () => {
  test("as etl has written it", () => {
    expect(readOrigin(letter(JSON.stringify(origin)))).toEqual({
      ...{ reason: "sqlstate_23514", queue: origin.queue, messageId: "id-1" },
      sentAtMillis: Date.UTC(2026, 10, 22, 3, 4, 5, 678),
    });
  });

  test.each<[what: string, value: string | undefined]>([
    ["nothing", undefined],
    ["no JSON", "{"],
    ["null", "null"],
    ["a text", '"id-1"'],
    ["an id that is none", JSON.stringify({ ...origin, messageId: 7 })],
    ["no queue", JSON.stringify({ ...origin, queue: undefined })],
    ["no time", JSON.stringify({ ...origin, sentAt: "yesterday" })],
    ["a time as a number", JSON.stringify({ ...origin, sentAt: 1 })],
    ["a time that the ledger cannot hold", JSON.stringify({ ...origin, sentAt: "+012026-01-01T00:00:00Z" })],
    ["a time before all messages", JSON.stringify({ ...origin, sentAt: "1969-01-01T00:00:00Z" })],
  ])("is nothing where it is %s", (_, value) => {
    expect(readOrigin(letter(value))).toBeUndefined();
  });

  test("is not read from another attribute", () => {
    expect(readOrigin(letter(JSON.stringify(origin), "other"))).toBeUndefined();
  });

  test.each([["a b"], ["x".repeat(100)], ["\u001b[2J"], [7]])(
    "has no reason where that is no word: %j",
    (reason) => {
      const said = readOrigin(letter(JSON.stringify({ ...origin, reason })));
      expect(said).toMatchObject({ messageId: "id-1", reason: undefined });
    },
  );
});
