import { afterEach, describe, expect, test } from "bun:test";
import { hash } from "node:crypto";
import type { Credentials } from "../../src/aws/signing.ts";
import type { QueueClient, SqsQueueParts } from "../../src/sqs/queue-client.ts";
import { clientOf, fine, receive, refused, rejection, url } from "../support/sqs-client.ts";
import {
  type Answer,
  answer,
  type Fault,
  type FaultyServer,
  startFaultyServer,
} from "../support/sqs-faults.ts";

let server: FaultyServer;
afterEach(() => server?.stop());

/** Tries three times, without a pause. */
async function start(script: [Fault, ...Fault[]], parts: Partial<SqsQueueParts> = {}): Promise<QueueClient> {
  server = await startFaultyServer(script);
  return clientOf(server.endpoint, parts);
}

const requests = ({ client }: QueueClient) => client.requests;

function oneMessage(body: string, md5 = hash("md5", body)): string {
  const attribute = (name: string) => `<Attribute><Name>${name}</Name><Value>1</Value></Attribute>`;
  const message =
    `<Message><MessageId>m</MessageId><ReceiptHandle>h</ReceiptHandle><MD5OfBody>${md5}</MD5OfBody>` +
    `<Body>${body}</Body>${attribute("SentTimestamp")}${attribute("ApproximateReceiveCount")}</Message>`;
  return answer("ReceiveMessage", message).body;
}

/** Receives from a server that answers with the chunks, one after the other, and no length. */
async function receiveInPieces(chunks: readonly Uint8Array[]): Promise<unknown> {
  const streaming = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => {
      const left = [...chunks];
      const pull = (controller: ReadableStreamDefaultController<Uint8Array>) => {
        const chunk = left.shift();
        if (chunk === undefined) controller.close();
        else controller.enqueue(chunk);
      };
      return new Response(new ReadableStream({ pull }));
    },
  });
  try {
    return await receive(clientOf(streaming.url.origin));
  } finally {
    await streaming.stop(true);
  }
}

const page = (body: string, status = 200): Fault => ({ status, body });
const at = (millis: number, fault: Answer): Fault => ({
  ...fault,
  headers: { Date: new Date(millis).toUTCString() },
});

describe("the request", () => {
  test("is a signed form, posted to the queue's path at the endpoint, for the queue by its own URL", async () => {
    expect(await receive(await start([fine]))).toEqual([]);
    const head = server.heads[0]?.toLowerCase();
    expect(head).toStartWith("post /123456789012/login-queue http/1.1\r\n");
    expect(head).toContain("content-type: application/x-www-form-urlencoded; charset=utf-8\r\n");
    expect(head).toContain("/eu-west-1/sqs/aws4_request, signedheaders=host;x-amz-date, signature=");
    expect(head).toContain("accept-encoding: identity");
    expect(new URLSearchParams(server.bodies[0]).get("QueueUrl")).toBe(url);
  });

  test("carries the session token, signed, and the time that the clock tells", async () => {
    const temporary = { accessKeyId: "ASIAEXAMPLE", secretAccessKey: "x", sessionToken: "token+/=" };
    const credentials = { current: async () => temporary, renew: async () => temporary };
    await receive(await start([fine], { credentials, now: () => Date.UTC(2024, 1, 29, 23, 59, 59) }));
    const head = server.heads[0]?.toLowerCase();
    expect(head).toContain("x-amz-security-token: token+/=");
    expect(head).toContain("x-amz-date: 20240229t235959z");
    expect(head).toContain("credential=asiaexample/20240229/");
    expect(head).toContain("signedheaders=host;x-amz-date;x-amz-security-token");
  });
});

