import { expect, test } from "bun:test";
import { toArrival } from "../../src/polling/arrival.ts";

const message = {
  messageId: "m1",
  receiptHandle: "h1",
  sentAtMillis: 1,
  receiveCount: 2,
  groupId: "g",
  body: '["pointer",{}]',
  bodyIntact: true,
  attributes: [],
  payload: '{"id":1}',
};
const rejected = { messageId: "m1", reason: "field_missing", path: "id" } as const;

test("of a message only what settles it is kept", () => {
  const { ref, letter } = toArrival(message, rejected, false);
  expect(ref).toEqual({
    messageId: "m1",
    receiptHandle: "h1",
    sentAtMillis: 1,
    receiveCount: 2,
    groupId: "g",
  });
  expect(letter).toBeUndefined();
});

test("a letter is sent on with the body that came, not with what it points to", () => {
  const { letter } = toArrival(message, rejected, true);
  const { payload: _payload, ...asItCame } = message;
  expect(letter).toEqual(asItCame);
});
