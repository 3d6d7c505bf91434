import { describe, expect, test } from "bun:test";
import { objectUrl, readPointer } from "../../src/s3/payload-store.ts";

const name = "software.amazon.payloadoffloading.PayloadS3Pointer";
const older = "com.amazon.sqs.javamessaging.MessageS3Pointer";
const object = { s3BucketName: "payloads", s3Key: "a/b" };

describe("a pointer", () => {
  test.each<[string, string]>([
    ["as the library writes it", JSON.stringify([name, object])],
    ["as it wrote it before", JSON.stringify([older, object])],
    ["as its Python counterpart writes it", `["${name}", {"s3BucketName": "payloads", "s3Key": "a/b"}]`],
    ["with white space around", `\n [ "${name}" ,\t${JSON.stringify(object)} ]\n`],
    ["with more than is known", JSON.stringify([name, { ...object, size: 3 }])],
  ])("%s", (_, body) => {
    expect(readPointer(body)).toEqual({ bucket: "payloads", key: "a/b" });
  });

  test.each<[string, string]>([
    ["an object", JSON.stringify(object)],
    ["another class", JSON.stringify(["com.example.PayloadS3Pointer", object])],
    ["no object", JSON.stringify([name])],
    ["one part too many", JSON.stringify([name, object, 1])],
    ["an array in the object's place", JSON.stringify([name, [object]])],
    ["null in the object's place", JSON.stringify([name, null])],
    ["no bucket", JSON.stringify([name, { s3Key: "k" }])],
    ["a key that is no text", JSON.stringify([name, { ...object, s3Key: 7 }])],
    ["what is not JSON", `["${name}", {`],
    ["text that holds one", `x${JSON.stringify([name, object])}`],
    ["one longer than any", JSON.stringify([name, { ...object, more: "x".repeat(16 * 1024) }])],
    ["nothing", ""],
  ])("is not %s", (_, body) => {
    expect(readPointer(body)).toBeUndefined();
  });
});

const origin = "https://s3.eu-west-1.amazonaws.com";

describe("the URL of an object", () => {
  test.each([
    ["payloads", "a/b.json", "https://payloads.s3.eu-west-1.amazonaws.com/a/b.json"],
    ["my.payloads", "k", "https://s3.eu-west-1.amazonaws.com/my.payloads/k"],
    ["payloads", "/k", "https://s3.eu-west-1.amazonaws.com/payloads//k"],
    ["payloads", "a//b/", "https://payloads.s3.eu-west-1.amazonaws.com/a//b/"],
    [
      "payloads",
      "a b+c?d#e%2Fé'()*!",
      `https://payloads.s3.eu-west-1.amazonaws.com/a%20b%2Bc%3Fd%23e%252F%C3%A9%27%28%29%2A%21`,
    ],
    ["payloads", "...", "https://payloads.s3.eu-west-1.amazonaws.com/..."],
    ["payloads", "a\\..\\b", "https://payloads.s3.eu-west-1.amazonaws.com/a%5C..%5Cb"],
  ])("%s %j", (bucket, key, url) => {
    expect(objectUrl({ bucket, key }, origin, false)).toBe(url);
    expect(new URL(url).href).toBe(url); // Nothing is changed on its way into a request.
  });

  test("stands in the path where an endpoint stands for S3", () => {
    const url = objectUrl({ bucket: "payloads", key: "k" }, "http://127.0.0.1:4566/s3", true);
    expect(url).toBe("http://127.0.0.1:4566/s3/payloads/k");
  });

  test.each([
    "",
    "ab",
    "-payloads",
    "payloads-",
    "pay..loads",
    ".payloads",
    "payloads.",
    "Payloads",
    "pay_loads",
    "192.0.2.1",
    "evil.example/",
    "evil.example#",
    "evil.example?",
    "evil.example:80",
    "user@evil.example",
    "evil.example\\",
    "pay loads",
    "payloads\n",
    "pаyloads", // a Cyrillic letter
    "x".repeat(64),
    "../payloads",
    "%2e%2e",
  ])("does not exist for the bucket %j", (bucket) => {
    expect(objectUrl({ bucket, key: "k" }, origin, false)).toBeUndefined();
    expect(objectUrl({ bucket, key: "k" }, origin, true)).toBeUndefined();
  });

  test.each([
    "",
    "..",
    ".",
    "../other-bucket/k",
    "a/../k",
    "a/./k",
    "a/..",
    "\ud800",
    "x".repeat(1025),
    "é".repeat(513),
  ])("does not exist for the key %j", (key) => {
    expect(objectUrl({ bucket: "payloads", key }, origin, false)).toBeUndefined();
  });

  test("of the longest names there are", () => {
    const [bucket, key] = ["b".repeat(63), "é".repeat(512)];
    expect(new URL(objectUrl({ bucket, key }, origin, false) ?? "").hostname).toStartWith(bucket);
  });
});
