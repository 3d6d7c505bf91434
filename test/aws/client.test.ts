import { afterEach, describe, expect, test } from "bun:test";
import { hash } from "node:crypto";
import type { CredentialSource } from "../../src/aws/credentials.ts";
import type { QueueClient, SqsQueueParts } from "../../src/sqs/queue-client.ts";
import { clientOf, fine, receive, refused, rejection, url } from "../support/sqs-client.ts";
import {
  emptyReceive,
  errorAnswer,
  type Fault,
  type FaultyServer,
  startFaultyServer,
} from "../support/sqs-faults.ts";

let server: FaultyServer | undefined;
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
  return emptyReceive.replace(
    "<ReceiveMessageResult/>",
    `<ReceiveMessageResult>${message}</ReceiveMessageResult>`,
  );
}

/** Answers with the chunks, one after the other, and no length. */
function startStreamingServer(chunks: readonly Uint8Array[]) {
  return Bun.serve({
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
}

describe("the request", () => {
  test("is a signed form, posted to the queue's path at the endpoint, for the queue by its own URL", async () => {
    const client = await start([fine]);
    expect(await receive(client)).toEqual([]);
    const head = server?.heads[0]?.toLowerCase();
    expect(head).toStartWith("post /123456789012/login-queue http/1.1\r\n");
    expect(head).toContain("content-type: application/x-www-form-urlencoded; charset=utf-8\r\n");
    expect(head).toContain("/eu-west-1/sqs/aws4_request, signedheaders=host;x-amz-date, signature=");
    expect(head).toContain("accept-encoding: identity");
    expect(new URLSearchParams(server?.bodies[0]).get("QueueUrl")).toBe(url);
  });

  test("carries the session token, signed", async () => {
    const temporary = { accessKeyId: "ASIAEXAMPLE", secretAccessKey: "x", sessionToken: "token+/=" };
    const credentials = { current: async () => temporary, renew: async () => temporary };
    await receive(await start([fine], { credentials }));
    const head = server?.heads[0]?.toLowerCase();
    expect(head).toContain("x-amz-security-token: token+/=");
    expect(head).toContain("signedheaders=host;x-amz-date;x-amz-security-token");
  });

  test("is signed for the time that the clock tells", async () => {
    await receive(await start([fine], { now: () => Date.UTC(2024, 1, 29, 23, 59, 59) }));
    expect(server?.heads[0]).toMatch(/x-amz-date: 20240229T235959Z/i);
    expect(server?.heads[0]).toContain("Credential=AKIDEXAMPLE/20240229/");
  });
});

describe("what may pass is tried again", () => {
  test.each<[string, Fault]>([
    ["a throttle", refused(403, "RequestThrottled")],
    ["a throttle of another name", refused(400, "ThrottlingException")],
    ["too many in flight", refused(403, "OverLimit")],
    ["an error of the server", refused(500, "InternalError")],
    ["a load balancer's error", { status: 503, body: "<html>busy</html>" }],
    ["a reset", "reset"],
    ["a closed connection", "close"],
    ["a body cut short", "truncate"],
    ["a page that is not SQS's", { status: 200, body: "<!DOCTYPE html><html></html>" }],
    ["an empty answer", { status: 200, body: "" }],
  ])("%s", async (_, fault) => {
    const client = await start([fault, fault, fine]);
    expect(await receive(client)).toEqual([]);
    expect(requests(client)).toBe(3);
  });

  test.each<[string, Fault, string]>([
    ["a throttle", refused(403, "RequestThrottled"), "temporary"],
    ["an error of the server", refused(500, "InternalError"), "temporary"],
    ["a reset", "reset", "unavailable"],
    ["a page that is not SQS's", { status: 200, body: "<!DOCTYPE html><html></html>" }, "protocol"],
  ])("%s, but not for ever", async (_, fault, kind) => {
    const client = await start([fault]);
    expect(await rejection(receive(client))).toMatchObject({
      kind,
      operation: "receive",
      resource: "login-queue",
      retryable: true,
    });
    expect(requests(client)).toBe(3);
  });

  test("a server that is not there", async () => {
    const gone = await startFaultyServer([fine]);
    await gone.stop();
    const client = clientOf(gone.endpoint);
    const error = await rejection(receive(client));
    expect(error).toMatchObject({ kind: "unavailable", code: "ECONNREFUSED" });
    expect(error.message).toContain(new URL(gone.endpoint).host);
    expect(requests(client)).toBe(3);
  });

  test("a host that has no address", async () => {
    const error = await rejection(receive(clientOf("http://sqs.invalid")));
    expect(error).toMatchObject({ kind: "unavailable", retryable: true });
    expect(error.message).toContain("sqs.invalid");
  });
});

describe("what will not pass ends the call at once", () => {
  test.each<[string, Fault, string]>([
    ["a missing queue", refused(400, "AWS.SimpleQueueService.NonExistentQueue"), "config"],
    ["a wrong key", refused(403, "InvalidClientTokenId"), "permission"],
    ["a denial", refused(403, "AccessDenied"), "permission"],
    ["a redirect", { status: 302, body: "", headers: { Location: "http://127.0.0.1:1/" } }, "protocol"],
    [
      "an answer too long to be SQS's",
      { status: 200, body: "", headers: { "Content-Length": "99999999" } },
      "protocol",
    ],
  ])("%s", async (_, fault, kind) => {
    const client = await start([fault]);
    expect(await rejection(receive(client))).toMatchObject({
      kind,
      resource: "login-queue",
      retryable: false,
    });
    expect(requests(client)).toBe(1);
  });

  test("an answer that states no length is read, up to the same bound", async () => {
    const body = "€".repeat(500_000); // Three bytes each, so that some are cut in two on the way.
    const inPieces = startStreamingServer([Buffer.from(oneMessage(body))]);
    expect(await receive(clientOf(inPieces.url.origin))).toMatchObject([{ body, bodyIntact: true }]);
    await inPieces.stop(true);

    const mebibyte = Buffer.alloc(1024 * 1024, "x");
    const tooLong = startStreamingServer(Array.from({ length: 65 }, () => mebibyte));
    const error = await rejection(receive(clientOf(tooLong.url.origin)));
    expect(error).toMatchObject({ kind: "protocol", retryable: false });
    await tooLong.stop(true);
  });

  test.each([
    ["the text", oneMessage("café")],
    ["its bytes", oneMessage("café", hash("md5", Buffer.from("café", "latin1")))],
  ])("bytes that are not UTF-8 never pass for a body: the MD5 of %s", async (_, xml) => {
    const bytes = Buffer.from(xml, "latin1");
    const whole = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response(bytes) });
    const inPieces = startStreamingServer([bytes.subarray(0, 400), bytes.subarray(400)]);
    for (const { url } of [whole, inPieces]) {
      expect(await receive(clientOf(url.origin))).toMatchObject([{ bodyIntact: false }]);
    }
    await Promise.all([whole.stop(true), inPieces.stop(true)]);
  });

  test.each<[string, Fault]>([
    ["a denial", refused(403, "AccessDenied")],
    ["a page", { status: 400, body: "Scripted" }],
    ["a page in a 200", { status: 200, body: "Scripted" }],
  ])("%s is not quoted, nor what was sent", async (_, fault) => {
    const error = await rejection(receive(await start([fault])));
    expect(`${error.message} ${error.hint}`).not.toMatch(/s3cret|AKIDEXAMPLE|Scripted/);
  });
});

