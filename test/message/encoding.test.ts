import { describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { textDecoding } from "../../src/message/encoding.ts";
import { isRefusal } from "../../src/message/rejection.ts";

type Decode = NonNullable<ReturnType<typeof textDecoding>>;
const base64 = textDecoding("base64") as Decode;
const gzip = textDecoding("gzip+base64") as Decode;

const encode = (bytes: Uint8Array | string) => Buffer.from(bytes).toString("base64");
const told = (decode: Decode, text: string) => {
  const outcome = decode(text);
  return isRefusal(outcome) ? outcome.reason : outcome;
};

test("there is nothing to take off where nothing was put on", () => {
  expect(textDecoding("none")).toBeUndefined();
});

describe("base64", () => {
  // RFC 4648, section 10.
  test.each([
    ["", ""],
    ["Zg==", "f"],
    ["Zm8=", "fo"],
    ["Zm9v", "foo"],
    ["Zm9vYmFy", "foobar"],
    ["eyJhIjoiw7wg8J+YgCJ9", '{"a":"ü 😀"}'],
    ["77u/e30=", "\ufeff{}"],
    ["Zg", "body_not_base64"],
    ["Zg=", "body_not_base64"],
    ["Zh==", "body_not_base64"],
    ["Zg==\n", "body_not_base64"],
    [" Zg==", "body_not_base64"],
    ["Zm9v\nYmFy", "body_not_base64"],
    ["8J-YgA==", "body_not_base64"],
    ["Zg==Zg==", "body_not_base64"],
    ['{"a":1}', "body_not_base64"],
    ["=", "body_not_base64"],
    ["/w==", "body_not_text"],
    ["7aCA", "body_not_text"],
    ["wIA=", "body_not_text"],
  ])("%j: %j", (text, outcome) => {
    expect(told(base64, text)).toBe(outcome);
  });

  test("one that was refused does no harm to the next", () => {
    expect(told(base64, encode(Uint8Array.of(0xf0, 0x9f)))).toBe("body_not_text");
    expect(told(base64, encode("{}"))).toBe("{}");
  });
});

describe("gzip and base64", () => {
  test.each([
    ["compressed text", gzipSync("{}"), "{}"],
    ["two members", Buffer.concat([gzipSync("{"), gzipSync("}")]), "{}"],
    ["text", Buffer.from("{}"), "body_not_gzip"],
    ["nothing", Buffer.of(), "body_not_gzip"],
    ["half", gzipSync("hello hello").subarray(0, -5), "body_not_gzip"],
    ["something behind it", Buffer.concat([gzipSync("{}"), Buffer.from("x")]), "body_not_gzip"],
    ["a damaged checksum", damaged(gzipSync("hello"), -5), "body_not_gzip"],
    ["no UTF-8", gzipSync(Uint8Array.of(0xff)), "body_not_text"],
  ])("%s", (_name, bytes, outcome) => {
    expect(told(gzip, encode(bytes))).toBe(outcome);
  });

  test("what is not base64 is not looked into", () => {
    expect(told(gzip, "{}")).toBe("body_not_base64");
  });

  test("16 MiB come out of it, and no byte more", () => {
    const most = 16 * 1_048_576;
    expect(told(gzip, encode(gzipSync(Buffer.alloc(most, "a"))))).toHaveLength(most);
    expect(told(gzip, encode(gzipSync(Buffer.alloc(most + 1, "a"))))).toBe("body_too_large");
  });
});

test("any text comes back as it was put in", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      expect(told(base64, encode(text))).toBe(text);
      expect(told(gzip, encode(gzipSync(text)))).toBe(text);
    }),
  );
});

test("any text is decoded or refused, and never throws", () => {
  const bytes = fc.uint8Array({ maxLength: 60 });
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.base64String(), bytes.map(encode)), (text) => {
      for (const decode of [base64, gzip]) {
        const outcome = decode(text);
        if (isRefusal(outcome)) expect(Object.keys(outcome)).toEqual(["reason", "path"]);
      }
    }),
    { numRuns: 200 },
  );
});

function damaged(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  const index = copy.length + at;
  copy[index] = (copy[index] as number) ^ 1;
  return copy;
}
