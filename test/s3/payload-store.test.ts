import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import type { ClientParts } from "../../src/aws/client.ts";
import {
  longestPayloadBytes,
  objectUrl,
  type Payload,
  PayloadStore,
  readPointer,
} from "../../src/s3/payload-store.ts";
import { everyWordOf } from "../support/refusal.ts";
import { type S3Request, type S3Server, s3Error, s3Signer, startS3Server } from "../support/s3-server.ts";
import { clientParts, rejection } from "../support/sqs-client.ts";

let server: S3Server;
beforeEach(async () => {
  server = await startS3Server();
});
afterEach(() => server.stop());

function open(more: Partial<ClientParts> = {}, sessionToken = ""): PayloadStore {
  const env = {
    AWS_ACCESS_KEY_ID: s3Signer.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3Signer.secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
    AWS_ENDPOINT_URL_S3: server.endpoint,
  };
  return new PayloadStore("eu-west-1", { ...clientParts, env, ...more });
}

const never = new AbortController().signal;
const get = (store: PayloadStore, key = "k", bucket = "payloads") => store.get({ bucket, key }, never);
const missing: Payload = { fault: "payload_missing" };
/** Lets the server answer every request with that error. */
const failWith = (...error: [status: number, code: string, ...rest: never[]]) => {
  server.answer = ({ response }: S3Request) => s3Error(response, ...error);
};
const hold = (body: string | Uint8Array = "{}") => server.objects.set("/payloads/k", { body });

describe("a payload", () => {
  test.each([
    ["k", "/payloads/k"],
    ["a/b c", "/payloads/a/b%20c"],
    ["/k", "/payloads//k"],
    ["a+b=c&d;e:@,$", "/payloads/a%2Bb%3Dc%26d%3Be%3A%40%2C%24"],
    ["!'()*~-_.", "/payloads/%21%27%28%29%2A~-_."],
    ["é\u0000\n%2F", "/payloads/%C3%A9%00%0A%252F"],
  ])("of the key %j is asked for with a right signature", async (key, target) => {
    server.objects.set(target, { body: "{}" });
    expect(await get(open(), key)).toEqual({ text: "{}", bytes: 2 });
    expect(server.refusals).toEqual([]);
  });

  test("is signed with the session's token, too, which the stand-in does not take", async () => {
    const error = { kind: "permission", code: "InvalidClientTokenId" };
    expect(await rejection(get(open({}, "token")))).toMatchObject(error);
    expect(await get(open())).toEqual(missing);
  });

  test("is text of any kind, and keeps its byte order mark", async () => {
    server.objects.set("/payloads/k", { body: '\ufeff{"ü":"𝄞"}\r\n', chunked: true });
    expect(await get(open())).toMatchObject({ text: '\ufeff{"ü":"𝄞"}\r\n' });
  });

  test.each<[string, Uint8Array, Record<string, string>]>([
    ["bytes that are no UTF-8", Uint8Array.of(0x7b, 0xff, 0x7d), {}],
    ["a text that is cut off", Uint8Array.of(0xf0, 0x9d), {}],
    ["what is compressed, however it is marked", gzipSync("{}"), { "content-encoding": "gzip" }],
  ])("is not %s", async (_, body, headers) => {
    server.objects.set("/payloads/k", { body, headers });
    expect(await get(open())).toEqual({ fault: "payload_not_text" });
  });

  test.each([false, true])("of 16 MiB is taken, and no byte more (chunked: %p)", async (chunked) => {
    server.objects.set("/payloads/k", { body: Buffer.alloc(longestPayloadBytes, "x"), chunked });
    server.objects.set("/payloads/l", { body: Buffer.alloc(longestPayloadBytes + 1, "x"), chunked });
    expect(await get(open())).toMatchObject({ bytes: longestPayloadBytes });
    expect(await get(open(), "l")).toEqual({ fault: "payload_too_large" });
  });
});

