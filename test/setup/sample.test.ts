import { expect, test } from "bun:test";
import { formatInWords, isPointer, readSample } from "../../src/setup/sample.ts";
import { messageOf } from "../support/setup-world.ts";

const plain = JSON.stringify({ id: 1 });
const base64 = (text: string) => Buffer.from(text).toString("base64");
const gzip = (text: string) => Buffer.from(Bun.gzipSync(text)).toString("base64");
const sns = (text: string) =>
  JSON.stringify({ Type: "Notification", MessageId: "m", TopicArn: "arn:aws:sns:r:1:t", Message: text });
const event = JSON.stringify({ id: "e", "detail-type": "order", source: "shop", detail: { id: 1 } });

test.each([
  [plain, "none", "none", undefined],
  [base64(plain), "none", "base64", "The bodies are JSON with base64 encoding; etl decodes them"],
  [gzip(plain), "none", "gzip+base64", "The bodies are JSON with gzip and base64 encoding; etl decodes them"],
  [sns(plain), "sns", "none", "The bodies are SNS notifications; etl decodes them"],
  [
    sns(gzip(plain)),
    "sns",
    "gzip+base64",
    "The bodies are SNS notifications with gzip and base64 encoding; etl decodes them",
  ],
  [event, "eventbridge", "none", "The bodies are EventBridge events; etl decodes them"],
] as const)("the format of %s is found, next to a broken message", (body, envelope, encoding, words) => {
  const sample = readSample([body, "broken", body].map(messageOf));
  const { format, bodies, unreadable } = sample;
  expect({ format, bodies }).toEqual({ format: { envelope, encoding }, bodies: [{ id: 1 }, { id: 1 }] });
  expect(unreadable).toBe(1);
  expect(formatInWords(sample)).toBe(words);
});

test.each([
  [
    "SNS notifications (1), EventBridge events (1) and JSON without an envelope (2)",
    "none",
    [sns(plain), plain, event, plain],
  ],
  ["SNS notifications (1) and JSON without an envelope (2)", "none", [sns(plain), plain, plain]],
  ["SNS notifications (2) and EventBridge events (1)", "none", [sns(plain), sns(plain), event]],
  [
    "SNS notifications (1) and JSON without an envelope (1) with base64 encoding",
    "base64",
    [sns(base64(plain)), base64(plain)],
  ],
] as const)("a sample of %s is read whole, next to a broken message", (counts, encoding, bodies) => {
  const sample = readSample([...bodies, "broken"].map(messageOf));
  expect(sample.format).toEqual({ envelope: "auto", encoding });
  expect(sample.bodies).toEqual(bodies.map(() => ({ id: 1 })));
  expect({ unreadable: sample.unreadable, unlike: sample.unlike }).toEqual({ unreadable: 1, unlike: 0 });
  expect(formatInWords(sample)).toBe(`The bodies are ${counts}; etl tells them apart (envelope = "auto")`);
});

test("an envelope is taken off although one of its messages holds a text", () => {
  const messages = [sns(plain), sns("a text"), sns(plain)].map(messageOf);
  expect(readSample(messages)).toMatchObject({
    ...{ format: { envelope: "sns" }, strays: messages.slice(1, 2), unreadable: 1 },
  });
});

test("an envelope around texts alone is left on, because nothing else of the messages is an object", () => {
  const { format, bodies } = readSample([sns("a text"), sns("another")].map(messageOf));
  expect(format).toEqual({ envelope: "none", encoding: "none" });
  expect(bodies).toMatchObject([{ Message: "a text" }, { Message: "another" }]);
});

test('the "auto" of a file stays if the sample has one envelope or none, and gives way to what reads more', () => {
  const auto = { envelope: "auto", encoding: "none" } as const;
  const format = (bodies: readonly string[]) => readSample(bodies.map(messageOf), auto).format;
  expect(format([sns(plain), sns(plain)])).toEqual(auto);
  expect(format([plain, plain])).toEqual(auto);
  expect(format([base64(plain), plain, base64(plain)])).toEqual({ envelope: "none", encoding: "base64" });
});

test("a sample that no format can read counts as plain JSON", () => {
  const broken = messageOf("broken");
  expect(readSample([broken])).toEqual({
    format: { envelope: "none", encoding: "none" },
    envelopes: new Map(),
    ...{ bodies: [], strays: [broken], unreadable: 1, unlike: 0 },
  });
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
