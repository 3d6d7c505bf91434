import { expect, test } from "bun:test";
import { formatInWords, isPointer, readSample } from "../../src/setup/sample.ts";
import { messageOf } from "../support/setup-world.ts";

const plain = JSON.stringify({ id: 1 });
const base64 = (text: string) => Buffer.from(text).toString("base64");
const gzip = (text: string) => Buffer.from(Bun.gzipSync(text)).toString("base64");
const sns = (text: string) => JSON.stringify({ Type: "Notification", Message: text, MessageId: "m" });
const event = JSON.stringify({ "detail-type": "order", source: "shop", detail: { id: 1 } });

test.each([
  [plain, "none", "none", undefined],
  [base64(plain), "none", "base64", "JSON with base64 encoding"],
  [gzip(plain), "none", "gzip+base64", "JSON with gzip and base64 encoding"],
  [sns(plain), "sns", "none", "SNS notifications"],
  [sns(gzip(plain)), "sns", "gzip+base64", "SNS notifications with gzip and base64 encoding"],
  [event, "eventbridge", "none", "EventBridge events"],
] as const)("the format of %s is found, next to a broken message", (body, envelope, encoding, words) => {
  const { format, bodies, unreadable } = readSample([body, "broken", body].map(messageOf));
  expect({ format, bodies }).toEqual({ format: { envelope, encoding }, bodies: [{ id: 1 }, { id: 1 }] });
  expect(unreadable).toBe(1);
  expect(formatInWords(format)).toBe(words);
});

test("a sample that no format can read counts as plain JSON", () => {
  const format = { envelope: "none", encoding: "none" } as const;
  const broken = messageOf("broken");
  expect(readSample([broken])).toEqual({ format, bodies: [], strays: [broken], unreadable: 1, unlike: 0 });
});

test("a message that is unlike all the others is left out, if there are enough to tell", () => {
  const good = { id: 1, name: "x", at: 2 };
  const more = { ...good, more: 1 };
  const messages = [good, { foo: 1 }, good, more].map(messageOf);
  const { bodies, unlike, strays } = readSample(messages);
  expect({ bodies, unlike, strays }).toEqual({
    bodies: [good, good, more],
    unlike: 1,
    strays: messages.slice(1, 2),
  });
  expect(readSample([good, { foo: 1 }].map(messageOf)).unlike).toBe(0);
});

test("a body that points to an object in S3 is recognised until the object is fetched", () => {
  const pointer = messageOf(
    '["software.amazon.payloadoffloading.PayloadS3Pointer",{"s3BucketName":"b","s3Key":"k"}]',
  );
  expect(isPointer(pointer)).toBe(true);
  expect(isPointer({ ...pointer, payload: plain })).toBe(false);
  expect(isPointer(messageOf("[1]"))).toBe(false);
});
