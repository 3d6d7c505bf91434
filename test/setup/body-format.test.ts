import { expect, test } from "bun:test";
import { formatInWords, isPointer, readSample } from "../../src/setup/body-format.ts";
import { messageOf } from "../support/setup-world.ts";

const plain = JSON.stringify({ id: 1 });
const base64 = (text: string) => Buffer.from(text).toString("base64");
const gzip = (text: string) => Buffer.from(Bun.gzipSync(text)).toString("base64");
const sns = (text: string) => JSON.stringify({ Type: "Notification", Message: text, MessageId: "m" });
const event = JSON.stringify({ "detail-type": "order", source: "shop", detail: { id: 1 } });

test.each([
  [plain, "none", "none", undefined],
  [base64(plain), "none", "base64", "JSON with their text in base64"],
  [gzip(plain), "none", "gzip+base64", "JSON with their text in gzip and base64"],
  [sns(plain), "sns", "none", "notifications of SNS"],
  [sns(gzip(plain)), "sns", "gzip+base64", "notifications of SNS with their text in gzip and base64"],
  [event, "eventbridge", "none", "events of EventBridge"],
] as const)("%s is read", (body, envelope, encoding, words) => {
  const sample = readSample([messageOf(body), messageOf("broken"), messageOf(body)]);
  expect(sample).toEqual({ format: { envelope, encoding }, bodies: [{ id: 1 }, { id: 1 }], unreadable: 1 });
  expect(formatInWords(sample.format)).toBe(words);
});

test("what nothing can read is no format", () => {
  expect(readSample([messageOf("broken")])).toEqual({
    format: { envelope: "none", encoding: "none" },
    bodies: [],
    unreadable: 1,
  });
});

test("a pointer to an object in S3 is known, and no longer one when it was followed", () => {
  const pointer = messageOf(
    '["software.amazon.payloadoffloading.PayloadS3Pointer",{"s3BucketName":"b","s3Key":"k"}]',
  );
  expect(isPointer(pointer)).toBe(true);
  expect(isPointer({ ...pointer, payload: plain })).toBe(false);
  expect(isPointer(messageOf("[1]"))).toBe(false);
});
