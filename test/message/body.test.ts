import { describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { compileDecoder, textDecodings } from "../../src/message/body.ts";
import { parseExactJson, parseJson } from "../../src/message/json.ts";
import type { BodyFormat } from "../../src/message/mapping.ts";
import { isRefusal, type Message, type Refusal } from "../../src/message/message.ts";

type Options = Partial<BodyFormat & Message & { exactNumbers: boolean }>;

function decoded(body: string, options: Options = {}) {
  const { envelope = "none", encoding = "none", exactNumbers = false, ...message } = options;
  const decode = compileDecoder({ envelope, encoding }, exactNumbers ? parseExactJson : parseJson);
  const ref = { messageId: "m-1", receiptHandle: "r-1", sentAtMillis: 0, receiveCount: 1 };
  return decode({ ...ref, body, bodyIntact: true, ...message });
}

/** The object that a body holds, as JSON, or the reason why there is none. */
function read(body: string, options: Options = {}): string {
  const outcome = decoded(body, options);
  return isRefusal(outcome) ? reasonOf(outcome) : JSON.stringify(outcome.fields);
}

function reasonOf(refusal: Refusal): string {
  expect(Object.keys(refusal)).toEqual(["reason", "path"]);
  expect(refusal.path).toBe("");
  return refusal.reason;
}

describe("a body", () => {
  test.each<[string, ...string[]]>([
    [
      "body_not_json",
      "",
      " \n",
      "hello",
      '{"ip":"1.2.3.4"',
      "{}{}",
      "{'ip':1}",
      '{"ip":1,}',
      '{"ip":"\u0001"}',
    ],
    ["body_not_json", "<ip/>", '\ufeff{"ip":"1.2.3.4"}', '{"x":'.repeat(10_000)],
    ["body_not_object", "[]", '[{"ip":"1.2.3.4"}]', "null", "true", "12", "1.50", '"{}"'],
  ])("%s", (reason, ...bodies) => {
    for (const body of bodies)
      for (const exactNumbers of [true, false])
        expect([body, read(body, { exactNumbers })]).toEqual([body, reason]);
  });

  test("that is not what was sent is refused before it is read", () => {
    for (const body of ["{}", ""]) expect(read(body, { bodyIntact: false })).toBe("body_md5_mismatch");
  });

  test.each([10_000, 1_000_000])("may have %d levels of nesting in a field", (levels) => {
    const arrays = "[".repeat(levels) + "]".repeat(levels);
    const objects = `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;
    for (const deep of [arrays, objects])
      expect(decoded(`{"deep":${deep},"ip":"1.2.3.4"}`)).toHaveProperty("fields.ip", "1.2.3.4");
  });

  test("has the last of two equal keys, and __proto__ is a key like any other", () => {
    expect(read('{"ip":"1.1.1.1","ip":"2.2.2.2"}')).toBe('{"ip":"2.2.2.2"}');
    expect(read('{"__proto__":{"ip":"1.2.3.4"}}')).toBe('{"__proto__":{"ip":"1.2.3.4"}}');
    expect(({} as Record<string, unknown>).ip).toBeUndefined();
  });

  test("never throws: a JSON object is decoded, all else has a reason without a trace of the body", () => {
    const text = fc.oneof(
      fc.json(),
      fc.string({ unit: "binary" }),
      fc.json().map((json) => json.slice(1)),
    );
    fc.assert(
      fc.property(text, (body) => {
        const outcome = decoded(body);
        if (isRefusal(outcome)) reasonOf(outcome);
        else expect(outcome.fields).toEqual(JSON.parse(body));
      }),
      { numRuns: 500 },
    );
  });
});

describe("the payload that a body points to", () => {
  test("takes the body's place", () => {
    expect(read("pointer", { payload: '{"a":1}' })).toBe('{"a":1}');
    expect(read("pointer", { payload: "" })).toBe("body_not_json");
  });

  test.each(["payload_missing", "payload_too_large", "payload_not_text"] as const)("%s", (payloadFault) => {
    expect(read("{}", { payloadFault })).toBe(payloadFault);
    expect(read("{}", { bodyIntact: false, payloadFault })).toBe("body_md5_mismatch");
  });
});

describe("an SNS notification", () => {
  const sns = { envelope: "sns", exactNumbers: true } as const;
  const notification = {
    Type: "Notification",
    MessageId: "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
    TopicArn: "arn:aws:sns:us-west-2:123456789012:MyTopic",
    Message: '{"user":{"id":1.50}}',
    Timestamp: "2012-05-02T00:54:06.655Z",
  };
  const queueAttributes = [{ name: "a", dataType: "String", value: "queue" }];

  test("gives the sender's text, and its own attributes instead of the queue's", () => {
    const MessageAttributes = {
      kind: { Type: "String", Value: "login" },
      count: { Type: "Number", Value: "5" },
    };
    const body = JSON.stringify({ ...notification, MessageAttributes });
    expect(read(body, sns)).toBe(notification.Message);
    expect(decoded(body, { ...sns, attributes: queueAttributes })).toHaveProperty("attributes", [
      { name: "kind", dataType: "String", value: "login" },
      { name: "count", dataType: "Number", value: "5" },
    ]);
    const bare = JSON.stringify(notification);
    expect(decoded(bare, { ...sns, attributes: queueAttributes })).toHaveProperty("attributes", []);
  });

  test("holds an encoded text: the envelope is removed first", () => {
    const Message = base64(gzipSync('{"a":1.50}'));
    const format = { ...sns, encoding: "gzip+base64" } as const;
    expect(read(JSON.stringify({ ...notification, Message }), format)).toBe('{"a":1.50}');
    expect(read(Message, format)).toBe("body_not_json");
  });

  test.each<[string, ...string[]]>([
    ["envelope_not_sns", "{}", '{"Message":"{}"}', '{"Type":"Notification"}'],
    ["envelope_not_sns", '{"Type":"Notification","Message":{}}'],
    ["envelope_not_sns", '{"Type":"SubscriptionConfirmation","Message":"{}"}'],
    ["envelope_not_sns", '{"Type":"Notification","Message":"{}","MessageAttributes":[]}'],
    ["envelope_not_sns", '{"Type":"Notification","Message":"{}","MessageAttributes":{"k":"login"}}'],
    [
      "envelope_not_sns",
      '{"Type":"Notification","Message":"{}","MessageAttributes":{"k":{"Type":"S","Value":5}}}',
    ],
    ["envelope_not_sns", '{"__proto__":{"Type":"Notification","Message":"{}"}}'],
    ["body_not_object", "[]"],
    ["body_not_json", "hello"],
  ])("%s: %s", (reason, ...bodies) => {
    for (const body of bodies) expect([body, read(body, sns)]).toEqual([body, reason]);
  });
});

describe("an EventBridge event", () => {
  const eventBridge = { envelope: "eventbridge", exactNumbers: true } as const;

  test("gives its detail with the digits of its numbers, and the queue's attributes", () => {
    const attributes = [{ name: "a", dataType: "String", value: "queue" }];
    const body = '{"version":"0","detail-type":"order","source":"shop","detail":{"total":1.50}}';
    expect(read(body, eventBridge)).toBe('{"total":1.50}');
    expect(decoded(body, { ...eventBridge, attributes })).toHaveProperty("attributes", attributes);
  });

  test("cannot be encoded", () => {
    expect(() => decoded("", { ...eventBridge, encoding: "base64" })).toThrow(
      expect.objectContaining({ name: "EtlError", kind: "config" }),
    );
  });

  test.each<[string, ...string[]]>([
    [
      "envelope_not_eventbridge",
      "{}",
      '{"detail":{}}',
      '{"detail-type":"x"}',
      '{"detail-type":"x","detail":"{}"}',
    ],
    ["envelope_not_eventbridge", '{"detail-type":"x","detail":[]}', '{"detail-type":"x","detail":null}'],
    [
      "envelope_not_eventbridge",
      '{"detail-type":"x","detail":1.5}',
      '{"__proto__":{"detail-type":"x","detail":{}}}',
    ],
    ["body_not_object", "5", "1.5"],
    ["body_not_json", ""],
  ])("%s: %s", (reason, ...bodies) => {
    for (const body of bodies) expect([body, read(body, eventBridge)]).toEqual([body, reason]);
  });
});

describe("an envelope that each message tells", () => {
  const auto = { envelope: "auto", exactNumbers: true } as const;
  const inner = '{"total":1.50}';
  const notification = (Message: string, changes: object = {}) =>
    JSON.stringify({
      Type: "Notification",
      MessageId: "m",
      TopicArn: "arn:aws:sns:r:1:t",
      Message,
      ...changes,
    });
  const event = '{"version":"0","id":"e","detail-type":"order","source":"shop","detail":{"total":1.50}}';

  test("is removed, with the digits of numbers, and what has none is taken as it is", () => {
    expect(read(notification(inner), auto)).toBe(inner);
    expect(read(event, auto)).toBe(inner);
    expect(read(inner, auto)).toBe(inner);
  });

  test("brings the attributes of the topic, and leaves those of the queue to the others", () => {
    const attributes = [{ name: "a", dataType: "String", value: "queue" }];
    const MessageAttributes = { kind: { Type: "String", Value: "x" } };
    expect(decoded(notification(inner, { MessageAttributes }), { ...auto, attributes })).toHaveProperty(
      "attributes",
      [{ name: "kind", dataType: "String", value: "x" }],
    );
    for (const body of [event, inner])
      expect(decoded(body, { ...auto, attributes })).toHaveProperty("attributes", attributes);
  });

  test("goes with an encoding of the text; the object of an event has none", () => {
    const encoded = { ...auto, encoding: "gzip+base64" } as const;
    const text = base64(gzipSync(inner));
    for (const body of [notification(text), text, event]) expect(read(body, encoded)).toBe(inner);
    expect(read(inner, encoded)).toBe("body_not_base64");
  });

  test.each([
    '{"Type":"Notification","Message":"{}"}',
    '{"Type":"SubscriptionConfirmation","MessageId":"m","TopicArn":"t","Message":"{}"}',
    '{"detail-type":"order","detail":{}}',
    '{"detail-type":"order","source":"shop","id":"e","detail":"{}"}',
    '{"__proto__":{"Type":"Notification","MessageId":"m","TopicArn":"t","Message":"{}"}}',
  ])("is not seen in what only has some of its fields: %s", (body) => {
    expect(read(body, auto)).toBe(body);
  });

  test.each([
    ["hello", "body_not_json"],
    ["[]", "body_not_object"],
    [notification("hello"), "body_not_json"],
  ])("%s: %s", (body, reason) => {
    expect(read(body, auto)).toBe(reason);
  });
});

test("a pointer to S3 that is not followed says what it is", () => {
  const pointer = (name: string) => JSON.stringify([name, { s3BucketName: "b", s3Key: "k" }]);
  for (const name of [
    "software.amazon.payloadoffloading.PayloadS3Pointer",
    "com.amazon.sqs.javamessaging.MessageS3Pointer",
  ])
    expect(decoded(pointer(name))).toEqual({ reason: "body_not_object", path: "", looksLike: "s3_pointer" });
  expect(decoded(pointer("pointer"))).toEqual({ reason: "body_not_object", path: "" });
});

test("a hostile envelope is removed or refused, without a trace of it", () => {
  const keys = ["Type", "Message", "MessageAttributes", "detail", "detail-type", "reason", "__proto__"];
  const value = fc.oneof(
    fc.constantFrom<unknown>("Notification", "{}", {}, { a: { Type: "String", Value: "x" } }),
    fc.jsonValue(),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...keys), value), { maxLength: 5 }), (fields) => {
      const body = `{${fields.map(([name, each]) => `"${name}":${JSON.stringify(each)}`).join(",")}}`;
      for (const envelope of ["sns", "eventbridge", "auto"] as const)
        read(body, { envelope, exactNumbers: true });
    }),
    { numRuns: 2000 },
  );
});

describe("an encoding", () => {
  const unencoded = (encoding: BodyFormat["encoding"], text: string) => {
    const outcome = textDecodings[encoding](text);
    return isRefusal(outcome) ? reasonOf(outcome) : outcome;
  };

  // The first five are of RFC 4648, section 10.
  test.each([
    ["", ""],
    ["Zg==", "f"],
    ["Zm8=", "fo"],
    ["Zm9v", "foo"],
    ["Zm9vYmFy", "foobar"],
    ["eyJhIjoiw7wg8J+YgCJ9", '{"a":"ü 😀"}'],
    ["77u/e30=", "\ufeff{}"],
  ])("base64: %j is %j", (text, outcome) => {
    expect(unencoded("base64", text)).toBe(outcome);
  });

  test.each<[string, ...string[]]>([
    [
      "body_not_base64",
      "Zg",
      "Zg=",
      "Zh==",
      "Zg==\n",
      " Zg==",
      "Zm9v\nYmFy",
      "8J-YgA==",
      "Zg==Zg==",
      '{"a":1}',
      "=",
    ],
    ["body_not_text", "/w==", "7aCA", "wIA="],
  ])("%s", (reason, ...texts) => {
    for (const text of texts) expect([text, unencoded("base64", text)]).toEqual([text, reason]);
  });

  test("that was refused does no harm to the next", () => {
    expect(unencoded("base64", base64(Uint8Array.of(0xf0, 0x9f)))).toBe("body_not_text");
    expect(unencoded("base64", base64("{}"))).toBe("{}");
  });

  test.each([
    ["compressed text", gzipSync("{}"), "{}"],
    ["two members", Buffer.concat([gzipSync("{"), gzipSync("}")]), "{}"],
    ["text", Buffer.from("{}"), "body_not_gzip"],
    ["nothing", Buffer.of(), "body_not_gzip"],
    ["half", gzipSync("hello hello").subarray(0, -5), "body_not_gzip"],
    ["something behind it", Buffer.concat([gzipSync("{}"), Buffer.from("x")]), "body_not_gzip"],
    [
      "a damaged checksum",
      gzipSync("hello").map((byte, at, all) => byte ^ Number(at === all.length - 5)),
      "body_not_gzip",
    ],
    ["a text that is not UTF-8", gzipSync(Uint8Array.of(0xff)), "body_not_text"],
  ])("gzip: %s", (_name, bytes, outcome) => {
    expect(unencoded("gzip+base64", base64(bytes))).toBe(outcome);
  });

  test("is read before it is decompressed, to 16 MiB and no byte more", () => {
    const most = 16 * 1_048_576;
    expect(unencoded("gzip+base64", "{}")).toBe("body_not_base64");
    expect(unencoded("gzip+base64", base64(gzipSync(Buffer.alloc(most, "a"))))).toHaveLength(most);
    expect(unencoded("gzip+base64", base64(gzipSync(Buffer.alloc(most + 1, "a"))))).toBe("body_too_large");
  });

  test("gives any text back as it was put in", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(unencoded("none", text)).toBe(text);
        expect(unencoded("base64", base64(text))).toBe(text);
        expect(unencoded("gzip+base64", base64(gzipSync(text)))).toBe(text);
      }),
    );
  });

  test("never throws, whatever the text is", () => {
    const bytes = fc.uint8Array({ maxLength: 60 }).map(base64);
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.base64String(), bytes), (text) => {
        for (const encoding of ["base64", "gzip+base64"] as const) unencoded(encoding, text);
      }),
      { numRuns: 200 },
    );
  });
});

function base64(bytes: Uint8Array | string): string {
  return Buffer.from(bytes).toString("base64");
}