describe("time", () => {
  test.each<Fault>(["hang", "hang in body"])(
    "ends a try that does '%s', and the connection with it",
    async (fault) => {
      const client = await start([fault, fine], { timeoutMillis: 100 });
      expect(await receive(client)).toEqual([]);
      expect(requests(client)).toBe(2);
      while ((server?.connections ?? 0) > 1) await Bun.sleep(1);
    },
  );

  test("runs out in the end", async () => {
    const error = await rejection(receive(await start(["hang"], { timeoutMillis: 20 }), { heldMillis: 10 }));
    expect(error).toMatchObject({ kind: "unavailable", code: "ETIMEDOUT", retryable: true });
    expect(error.message).toContain("within 0.03 s");
  });
});

describe("an abort ends the call at once, with its reason", () => {
  const reason = new Error("stop");

  async function expectAborted(call: Promise<unknown>): Promise<void> {
    expect(await call.catch((error) => error)).toBe(reason);
  }

  test("before anything is sent", async () => {
    const client = await start([fine]);
    await expectAborted(receive(client, { signal: AbortSignal.abort(reason) }));
    expect(requests(client)).toBe(0);
  });

  test.each<Fault>(["hang", "hang in body"])("while the server does '%s'", async (fault) => {
    const client = await start([fault]);
    const stop = new AbortController();
    const call = receive(client, { signal: stop.signal });
    while (server?.bodies.length === 0) await Bun.sleep(1);
    stop.abort(reason);
    await expectAborted(call);
    while (server?.connections !== 0) await Bun.sleep(1);
  });

  test("while it waits for the next try", async () => {
    const stop = new AbortController();
    const asleep = Promise.withResolvers<void>();
    const clock = {
      monotonicMillis: () => 0,
      sleep: () => {
        asleep.resolve();
        return new Promise<void>(() => {});
      },
    };
    const client = await start(["reset"], { clock });
    const call = receive(client, { signal: stop.signal });
    await asleep.promise;
    stop.abort(reason);
    await expectAborted(call);
  });

  test("while credentials are looked for", async () => {
    const never = () => new Promise<never>(() => {});
    const client = await start([fine], { credentials: { current: never, renew: never } });
    const stop = new AbortController();
    const call = receive(client, { signal: stop.signal });
    stop.abort(reason);
    await expectAborted(call);
    expect(requests(client)).toBe(0);
  });

  test("and nothing is sent with credentials that are found after it", async () => {
    const found = Promise.withResolvers<{ accessKeyId: string; secretAccessKey: string }>();
    const current = () => found.promise;
    const client = await start([fine], { credentials: { current, renew: current } });
    const stop = new AbortController();
    const call = receive(client, { signal: stop.signal });
    stop.abort(reason);
    await expectAborted(call);
    found.resolve({ accessKeyId: "AKIDEXAMPLE", secretAccessKey: "x" });
    await new Promise((resolve) => setImmediate(resolve)); // Comes after all that the promise brings about.
    expect(requests(client)).toBe(0);
  });
});