describe("what may pass is tried again, but not for ever", () => {
  test.each<[string, Fault, string]>([
    ["a throttle", refused(403, "RequestThrottled"), "temporary"],
    ["a throttle of another name", refused(400, "ThrottlingException"), "temporary"],
    ["too many in flight", refused(403, "OverLimit"), "temporary"],
    ["an error of the server", refused(500, "InternalError"), "temporary"],
    ["a load balancer's error", page("<html>busy</html>", 503), "temporary"],
    ["a reset", "reset", "unavailable"],
    ["a closed connection", "close", "unavailable"],
    ["a body cut short", "truncate", "unavailable"],
    ["a page that is not SQS's", page("<!DOCTYPE html><html></html>"), "protocol"],
    ["an empty answer", page(""), "protocol"],
  ])("%s", async (_, fault, kind) => {
    const client = await start([fault, fault, fine, fault]);
    expect(await receive(client)).toEqual([]);
    expect(requests(client)).toBe(3);
    const error = { kind, operation: "receive", resource: "login-queue", retryable: true };
    expect(await rejection(receive(client))).toMatchObject(error);
    expect(requests(client)).toBe(6);
  });

  test("a server that is not there, and a host that has no address", async () => {
    const client = await start([fine]);
    await server.stop();
    const error = await rejection(receive(client));
    expect(error).toMatchObject({ kind: "unavailable", code: "ECONNREFUSED", resource: "login-queue" });
    expect(error.message).toContain(new URL(server.endpoint).host);
    expect(requests(client)).toBe(3);
    const unknown = await rejection(receive(clientOf("http://sqs.invalid")));
    expect(unknown).toMatchObject({ kind: "unavailable", retryable: true });
    expect(unknown.message).toContain("sqs.invalid");
  });
});

describe("what will not pass ends the call at once", () => {
  test.each<[string, Fault, string]>([
    ["a missing queue", refused(400, "AWS.SimpleQueueService.NonExistentQueue"), "config"],
    ["a wrong key", refused(403, "InvalidClientTokenId"), "permission"],
    ["a denial", refused(403, "AccessDenied"), "permission"],
    ["a redirect", { status: 302, body: "", headers: { Location: "http://127.0.0.1:1/" } }, "protocol"],
    ["too long an answer", { status: 200, body: "", headers: { "Content-Length": "99999999" } }, "protocol"],
  ])("%s", async (_, fault, kind) => {
    const client = await start([fault]);
    expect(await rejection(receive(client))).toMatchObject({
      kind,
      resource: "login-queue",
      retryable: false,
    });
    expect(requests(client)).toBe(1);
  });

  test("the body of an answer is read when it is admitted, by its length, however long that takes", async () => {
    const body = oneMessage("row");
    const client = await start([{ status: 200, body }], { timeoutMillis: 100 });
    const admitted = Promise.withResolvers<void>();
    const lengths: unknown[] = [];
    let isOver = false;
    const receiving = receive(client, {
      admit: (bytes) => {
        lengths.push(bytes);
        return admitted.promise;
      },
    }).finally(() => {
      isOver = true;
    });
    // Longer than the client waits for an answer.
    await Bun.sleep(250);
    expect(isOver).toBe(false);
    admitted.resolve();
    expect(await receiving).toMatchObject([{ body: "row" }]);
    expect(lengths).toEqual([Buffer.byteLength(body)]);
    expect(requests(client)).toBe(1);
  });

  test("an answer that states no length is read, up to the same bound", async () => {
    const body = "€".repeat(500_000); // Three bytes each, so that some are cut in two on the way.
    const message = await receiveInPieces([Buffer.from(oneMessage(body))]);
    expect(message).toMatchObject([{ body, bodyIntact: true }]);
    const mebibyte = Buffer.alloc(1024 * 1024, "x");
    const error = await rejection(receiveInPieces(Array.from({ length: 65 }, () => mebibyte)));
    expect(error).toMatchObject({ kind: "protocol", retryable: false });
  });

  test.each([
    ["the text", oneMessage("café")],
    ["its bytes", oneMessage("café", hash("md5", Buffer.from("café", "latin1")))],
  ])("bytes that are not UTF-8 never pass for a body: the MD5 of %s", async (_, xml) => {
    const bytes = Buffer.from(xml, "latin1");
    for (const chunks of [[bytes], [bytes.subarray(0, 400), bytes.subarray(400)]]) {
      expect(await receiveInPieces(chunks)).toMatchObject([{ bodyIntact: false }]);
    }
    const whole = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response(bytes) });
    expect(await receive(clientOf(whole.url.origin))).toMatchObject([{ bodyIntact: false }]);
    await whole.stop(true);
  });

  test.each<[string, Fault]>([
    ["a denial", refused(403, "AccessDenied")],
    ["a page", page("Scripted", 400)],
    ["a page in a 200", page("Scripted")],
  ])("%s is not quoted, nor what was sent", async (_, fault) => {
    const error = await rejection(receive(await start([fault])));
    expect(`${error.message} ${error.hint}`).not.toMatch(/s3cret|AKIDEXAMPLE|Scripted/);
  });
});

