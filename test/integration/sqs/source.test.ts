/** What any `Source` over a real queue server must do; every request's signature is checked on the way. */

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { Message } from "../../../src/message/message.ts";
import type { Clock, Source } from "../../../src/polling/ports.ts";
import { createSqsSource } from "../../../src/sqs/source.ts";
import { type SqsServer, startSqsServer } from "../../support/sqs-server.ts";
import { startVerifyingProxy, type VerifyingProxy } from "../../support/sqs-verifying-proxy.ts";

const keys = {
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
  sessionToken: "FwoGZXIvYXdzEXAMPLE+/token==",
  region: "eu-west-1",
};
const env = {
  AWS_ACCESS_KEY_ID: keys.accessKeyId,
  AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
  AWS_SESSION_TOKEN: keys.sessionToken,
};
const clock: Clock = { monotonicMillis: () => performance.now(), sleep: (millis) => Bun.sleep(millis) };

let server: SqsServer;
let proxy: VerifyingProxy;
let queueUrl: string;
let queues = 0;

beforeAll(async () => {
  server = await startSqsServer();
  proxy = await startVerifyingProxy({ upstream: server.endpoint, ...keys });
});
afterAll(async () => {
  expect(proxy.rejected).toBe(wrongRequests);
  await proxy.stop();
  await server.stop();
});
beforeEach(async () => {
  queues += 1;
  queueUrl = await server.createQueue(`queue-${queues}`, { VisibilityTimeout: 30 });
});

/** Requests that tests sent with a wrong signature on purpose. */
let wrongRequests = 0;

function open(environment: Record<string, string> = env, url = queueUrl): Source {
  const queue = { url, region: keys.region, endpoint: proxy.endpoint };
  return createSqsSource({ queue, env: environment, clock, now: Date.now, random: Math.random });
}

function receive(source: Source, maxMessages = 10, waitSeconds = 0): Promise<readonly Message[]> {
  return source.receive({ maxMessages, waitSeconds, signal: new AbortController().signal });
}

describe("receive", () => {
  test("gives each message with its id, time and count", async () => {
    const before = Date.now();
    const ids = await server.send(queueUrl, ["one", "two"]);
    const messages = await receive(open());
    expect(messages.map((message) => message.messageId).toSorted()).toEqual(ids.toSorted());
    for (const message of messages) {
      expect(message.sentAtMillis).toBeWithin(before, Date.now() + 1);
      expect(message).toMatchObject({ receiveCount: 1, bodyIntact: true });
      expect(message.receiptHandle).not.toBe("");
    }
  });

  test("gives no more than asked for, and nothing where there is nothing", async () => {
    const source = open();
    expect(await receive(source)).toEqual([]);
    await server.send(queueUrl, ["one", "two", "three"]);
    expect(await receive(source, 2)).toHaveLength(2);
    expect(server.depth(queueUrl)).toEqual({ visible: 1, inFlight: 2 });
  });

  const bodies: readonly (readonly [string, string])[] = [
    ["markup", `<&>"' &lt;&amp;lt; ]]> <!-- --> <?x?> <![CDATA[x]]>`],
    ["line ends", "a\rb\nc\r\nd\r\r\n\n\r"],
    ["separators", "a\u2028b\u2029c\u0085d\u00a0e\ufefff"],
    ["beyond the basic plane", "😀 𝔘𝔫𝔦 👩‍👩‍👧 \u{10ffff}"],
    ["right to left and combining", "שלום e\u0301 \u202e"],
    ["white space around", "  \t{} \n "],
    ["nothing", ""],
    ["JSON", JSON.stringify({ user_id: 'a"b\\c', locale: null, note: "<script>&amp;</script>" })],
    ["what XML cannot hold", "bell \u0007 and escape \u001b[31m"],
  ];
  test.each(bodies)("brings a body of %s as it was", async (_, body) => {
    await server.send(queueUrl, [body]);
    expect(await receive(open(), 1)).toMatchObject([{ body, bodyIntact: true }]);
  });

  test("brings ten bodies of 1 MiB, made of what grows most on the way", async () => {
    const sent = Array.from({ length: 10 }, (_, index) => `${index}${'"'.repeat(1024 * 1024 - 1)}`);
    await server.send(queueUrl, sent);
    const messages = await receive(open());
    expect(messages.every((message) => message.bodyIntact)).toBe(true);
    expect(messages.map((message) => message.body).toSorted()).toEqual(sent);
  });

  test("waits for a message that comes while the poll is open", async () => {
    const polled = receive(open(), 10, 20);
    while (server.openReceives === 0) await Bun.sleep(1);
    await server.send(queueUrl, ["late"]);
    expect(await polled).toMatchObject([{ body: "late" }]);
  });

  test("ends an open poll at once when it is aborted, and takes no message after", async () => {
    const source = open();
    const stop = new AbortController();
    const polled = source.receive({ maxMessages: 10, waitSeconds: 20, signal: stop.signal });
    while (server.openReceives === 0) await Bun.sleep(1);
    const reason = new Error("stop");
    const start = performance.now();
    stop.abort(reason);
    expect(await polled.catch((error) => error)).toBe(reason);
    expect(performance.now() - start).toBeLessThan(1000);
    while (server.openReceives > 0) await Bun.sleep(1);
    await server.send(queueUrl, ["later"]);
    expect(await receive(source, 10, 5)).toMatchObject([{ body: "later", receiveCount: 1 }]);
  });

  test("counts every request", async () => {
    const source = open();
    await receive(source);
    await receive(source);
    await source.attributes();
    expect(source.requests).toBe(3);
  });
});

