import { describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { compileDecoder, type EncodedMessage } from "../../src/message/decode.ts";
import { fieldOf } from "../../src/message/json-object.ts";
import type { BodyFormat } from "../../src/message/mapping.ts";
import { isRefusal } from "../../src/message/rejection.ts";

const decodeBody = compileDecoder({
  format: { envelope: "none", encoding: "none" },
  exactNumbers: false,
});

function decoded(body: string) {
  const outcome = decodeBody({ body, bodyIntact: true });
  if (isRefusal(outcome)) throw new Error(outcome.reason);
  return outcome;
}

function refusal(body: string, bodyIntact = true) {
  const outcome = decodeBody({ body, bodyIntact });
  return isRefusal(outcome) ? outcome : undefined;
}

describe("a body", () => {
  test.each([
    ["an empty body", ""],
    ["white space", " \n"],
    ["a word", "hello"],
    ["half an object", '{"ip":"1.2.3.4"'],
    ["two objects", "{}{}"],
    ["single quotes", "{'ip':1}"],
    ["a trailing comma", '{"ip":1,}'],
    ["a raw control character in a string", '{"ip":"\u0001"}'],
    ["XML", "<ip/>"],
    ["a byte order mark", '\ufeff{"ip":"1.2.3.4"}'],
    ["nesting that is never closed", '{"x":'.repeat(10_000)],
  ])("%s is not JSON", (_name, body) => {
    expect(refusal(body)).toEqual({ reason: "body_not_json", path: "" });
  });

  test.each([["[]"], ['[{"ip":"1.2.3.4"}]'], ["null"], ["true"], ["12"], ['"{}"']])(
    "%s is no object",
    (body) => {
      expect(refusal(body)).toEqual({ reason: "body_not_object", path: "" });
    },
  );

  test("a body that is not what was sent is refused before it is read", () => {
    expect(refusal("{}", false)).toEqual({ reason: "body_md5_mismatch", path: "" });
    expect(refusal("", false)?.reason).toBe("body_md5_mismatch");
  });

  test.each([[10_000], [1_000_000]])("%d levels of nesting in a field do no harm", (levels) => {
    const deep = {
      arrays: "[".repeat(levels) + "]".repeat(levels),
      objects: `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`,
    };
    for (const value of Object.values(deep)) {
      expect(fieldOf(decoded(`{"deep":${value},"ip":"1.2.3.4"}`), "ip")).toBe("1.2.3.4");
    }
  });

  test("the last of two equal keys counts", () => {
    expect(fieldOf(decoded('{"ip":"1.1.1.1","ip":"2.2.2.2"}'), "ip")).toBe("2.2.2.2");
  });

  test("never throws: JSON objects are decoded, all else has a reason without a trace of the body", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          fc.string({ unit: "binary" }),
          fc.json().map((text) => text.slice(1)),
        ),
        (body) => {
          const outcome = decodeBody({ body, bodyIntact: true });
          if (isRefusal(outcome)) expect(Object.keys(outcome)).toEqual(["reason", "path"]);
          else expect(outcome.fields).toEqual(JSON.parse(body));
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("what a body points to, and what it is wrapped in", () => {
  const whole = { body: "pointer", bodyIntact: true };
  const plain = { envelope: "none", encoding: "none" } as const;
  const read = (format: BodyFormat, message: EncodedMessage, exactNumbers = false) =>
    JSON.parse(JSON.stringify(compileDecoder({ format, exactNumbers })(message)));

  test("the payload takes the body's place", () => {
    expect(read(plain, { ...whole, payload: '{"a":1}' })).toEqual({ fields: { a: 1 } });
    expect(read(plain, { ...whole, payload: "" })).toEqual({ reason: "body_not_json", path: "" });
  });

  test.each([["payload_missing"], ["payload_too_large"], ["payload_not_text"]] as const)(
    "%s",
    (payloadFault) => {
      expect(read(plain, { body: "{}", bodyIntact: true, payloadFault })).toEqual({
        reason: payloadFault,
        path: "",
      });
      expect(read(plain, { body: "{}", bodyIntact: false, payloadFault }).reason).toBe("body_md5_mismatch");
    },
  );

  test("attributes are the queue's, or those of SNS's envelope", () => {
    const attributes = [{ name: "a", dataType: "String", value: "queue" }];
    const MessageAttributes = { a: { Type: "String", Value: "topic" } };
    const body = JSON.stringify({ Type: "Notification", Message: "{}", MessageAttributes });
    const message = { body, bodyIntact: true, attributes };
    expect(read(plain, message).attributes).toEqual(attributes);
    expect(read({ ...plain, envelope: "sns" }, message)).toEqual({
      fields: {},
      attributes: [{ name: "a", dataType: "String", value: "topic" }],
    });
    const event = { ...message, body: '{"detail-type":"x","detail":{"b":2}}' };
    expect(read({ ...plain, envelope: "eventbridge" }, event)).toEqual({ fields: { b: 2 }, attributes });
  });

  test("the envelope is outside, the encoding inside", () => {
    const Message = Buffer.from(gzipSync('{"a":1.50}')).toString("base64");
    const body = JSON.stringify({ Type: "Notification", Message });
    const decode = compileDecoder({
      format: { envelope: "sns", encoding: "gzip+base64" },
      exactNumbers: true,
    });
    expect(JSON.stringify(decode({ body, bodyIntact: true }))).toBe('{"fields":{"a":1.50},"attributes":[]}');
    expect(decode({ body: Message, bodyIntact: true })).toEqual({ reason: "body_not_json", path: "" });
  });

  test("a number alone is no object, exact or not", () => {
    for (const exact of [true, false])
      expect(read(plain, { body: "1.50", bodyIntact: true }, exact)).toEqual({
        reason: "body_not_object",
        path: "",
      });
  });
});

describe("fieldOf", () => {
  test("sees own fields only", () => {
    const body = decoded('{"__proto__":{"ip":"1.2.3.4"},"a":null}');
    expect(fieldOf(body, "ip")).toBeUndefined();
    expect(fieldOf(body, "toString")).toBeUndefined();
    expect(fieldOf(body, "constructor")).toBeUndefined();
    expect(fieldOf(body, "a")).toBeNull();
    expect(({} as Record<string, unknown>).ip).toBeUndefined();
  });

  test("__proto__ is a field like any other", () => {
    expect(fieldOf(decoded('{"__proto__":"x"}'), "__proto__")).toBe("x");
    expect(fieldOf(decoded("{}"), "__proto__")).toBeUndefined();
  });
});