describe("is missing", () => {
  test.each([
    [404, "NoSuchKey"],
    [404, "NoSuchBucket"],
    [400, "KeyTooLongError"],
    [400, "InvalidRequest"],
    [403, "InvalidObjectState"],
  ])("where S3 answers %d %s", async (status, code) => {
    failWith(status, code);
    expect(await get(open())).toEqual(missing);
    expect(server.targets).toHaveLength(1);
  });

  test.each([
    ["evil.example/x", "k"],
    ["payloads", "../other/k"],
  ])("where nothing can be there: %s %s; S3 is not asked", async (bucket, key) => {
    expect(await get(open(), key, bucket)).toEqual(missing);
    expect(server.targets).toEqual([]);
  });

  test("where it is denied in a bucket that others have been read from", async () => {
    hold();
    const store = open();
    await get(store);
    failWith(403, "AccessDenied");
    expect(await get(store, "gone")).toEqual(missing);
    expect(await rejection(get(store, "k", "other-bucket"))).toMatchObject({ kind: "permission" });
  });
});

describe("a bucket in another region", () => {
  const elsewhere = (status: number, code: string, headers: Record<string, string>, more = "") => {
    hold();
    server.answer = ({ region, response }) =>
      region !== "us-east-2" && s3Error(response, status, code, headers, more);
  };
  const header = { "x-amz-bucket-region": "us-east-2" };

  test.each<[number, string, Record<string, string>, string]>([
    [301, "PermanentRedirect", header, ""],
    [400, "AuthorizationHeaderMalformed", header, ""],
    [400, "AuthorizationHeaderMalformed", {}, "<Region>us-east-2</Region>"],
    [400, "IllegalLocationConstraintException", header, ""],
  ])("is asked there, and at once the next time (%d %s)", async (status, code, headers, more) => {
    elsewhere(status, code, headers, more);
    const store = open();
    expect(await get(store)).toEqual({ text: "{}", bytes: 2 });
    expect(await get(store)).toEqual({ text: "{}", bytes: 2 });
    expect(server.targets).toHaveLength(3);
  });

  test("is not followed from one to the next", async () => {
    server.answer = ({ region, response }) =>
      s3Error(response, 301, "PermanentRedirect", {
        "x-amz-bucket-region": region === "us-east-2" ? "eu-west-1" : "us-east-2",
      });
    expect(await rejection(get(open()))).toMatchObject({ kind: "temporary", retryable: true });
    expect(server.targets).toHaveLength(2);
  });

  test.each(["evil.example/", "us-east-2.evil.example", "", "eu-west-1"])(
    "that is called %j is none",
    async (region) => {
      elsewhere(301, "PermanentRedirect", { "x-amz-bucket-region": region });
      expect(await rejection(get(open()))).toMatchObject({ kind: "protocol" });
      expect(server.targets).toHaveLength(1);
    },
  );

  test("is no redirect to wherever the answer points", async () => {
    server.answer = ({ response }) =>
      s3Error(response, 307, "TemporaryRedirect", { location: `${server.endpoint}/x` });
    expect(await rejection(get(open()))).toMatchObject({ kind: "protocol" });
    expect(server.targets).toEqual(["/payloads/k"]);
  });
});

describe("is tried again", () => {
  test.each([
    [500, "InternalError"],
    [503, "SlowDown"],
    [503, "ServiceUnavailable"],
    [429, ""],
  ])("after %d %s", async (status, code) => {
    hold();
    server.answer = ({ response }) => server.targets.length < 3 && s3Error(response, status, code);
    expect(await get(open())).toEqual({ text: "{}", bytes: 2 });
    failWith(status, code);
    const error = await rejection(get(open()));
    expect(error).toMatchObject({ kind: "temporary", retryable: true });
    expect(everyWordOf(error)).not.toContain("queue");
  });

  test("after an answer that ends too early, or never comes", async () => {
    hold();
    server.answer = ({ response }) => {
      if (server.targets.length === 1)
        response.writeHead(200, { "content-length": "100" }).write("{}", () => response.destroy());
      else if (server.targets.length === 2) response.writeHead(200, { "content-length": "100" }).write("{");
      return server.targets.length < 3;
    };
    expect(await get(open({ timeoutMillis: 200 }))).toEqual({ text: "{}", bytes: 2 });
    expect(server.targets).toHaveLength(3);
  });

  test("with the server's time, where the clock is wrong", async () => {
    hold();
    server.answer = ({ response }) =>
      server.targets.length === 1 && s3Error(response, 403, "RequestTimeTooSkewed");
    const aheadMillis: number[] = [];
    const store = open({
      now: () => Date.now() + 10 * 60_000,
      onClockSkew: (ahead) => aheadMillis.push(Math.round(ahead / 60_000)),
    });
    expect(await get(store)).toEqual({ text: "{}", bytes: 2 });
    expect(aheadMillis).toEqual([10]);
  });

  test("not when the signal has been aborted", async () => {
    const ending = new AbortController();
    server.answer = () => {
      ending.abort(new Error("stopped"));
      return true;
    };
    await expect(open().get({ bucket: "payloads", key: "k" }, ending.signal)).rejects.toThrow("stopped");
    expect(server.targets).toHaveLength(1);
  });
});