describe("delete", () => {
  test("removes messages for good", async () => {
    const source = open();
    await server.send(
      queueUrl,
      Array.from({ length: 10 }, (_, index) => String(index)),
    );
    const handles = (await receive(source)).map((message) => message.receiptHandle);
    expect(await source.delete(handles)).toEqual({ settled: 10, failed: 0 });
    expect(server.depth(queueUrl)).toEqual({ visible: 0, inFlight: 0 });
  });

  test("counts what the queue does not know and removes the rest", async () => {
    const source = open();
    await server.send(queueUrl, ["one", "two"]);
    const [one, two] = await receive(source);
    const handles = [one?.receiptHandle ?? "", "not a handle +/=", two?.receiptHandle ?? ""];
    expect(await source.delete(handles)).toEqual({ settled: 2, failed: 1 });
    expect(server.depth(queueUrl)).toEqual({ visible: 0, inFlight: 0 });
    expect(source.requests).toBe(2);
  });
});

test("a visibility of 0 makes messages visible at once, another keeps them away", async () => {
  const source = open();
  await server.send(queueUrl, ["one", "two"]);
  const [one, two] = (await receive(source)).map((message) => message.receiptHandle);
  expect(server.depth(queueUrl)).toEqual({ visible: 0, inFlight: 2 });
  const changes = [
    { receiptHandle: one ?? "", timeoutSeconds: 0 },
    { receiptHandle: two ?? "", timeoutSeconds: 43_200 },
    { receiptHandle: "not a handle", timeoutSeconds: 60 },
  ];
  expect(await source.changeVisibility(changes)).toEqual({ settled: 2, failed: 1 });
  expect(await receive(source)).toMatchObject([{ receiveCount: 2 }]);
  expect(server.depth(queueUrl)).toEqual({ visible: 0, inFlight: 2 });
});