test.each<Fault>(["hang", "hang in body"])(
  "time ends a try of a server that does '%s', and the connection with it",
  async (fault) => {
    const client = await start([fault, fine, fault], { timeoutMillis: 60 });
    expect(await receive(client)).toEqual([]);
    expect(requests(client)).toBe(2);
    while (server.connections > 1) await Bun.sleep(1);
    const error = await rejection(receive(client, { heldMillis: 30 }));
    expect(error).toMatchObject({ kind: "unavailable", code: "ETIMEDOUT", retryable: true });
    expect(error.message).toContain("within 0.09 s");
  },
);

describe("an abort ends the call at once, with its reason", () => {
  const reason = new Error("stop");

  /** Makes a call, and aborts it when that has come about. */
  async function abortOnce(client: QueueClient, ready: () => unknown): Promise<void> {
    const stop = new AbortController();
    const call = receive(client, { signal: stop.signal });
    while (!ready()) await Bun.sleep(1);
    stop.abort(reason);
    expect(await call.catch((error: unknown) => error)).toBe(reason);
  }

  test("before anything is sent", async () => {
    const client = await start([fine]);
    const call = receive(client, { signal: AbortSignal.abort(reason) });
    expect(await call.catch((error: unknown) => error)).toBe(reason);
    expect(requests(client)).toBe(0);
  });

  test.each<Fault>(["hang", "hang in body"])("while the server does '%s'", async (fault) => {
    const client = await start([fault]);
    await abortOnce(client, () => server.bodies.length > 0);
    while (server.connections !== 0) await Bun.sleep(1);
  });

  test("while it waits for the next try", async () => {
    let asleep = false;
    const sleep = () => {
      asleep = true;
      return new Promise<void>(() => {});
    };
    const clock = { monotonicMillis: () => 0, sleep };
    await abortOnce(await start(["reset"], { clock }), () => asleep);
  });

  test("while credentials are looked for, and nothing is sent with those that are found after it", async () => {
    const found = Promise.withResolvers<Credentials>();
    const current = () => found.promise;
    const client = await start([fine], { credentials: { current, renew: current } });
    await abortOnce(client, () => true);
    found.resolve({ accessKeyId: "AKIDEXAMPLE", secretAccessKey: "x" });
    await new Promise((resolve) => setImmediate(resolve)); // Comes after all that the promise brings about.
    expect(requests(client)).toBe(0);
  });
});

