import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import type { ClientParts } from "../../src/aws/client.ts";
import { longestPayloadBytes, type Payload, PayloadStore } from "../../src/s3/payload-store.ts";
import { everyWordOf } from "../support/refusal.ts";
import { type S3Server, s3Error, s3Signer, startS3Server } from "../support/s3-server.ts";
import { rejection } from "../support/sqs-client.ts";

let server: S3Server;
beforeEach(async () => {
  server = await startS3Server();
});
afterEach(() => server.stop());

function parts(more: Partial<ClientParts> = {}): ClientParts {
  return {
    env: {
      AWS_ACCESS_KEY_ID: s3Signer.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3Signer.secretAccessKey,
      AWS_ENDPOINT_URL_S3: server.endpoint,
    },
    clock: { monotonicMillis: () => 0, sleep: async () => {} },
    now: Date.now,
    random: () => 0,
    retryPolicy: { attempts: 3, firstPauseMillis: 0, longestPauseMillis: 0, totalMillis: 60_000 },
    ...more,
  };
}

const open = (more?: Partial<ClientParts>) => new PayloadStore("eu-west-1", parts(more));
const never = new AbortController().signal;
const get = (store: PayloadStore, key = "k", bucket = "payloads") => store.get({ bucket, key }, never);
const missing: Payload = { fault: "payload_missing" };

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

  test("is signed with the session's token, too", async () => {
    const seen: unknown[] = [];
    server.answer = ({ response }) => {
      seen.push(response.req.headers["x-amz-security-token"]);
      return s3Error(response, 404, "NoSuchKey");
    };
    const { env } = parts();
    // The stand-in takes no token, and says so by its refusal.
    expect(await rejection(get(open({ env: { ...env, AWS_SESSION_TOKEN: "token" } })))).toMatchObject({
      kind: "permission",
      code: "InvalidClientTokenId",
    });
    expect(await get(open())).toEqual(missing);
    expect(seen).toEqual([undefined]);
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
    server.answer = ({ response }) => s3Error(response, status, code);
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
    server.objects.set("/payloads/k", { body: "{}" });
    const store = open();
    await get(store);
    server.answer = ({ response }) => s3Error(response, 403, "AccessDenied");
    expect(await get(store, "gone")).toEqual(missing);
    expect(await rejection(get(store, "k", "other-bucket"))).toMatchObject({ kind: "permission" });
  });
});

describe("a bucket in another region", () => {
  const elsewhere = (status: number, code: string, headers: Record<string, string>, more = "") => {
    server.objects.set("/payloads/k", { body: "{}" });
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
    server.objects.set("/payloads/k", { body: "{}" });
    server.answer = ({ response }) => server.targets.length < 3 && s3Error(response, status, code);
    expect(await get(open())).toEqual({ text: "{}", bytes: 2 });
    server.answer = ({ response }) => s3Error(response, status, code);
    const error = await rejection(get(open()));
    expect(error).toMatchObject({ kind: "temporary", retryable: true });
    expect(everyWordOf(error)).not.toContain("queue");
  });

  test("after an answer that ends too early, or never comes", async () => {
    server.objects.set("/payloads/k", { body: "{}" });
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
    server.objects.set("/payloads/k", { body: "{}" });
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
    server.answer = ({ response }) => s3Error(response, status, code);
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