describe("a FIFO queue", () => {
  test("gives each message's group", async () => {
    const url = await server.createQueue(`groups-${queues}.fifo`, { FifoQueue: true });
    await server.send(url, ["one"], { groupId: "a" });
    await server.send(url, ["two"], { groupId: "b" });
    const messages = await receive(open(env, url));
    expect(messages.map(({ body, groupId }) => [body, groupId]).toSorted()).toEqual([
      ["one", "a"],
      ["two", "b"],
    ]);
  });

  test("counts a delivery whose handle has expired as not deleted", async () => {
    const url = await server.createQueue(`expired-${queues}.fifo`, { FifoQueue: true });
    await server.send(url, ["one", "two"]);
    const source = open(env, url);
    const [one, two] = (await receive(source)).map((message) => message.receiptHandle);
    await source.changeVisibility([{ receiptHandle: one ?? "", timeoutSeconds: 0 }]);
    expect(await source.delete([one ?? "", two ?? ""])).toEqual({ settled: 1, failed: 1 });
    const changes = [{ receiptHandle: two ?? "", timeoutSeconds: 60 }];
    expect(await source.changeVisibility(changes)).toEqual({ settled: 0, failed: 1 });
    expect(server.depth(url)).toEqual({ visible: 1, inFlight: 0 });
  });
});

describe("attributes", () => {
  test("of a standard queue", async () => {
    await server.send(queueUrl, ["one", "two", "three"]);
    const source = open();
    await receive(source, 1);
    expect(await source.attributes()).toEqual({
      arn: `arn:aws:sqs:us-east-1:123456789012:queue-${queues}`,
      visible: 2,
      inFlight: 1,
      delayed: 0,
      visibilityTimeoutSeconds: 30,
      retentionSeconds: 345_600,
      fifo: false,
    });
  });

  test("of a FIFO queue with a dead-letter queue", async () => {
    await server.createQueue("dead.fifo", { FifoQueue: true });
    const deadLetterArn = "arn:aws:sqs:us-east-1:123456789012:dead.fifo";
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: deadLetterArn, maxReceiveCount: 3 });
    const url = await server.createQueue("events.fifo", { FifoQueue: true, RedrivePolicy });
    expect(await open(env, url).attributes()).toMatchObject({
      fifo: true,
      maxReceiveCount: 3,
      deadLetterArn,
    });
  });
});

describe("refused", () => {
  test("a queue that does not exist", async () => {
    const error = await receive(open(env, `${server.endpoint}/123456789012/nowhere`)).catch(
      (caught) => caught,
    );
    expect(error).toMatchObject({ kind: "config", exitCode: 78 });
    expect(error.hint).toContain("queue URL");
  });

  test.each([
    ["a wrong secret", { ...env, AWS_SECRET_ACCESS_KEY: "wrong" }, "SignatureDoesNotMatch"],
    ["an unknown key", { ...env, AWS_ACCESS_KEY_ID: "unknown" }, "InvalidClientTokenId"],
    ["no session token", { ...env, AWS_SESSION_TOKEN: "" }, "InvalidClientTokenId"],
  ])("%s", async (_, environment, code) => {
    wrongRequests += 1;
    const error = await receive(open(environment)).catch((caught) => caught);
    expect(error).toMatchObject({ kind: "permission", exitCode: 77, code });
  });
});

test.each([
  ["ahead", 60],
  ["behind", -60],
])("a clock an hour %s is corrected, and everything goes on", async (_, minutes) => {
  const now = () => Date.now() - minutes * 60_000;
  const elsewhere = await startVerifyingProxy({ upstream: server.endpoint, ...keys, now });
  const told: number[] = [];
  const queue = { url: queueUrl, region: keys.region, endpoint: elsewhere.endpoint };
  const onClockSkew = (aheadMillis: number) => told.push(aheadMillis);
  const source = createSqsSource({ queue, env, clock, now: Date.now, random: Math.random, onClockSkew });
  await server.send(queueUrl, ["one", "two"]);
  const messages = (await Promise.all([receive(source), receive(source), receive(source)])).flat();
  const refusals = elsewhere.rejected;
  expect(refusals).toBeWithin(1, 4);
  expect(await source.delete(messages.map((message) => message.receiptHandle))).toEqual({
    settled: 2,
    failed: 0,
  });
  expect(told.map((aheadMillis) => Math.round(aheadMillis / 60_000))).toEqual([minutes]);
  expect([elsewhere.requests, elsewhere.rejected]).toEqual([refusals + 4, refusals]);
  await elsewhere.stop();
});