describe("a clock that is wrong", () => {
  const hour = 60 * 60_000;
  const serverTime = Date.UTC(2026, 0, 31, 23, 30);
  const late = (code: string) => at(serverTime, refused(403, code));

  /** A client an hour ahead of the server, and what it was told of that. */
  async function startAhead(...script: [Fault, ...Fault[]]) {
    const told: number[] = [];
    const ahead = { millis: hour };
    const now = () => serverTime + ahead.millis;
    const client = await start(script, { now, onClockSkew: (aheadMillis) => told.push(aheadMillis) });
    return { client, told, ahead };
  }

  const signedAt = () => server.heads.map((head) => /x-amz-date: (\w+)/i.exec(head)?.[1]);

  test.each([
    "RequestExpired",
    "RequestTimeTooSkewed",
    "RequestInTheFuture",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
  ])("is corrected by the Date of the answer, for good, and told once: %s", async (code) => {
    const { client, told } = await startAhead(late(code), fine);
    expect(await receive(client)).toEqual([]);
    expect(await receive(client)).toEqual([]);
    expect(signedAt()).toEqual(["20260201T003000Z", "20260131T233000Z", "20260131T233000Z"]);
    expect(server.heads[1]).toContain("Credential=AKIDEXAMPLE/20260131/");
    expect(told).toEqual([hour]);
  });

  test("is an error if the corrected time is refused, too, and there is no third try", async () => {
    const { client, told } = await startAhead(late("RequestExpired"));
    const error = await rejection(receive(client));
    expect(error).toMatchObject({ kind: "config", code: "RequestExpired", retryable: false });
    expect(error.message).toContain("60 min ahead of");
    expect([requests(client), told]).toEqual([2, [hour]]);
  });

  test("does not hide a wrong key", async () => {
    const { client } = await startAhead(late("SignatureDoesNotMatch"));
    const wrongKey = { kind: "permission", code: "SignatureDoesNotMatch" };
    expect(await rejection(receive(client))).toMatchObject(wrongKey);
    expect(requests(client)).toBe(2);
    expect(await rejection(receive(client))).toMatchObject(wrongKey);
    expect(requests(client)).toBe(3);
  });

  test("is measured anew when it has been set in the middle of a run", async () => {
    const expired = late("RequestExpired");
    const { client, told, ahead } = await startAhead(expired, fine, expired, fine);
    await receive(client);
    ahead.millis = 0;
    expect(await receive(client)).toEqual([]);
    expect(signedAt().slice(2)).toEqual(["20260131T223000Z", "20260131T233000Z"]);
    expect(told).toEqual([hour, 0]);
  });

  test("is not told of for another minute, which is the way of an answer", async () => {
    const expired = late("RequestExpired");
    const { client, told, ahead } = await startAhead(expired, fine, expired, fine, expired, fine);
    for (const millis of [hour, hour + 59_999, hour + 60_000]) {
      ahead.millis = millis;
      await receive(client);
    }
    expect(told).toEqual([hour, hour + 60_000]);
    expect(signedAt()[3]).toBe("20260131T233059Z");
  });

  test("cannot be measured if the answer has no Date; a request that was only slow is signed anew", async () => {
    const { client, told } = await startAhead(refused(403, "RequestExpired"));
    expect((await rejection(receive(client))).message).toContain("clock differs");
    expect([requests(client), told]).toEqual([2, []]);
  });
});

describe("an expired token", () => {
  const old = { accessKeyId: "OLD", secretAccessKey: "x", sessionToken: "old" };
  const fresh = { accessKeyId: "NEW", secretAccessKey: "y", sessionToken: "new" };

  /** A client whose credentials are the old ones until they are renewed. */
  async function startOld(next: typeof old, ...script: [Fault, ...Fault[]]) {
    const kept = { now: old, renewals: 0 };
    const renew = async () => {
      kept.renewals += 1;
      kept.now = next;
      return next;
    };
    const client = await start(script, { credentials: { current: async () => kept.now, renew } });
    return { client, kept };
  }

  test.each(["ExpiredToken", "ExpiredTokenException"])("(%s) is renewed, once only", async (code) => {
    const { client, kept } = await startOld(fresh, refused(403, code), fine, refused(403, code));
    expect(await receive(client)).toEqual([]);
    expect(kept.renewals).toBe(1);
    expect(server.heads[1]).toContain("Credential=NEW/");
    kept.now = old;
    expect(await rejection(receive(client))).toMatchObject({ kind: "permission", code });
    expect([requests(client), kept.renewals]).toEqual([4, 2]);
  });

  test("that cannot be renewed, as it is set in the environment, ends the call", async () => {
    const { client } = await startOld(old, refused(403, "ExpiredToken"));
    expect((await rejection(receive(client))).hint).toContain("AWS_SESSION_TOKEN");
    expect(requests(client)).toBe(1);
  });

  test("is renewed by the server's time, if that is refused first, and again after it", async () => {
    const late = at(Date.now() - 3_600_000, refused(403, "RequestExpired"));
    const { client } = await startOld(fresh, late, refused(403, "ExpiredToken"), late, fine);
    expect(await receive(client)).toEqual([]);
    expect(requests(client)).toBe(4);
  });
});
