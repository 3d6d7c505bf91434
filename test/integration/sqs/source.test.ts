/** Queues of a real server, whose every request is checked for its signature on the way. */

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { Message } from "../../../src/message/message.ts";
import type { Clock, Source } from "../../../src/polling/ports.ts";
import { listQueueUrls } from "../../../src/sqs/queue-list.ts";
import { createSqsSource } from "../../../src/sqs/source.ts";
import { type QueueProxy, startQueueProxy } from "../../support/sqs-proxy.ts";
import { type SqsServer, startSqsServer } from "../../support/sqs-server.ts";

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
const parts = { env, clock, now: Date.now, random: Math.random };

let server: SqsServer;
let proxy: QueueProxy;
let queueUrl: string;
let queues = 0;

beforeAll(async () => {
  server = await startSqsServer();
  proxy = await startQueueProxy(server.endpoint, { signer: keys });
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

function open({ url = queueUrl, ...more }: Partial<typeof parts> & { readonly url?: string } = {}): Source {
  const queue = { url, region: keys.region, endpoint: proxy.endpoint };
  return createSqsSource({ ...parts, ...more, queue });
}

function receive(source: Source, maxMessages = 10, waitSeconds = 0): Promise<readonly Message[]> {
  return source.receive({ maxMessages, waitSeconds, signal: new AbortController().signal });
}

const handlesOf = (messages: readonly Message[]) => messages.map(({ receiptHandle }) => receiptHandle);

describe("a receive", () => {
  test("gives each message with its id, time and count, and no more of them than asked for", async () => {
    const source = open();
    expect(await receive(source)).toEqual([]);
    const before = Date.now();
    const ids = await server.send(queueUrl, ["one", "two", "three"]);
    const messages = await receive(source, 2);
    expect(messages).toHaveLength(2);
    for (const message of messages) {
      expect(ids).toContain(message.messageId);
      expect(message.sentAtMillis).toBeWithin(before, Date.now() + 1);
      expect(message).toMatchObject({ receiveCount: 1, bodyIntact: true });
    }
    expect(server.depth(queueUrl)).toEqual({ visible: 1, inFlight: 2 });
    expect(source.requests).toBe(2);
  });

  test("brings bodies of all kinds as they were", async () => {
    const bodies = [
      `<&>"' &lt;&amp;lt; ]]> <!-- --> <?x?> <![CDATA[x]]>`,
      "a\rb\nc\r\nd\r\r\n\n\r",
      "a\u2028b\u2029c\u0085d\u00a0e\ufefff",
      "😀 𝔘𝔫𝔦 👩‍👩‍👧 \u{10ffff}",
      "שלום e\u0301 \u202e",
      "  \t{} \n ",
      "",
      JSON.stringify({ user_id: 'a"b\\c', locale: null, note: "<script>&amp;</script>" }),
      "bell \u0007 and escape \u001b[31m",
    ];
    await server.send(queueUrl, bodies);
    const messages = await receive(open());
    expect(messages.map(({ body }) => body).toSorted()).toEqual(bodies.toSorted());
    expect(messages.every(({ bodyIntact }) => bodyIntact)).toBe(true);
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
});

test("a delete removes messages for good, and counts what the queue does not know", async () => {
  const source = open();
  await server.send(queueUrl, [..."0123456789"]);
  const handles = handlesOf(await receive(source));
  const unknown = ["not a handle +/=", ...handles.slice(5)];
  expect(await source.delete(handles.slice(0, 5))).toEqual({ settled: 5, failed: 0 });
  expect(await source.delete(unknown)).toEqual({ settled: 5, failed: 1 });
  expect(server.depth(queueUrl)).toEqual({ visible: 0, inFlight: 0 });
  expect(source.requests).toBe(3);
});

test("a visibility of 0 makes messages visible at once, another keeps them away", async () => {
  const source = open();
  await server.send(queueUrl, ["one", "two"]);
  const [one = "", two = ""] = handlesOf(await receive(source));
  const changes = [
    { receiptHandle: one, timeoutSeconds: 0 },
    { receiptHandle: two, timeoutSeconds: 43_200 },
    { receiptHandle: "not a handle", timeoutSeconds: 60 },
  ];
  expect(await source.changeVisibility(changes)).toEqual({ settled: 2, failed: 1 });
  expect(await receive(source)).toMatchObject([{ receiveCount: 2 }]);
  expect(server.depth(queueUrl)).toEqual({ visible: 0, inFlight: 2 });
});

test("a FIFO queue gives each message's group, and does not delete by a handle that has expired", async () => {
  const url = await server.createQueue(`groups-${queues}.fifo`, { FifoQueue: true });
  const source = open({ url });
  for (const groupId of ["a", "b"]) await server.send(url, [`of ${groupId}`], { groupId });
  const messages = await receive(source);
  const groups = messages.map(({ body, groupId }) => [body, groupId]).toSorted();
  expect(groups).toEqual([
    ["of a", "a"],
    ["of b", "b"],
  ]);
  const [one = "", two = ""] = handlesOf(messages);
  await source.changeVisibility([{ receiptHandle: one, timeoutSeconds: 0 }]);
  expect(await source.delete([one, two])).toEqual({ settled: 1, failed: 1 });
  const changes = [{ receiptHandle: two, timeoutSeconds: 60 }];
  expect(await source.changeVisibility(changes)).toEqual({ settled: 0, failed: 1 });
  expect(server.depth(url)).toEqual({ visible: 1, inFlight: 0 });
});

test("a queue says how much is in it, and where messages go that are received too often", async () => {
  const counts = { inFlight: 1, delayed: 0, visibilityTimeoutSeconds: 30, retentionSeconds: 345_600 };
  await server.send(queueUrl, ["one", "two", "three"]);
  const source = open();
  await receive(source, 1);
  const arn = `arn:aws:sqs:us-east-1:123456789012:queue-${queues}`;
  expect(await source.attributes()).toEqual({ arn, visible: 2, fifo: false, ...counts });

  await server.createQueue("dead.fifo", { FifoQueue: true });
  const deadLetterArn = "arn:aws:sqs:us-east-1:123456789012:dead.fifo";
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: deadLetterArn, maxReceiveCount: 3 });
  const url = await server.createQueue("events.fifo", { FifoQueue: true, RedrivePolicy });
  const redrive = { fifo: true, maxReceiveCount: 3, deadLetterArn };
  expect(await open({ url }).attributes()).toMatchObject(redrive);
});

test("an account's queues are listed, all or by a prefix", async () => {
  const names = ["orders", "orders-eu"];
  const urls = await Promise.all(names.map((name) => server.createQueue(name)));
  const account = { ...parts, region: keys.region, endpoint: proxy.endpoint };
  expect(await listQueueUrls(account)).toEqual(expect.arrayContaining([queueUrl, ...urls]));
  expect((await listQueueUrls(account, "orders")).toSorted()).toEqual(urls);
});

test("a queue that does not exist is a wrong setting", async () => {
  const source = open({ url: `${server.endpoint}/123456789012/nowhere` });
  const error = await receive(source).catch((caught) => caught);
  expect(error).toMatchObject({ kind: "config", exitCode: 78, resource: "nowhere" });
  expect(error.hint).toContain("queue URL");
});

test.each([
  ["a wrong secret", { AWS_SECRET_ACCESS_KEY: "wrong" }, "SignatureDoesNotMatch"],
  ["an unknown key", { AWS_ACCESS_KEY_ID: "unknown" }, "InvalidClientTokenId"],
  ["no session token", { AWS_SESSION_TOKEN: "" }, "InvalidClientTokenId"],
])("%s is refused", async (_, wrong, code) => {
  wrongRequests += 1;
  const error = await receive(open({ env: { ...env, ...wrong } })).catch((caught) => caught);
  expect(error).toMatchObject({ kind: "permission", exitCode: 77, code });
});

test.each([
  ["ahead", 60],
  ["behind", -60],
])("a clock an hour %s is corrected, and everything goes on", async (_, minutes) => {
  const now = () => Date.now() - minutes * 60_000;
  const elsewhere = await startQueueProxy(server.endpoint, { signer: keys, now });
  const told: number[] = [];
  const queue = { url: queueUrl, region: keys.region, endpoint: elsewhere.endpoint };
  const onClockSkew = (aheadMillis: number) => told.push(aheadMillis);
  const source = createSqsSource({ ...parts, queue, onClockSkew });
  await server.send(queueUrl, ["one", "two"]);
  const messages = (await Promise.all([receive(source), receive(source), receive(source)])).flat();
  const refusals = elsewhere.rejected;
  expect(refusals).toBeWithin(1, 4);
  expect(await source.delete(handlesOf(messages))).toEqual({ settled: 2, failed: 0 });
  expect(told.map((aheadMillis) => Math.round(aheadMillis / 60_000))).toEqual([minutes]);
  expect([elsewhere.requests, elsewhere.rejected]).toEqual([refusals + 4, refusals]);
  await elsewhere.stop();
});
