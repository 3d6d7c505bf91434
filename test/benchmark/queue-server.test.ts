import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { DeleteMessageBatchCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import {
  controlPaths,
  type Filling,
  type QueueReport,
  type QueueServer,
  queueUrl,
  startQueueServer,
} from "../../scripts/benchmark/queue-server.ts";
import {
  changeVisibilityBatch,
  deleteMessageBatch,
  encodeQuery,
  getQueueAttributes,
  type Query,
  receiveMessage,
} from "../../src/sqs/query.ts";
import { readAttributes, readBatch, readMessages } from "../../src/sqs/response.ts";

let server: QueueServer;
beforeAll(() => {
  server = startQueueServer();
});
afterAll(() => server.stop());

const filling: Filling = {
  count: 25,
  run: 7,
  sentUntilMillis: Date.UTC(2026, 0, 1),
  roundTripMillis: 0,
  visibilityTimeoutSeconds: 30,
  emptyPollMillis: 0,
};

async function fill(changes: Partial<Filling> = {}): Promise<void> {
  const body = JSON.stringify({ ...filling, ...changes });
  await fetch(new URL(controlPaths.fill, server.url), { method: "POST", body });
}
beforeEach(() => fill());

async function ask(query: Query): Promise<string> {
  const url = queueUrl(server.url);
  return await (await fetch(url, { method: "POST", body: encodeQuery(query, url) })).text();
}

async function report(): Promise<QueueReport> {
  return (await (await fetch(new URL(controlPaths.report, server.url))).json()) as QueueReport;
}

async function deletions(): Promise<Float64Array> {
  const response = await fetch(new URL(controlPaths.deletions, server.url));
  return new Float64Array(await response.arrayBuffer());
}

async function receiveAll() {
  const received = [];
  for (;;) {
    const messages = readMessages(await ask(receiveMessage(10, 0)));
    if (messages.length === 0) return received;
    received.push(...messages);
  }
}

test("every message is handed out once, whole, and sent at a time of its own", async () => {
  const messages = await receiveAll();
  expect(messages.length).toBe(25);
  expect(messages.every(({ bodyIntact, receiveCount }) => bodyIntact && receiveCount === 1)).toBe(true);
  expect(new Set(messages.map(({ messageId }) => messageId)).size).toBe(25);
  const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/;
  expect(messages.filter(({ messageId }) => !uuid.test(messageId))).toEqual([]);
  const users = messages.map(({ body }) => (JSON.parse(body) as { user_id: string }).user_id);
  expect(users.map((user) => Number.parseInt(user.slice(0, 8), 16)).sort((a, b) => a - b)).toEqual([
    ...Array(25).keys(),
  ]);
  expect(users.every((user) => user.slice(9, 13) === "0007")).toBe(true);
  expect(new Set(messages.map(({ sentAtMillis }) => sentAtMillis)).size).toBe(5);
  expect(messages[0]?.receiptHandle).toMatch(/^AQEB[A-Za-z0-9+/]{380,400}==$/);
});

test("more than a block is handed out nearly in order, and nothing twice", async () => {
  await fill({ count: 2_500 });
  const messages = await receiveAll();
  expect(new Set(messages.map(({ messageId }) => messageId)).size).toBe(2_500);
  const sent = messages.map(({ sentAtMillis }) => sentAtMillis);
  expect(sent).not.toEqual(sent.toSorted((a, b) => a - b));
});

test("a delete is recorded once, and a second one is counted", async () => {
  const messages = await receiveAll();
  const handles = messages.map(({ receiptHandle }) => receiptHandle);
  const answer = readBatch(
    await ask(deleteMessageBatch([...handles.slice(0, 9), "nobody's"])),
    "DeleteMessageBatch",
  );
  expect(answer.succeeded.size).toBe(9);
  expect(answer.refused).toEqual(new Set(["9"]));
  expect(await report()).toMatchObject({ deleted: 9, deletedTwice: 0, unknownHandles: 1 });
  expect((await deletions()).filter((at) => at > 0).length).toBe(9);
  await ask(deleteMessageBatch(handles.slice(8, 10)));
  expect(await report()).toMatchObject({ deleted: 10, deletedTwice: 1 });
});

test("a handle that was not given out deletes nothing", async () => {
  const [message] = readMessages(await ask(receiveMessage(1, 0)));
  const handle = message?.receiptHandle ?? "";
  const index = Number.parseInt(handle.slice(-14, -6), 16);
  const other = `${handle.slice(0, -14)}${((index + 1) % 25).toString(16).padStart(8, "0")}${handle.slice(-6)}`;
  await ask(deleteMessageBatch([other, handle.replace("AQEB", "AQEC")]));
  expect(await report()).toMatchObject({ deleted: 0, unknownHandles: 2 });
});

test("a message whose time is over comes again, with another handle", async () => {
  const [message] = readMessages(await ask(receiveMessage(1, 0)));
  const receiptHandle = message?.receiptHandle ?? "";
  await receiveAll();
  await ask(changeVisibilityBatch([{ receiptHandle, timeoutSeconds: 0 }]));
  // The queue holds the poll open until the message is back.
  const [again] = readMessages(await ask(receiveMessage(1, 20)));
  expect(again?.messageId).toBe(message?.messageId ?? "");
  expect(again?.receiveCount).toBe(2);
  expect(again?.receiptHandle).not.toBe(receiptHandle);
  expect(await report()).toMatchObject({ returned: 1 });
});

test("the attributes tell visible messages from those in flight", async () => {
  await ask(receiveMessage(10, 0));
  const attributes = readAttributes(await ask(getQueueAttributes()));
  expect(attributes.get("ApproximateNumberOfMessages")).toBe("15");
  expect(attributes.get("ApproximateNumberOfMessagesNotVisible")).toBe("10");
});

test("the AWS SDK is served in its own protocol", async () => {
  const url = queueUrl(server.url);
  const client = new SQSClient({
    region: "us-east-1",
    endpoint: server.url,
    credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "s3cret-key" },
  });
  // The SDK checks each body against its MD5.
  const { Messages = [] } = await client.send(
    new ReceiveMessageCommand({
      QueueUrl: url,
      MaxNumberOfMessages: 10,
      MessageSystemAttributeNames: ["SentTimestamp"],
    }),
  );
  expect(Messages.length).toBe(10);
  expect(JSON.parse(Messages[0]?.Body ?? "")).toHaveProperty("device_id");
  expect(Number(Messages[0]?.Attributes?.SentTimestamp)).toBeGreaterThan(0);
  const entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
  const { Successful, Failed = [] } = await client.send(
    new DeleteMessageBatchCommand({
      QueueUrl: url,
      Entries: [...entries.slice(1), { Id: "x", ReceiptHandle: "nobody's" }],
    }),
  );
  expect(Successful?.length).toBe(9);
  expect(Failed.map(({ Id }) => Id)).toEqual(["x"]);
  expect(await report()).toMatchObject({ deleted: 9, unknownHandles: 1 });
  client.destroy();
});