describe("ends the run", () => {
  test.each([
    [403, "AccessDenied", "permission", "s3:GetObject"],
    [403, "", "permission", "s3:GetObject"],
    [403, "InvalidAccessKeyId", "permission", "get-caller-identity"],
    [403, "SignatureDoesNotMatch", "permission", "AWS_SECRET_ACCESS_KEY"],
    [400, "ExpiredToken", "permission", "AWS_SESSION_TOKEN"],
    [400, "KMS.DisabledException", "config", "key of the payloads' bucket"],
    [400, "Whatever", "protocol", "AWS_ENDPOINT_URL_S3"],
    [404, "", "protocol", "AWS_ENDPOINT_URL_S3"],
  ])("where S3 answers %d %s", async (status, code, kind, hint) => {
    failWith(status, code);
    const error = await rejection(get(open(), "canary-key", "canary-bucket"));
    expect(error).toMatchObject({ kind, retryable: false });
    expect(error.hint).toContain(hint);
    expect(everyWordOf(error)).not.toMatch(/canary|quoted-by-the-server|sqs:/);
  });

  test("where nothing listens, in words about S3", async () => {
    await server.stop();
    const error = await rejection(get(open(), "canary-key", "canary-bucket"));
    expect(error).toMatchObject({ kind: "unavailable", retryable: true });
    expect(error.hint).toContain("AWS_ENDPOINT_URL_S3");
    expect(everyWordOf(error)).not.toMatch(/canary|SQS/);
  });
});

const library = "software.amazon.payloadoffloading.PayloadS3Pointer";
const older = "com.amazon.sqs.javamessaging.MessageS3Pointer";
const object = { s3BucketName: "payloads", s3Key: "a/b" };

describe("a pointer", () => {
  test.each<[string, string]>([
    ["as the library writes it", JSON.stringify([library, object])],
    ["as it wrote it before", JSON.stringify([older, object])],
    ["as its Python counterpart writes it", `["${library}", {"s3BucketName": "payloads", "s3Key": "a/b"}]`],
    ["with white space around", `\n [ "${library}" ,\t${JSON.stringify(object)} ]\n`],
    ["with more than is known", JSON.stringify([library, { ...object, size: 3 }])],
  ])("%s", (_, body) => {
    expect(readPointer(body)).toEqual({ bucket: "payloads", key: "a/b" });
  });

  test.each<[string, string]>([
    ["an object", JSON.stringify(object)],
    ["another class", JSON.stringify(["com.example.PayloadS3Pointer", object])],
    ["no object", JSON.stringify([library])],
    ["one part too many", JSON.stringify([library, object, 1])],
    ["an array in the object's place", JSON.stringify([library, [object]])],
    ["null in the object's place", JSON.stringify([library, null])],
    ["no bucket", JSON.stringify([library, { s3Key: "k" }])],
    ["a key that is no text", JSON.stringify([library, { ...object, s3Key: 7 }])],
    ["what is not JSON", `["${library}", {`],
    ["text that holds one", `x${JSON.stringify([library, object])}`],
    ["one longer than any", JSON.stringify([library, { ...object, more: "x".repeat(16 * 1024) }])],
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