describe("a clock that is wrong", () => {
  const hour = 60 * 60_000;
  const serverTime = Date.UTC(2026, 0, 31, 23, 30);
  const late = (
    code: string,
    headers: Record<string, string> = { Date: new Date(serverTime).toUTCString() },
  ) => ({ status: 403, body: errorAnswer(code), headers }) as const;

  /** A client an hour ahead of the server, and what it was told of that. */
  async function startAhead(script: [Fault, ...Fault[]]) {
    const told: number[] = [];
    let ahead = hour;
    const parts = {
      now: () => serverTime + ahead,
      onClockSkew: (aheadMillis: number) => told.push(aheadMillis),
    };
    const set = (millis: number) => {
      ahead = millis;
    };
    return { client: await start(script, parts), told, set };
  }

  const signedAt = () => (server?.heads ?? []).map((head) => /x-amz-date: (\w+)/i.exec(head)?.[1]);

  test.each([
    "RequestExpired",
    "RequestTimeTooSkewed",
    "RequestInTheFuture",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
  ])("is corrected by the Date of the answer, for good, and told once: %s", async (code) => {
    const { client, told } = await startAhead([late(code), fine]);
    expect(await receive(client)).toEqual([]);
    expect(await receive(client)).toEqual([]);
    expect(signedAt()).toEqual(["20260201T003000Z", "20260131T233000Z", "20260131T233000Z"]);
    expect(server?.heads[1]).toContain("Credential=AKIDEXAMPLE/20260131/");
    expect(told).toEqual([hour]);
  });

  test("is an error where the corrected time is refused, too, and there is no third try", async () => {
    const { client, told } = await startAhead([late("RequestExpired")]);
    const error = await rejection(receive(client));
    expect(error).toMatchObject({ kind: "config", code: "RequestExpired", retryable: false });
    expect(error.message).toContain("60 min ahead of");
    expect([requests(client), told]).toEqual([2, [hour]]);
  });

  test("does not hide a wrong key", async () => {
    const { client } = await startAhead([late("SignatureDoesNotMatch")]);
    const error = await rejection(receive(client));
    expect(error).toMatchObject({ kind: "permission", code: "SignatureDoesNotMatch" });
    expect(requests(client)).toBe(2);
    expect(await rejection(receive(client))).toMatchObject({ kind: "permission" });
    expect(requests(client)).toBe(3);
  });

  test("is measured anew when it has been set in the middle of a run", async () => {
    const { client, told, set } = await startAhead([
      late("RequestExpired"),
      fine,
      late("RequestExpired"),
      fine,
    ]);
    await receive(client);
    set(0);
    expect(await receive(client)).toEqual([]);
    expect(signedAt().slice(2)).toEqual(["20260131T223000Z", "20260131T233000Z"]);
    expect(told).toEqual([hour, 0]);
  });

  test("cannot be measured where the answer has no Date; a request that was only slow is signed anew", async () => {
    const { client, told } = await startAhead([late("RequestExpired", {})]);
    const error = await rejection(receive(client));
    expect(error.message).toContain("clock differs");
    expect([requests(client), told]).toEqual([2, []]);
  });
});

describe("an expired token", () => {
  const old = { accessKeyId: "OLD", secretAccessKey: "x", sessionToken: "old" };
  const fresh = { accessKeyId: "NEW", secretAccessKey: "y", sessionToken: "new" };

  function renewing(next: typeof old) {
    let renewals = 0;
    let now = old;
    const credentials: CredentialSource = {
      current: async () => now,
      renew: async () => {
        renewals += 1;
        now = next;
        return next;
      },
    };
    return { credentials, renewals: () => renewals };
  }

  test.each(["ExpiredToken", "ExpiredTokenException"])(
    "(%s) is renewed, and the call made again",
    async (code) => {
      const { credentials, renewals } = renewing(fresh);
      const client = await start([refused(403, code), fine], { credentials });
      expect(await receive(client)).toEqual([]);
      expect(renewals()).toBe(1);
      expect(server?.heads[1]).toContain("Credential=NEW/");
    },
  );

  test("is renewed once only", async () => {
    const { credentials, renewals } = renewing(fresh);
    const client = await start([refused(403, "ExpiredToken")], { credentials });
    expect(await rejection(receive(client))).toMatchObject({ kind: "permission", code: "ExpiredToken" });
    expect([requests(client), renewals()]).toEqual([2, 1]);
  });

  test("that cannot be renewed, as it is set in the environment, ends the call", async () => {
    const client = await start([refused(403, "ExpiredToken")], { credentials: renewing(old).credentials });
    const error = await rejection(receive(client));
    expect(error.hint).toContain("AWS_SESSION_TOKEN");
    expect(requests(client)).toBe(1);
  });
});
