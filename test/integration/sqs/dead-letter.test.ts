/** Rejected messages on their way from one queue of a real server to another, every request's signature checked. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Message } from "../../../src/message/message.ts";
import type { DeadLetter } from "../../../src/polling/ports.ts";
import { createSqsDeadLetterQueue } from "../../../src/sqs/dead-letter.ts";
import type { SqsQueueParts } from "../../../src/sqs/queue-client.ts";
import { createSqsSource } from "../../../src/sqs/source.ts";
import { type QueueProxy, startQueueProxy } from "../../support/sqs-proxy.ts";
import { type SqsServer, startSqsServer } from "../../support/sqs-server.ts";

const keys = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "s3cret", region: "eu-west-1" };

let server: SqsServer;
let proxy: QueueProxy;

beforeAll(async () => {
  server = await startSqsServer();
  proxy = await startQueueProxy(server.endpoint, { signer: keys });
});
afterAll(async () => {
  expect(proxy.rejected).toBe(0);
  await proxy.stop();
  await server.stop();
});

function parts(url: string): SqsQueueParts {
  return {
    queue: { url, region: keys.region, endpoint: proxy.endpoint },
    env: { AWS_ACCESS_KEY_ID: keys.accessKeyId, AWS_SECRET_ACCESS_KEY: keys.secretAccessKey },
    clock: { monotonicMillis: () => performance.now(), sleep: (millis) => Bun.sleep(millis) },
    now: Date.now,
    random: Math.random,
  };
}

function receive(url: string): Promise<readonly Message[]> {
  const source = createSqsSource({ ...parts(url), withAttributes: true });
  return source.receive({ maxMessages: 10, waitSeconds: 0, signal: new AbortController().signal });
}

function rejected(message: Message): DeadLetter {
  const { messageId } = message;
  return { message, rejection: { messageId, reason: "field_missing", path: "login <&>.app_version" } };
}

const bodies = [
  `{"user_id":"a\\"b","note":"<&>' \u2028😀"}\r\n`,
  "+%20&a=b",
  "ü".repeat(200_000),
  "right to left: שלום",
];
const attributes = {
  trace: { DataType: "String", StringValue: "a<b & c\r\n+%20" },
  weight: { DataType: "Number", StringValue: "1.50" },
  seal: { DataType: "Binary", BinaryValue: "AP8+/w==" },
};

test.each(["", ".fifo"])("a message arrives whole in a queue of the name x%s", async (kind) => {
  const settings = kind === "" ? {} : { FifoQueue: true };
  const from = await server.createQueue(`origin${kind}`, settings);
  const to = await server.createQueue(`dead${kind}`, settings);
  const originArn = `arn:aws:sqs:us-east-1:123456789012:origin${kind}`;
  const dead = createSqsDeadLetterQueue({ ...parts(to), originArn });
  const ids = await server.send(from, bodies, { groupId: "host-1", attributes });
  const originals = await receive(from);
  expect(originals.map((message) => message.messageId).toSorted()).toEqual(ids.toSorted());

  expect((await dead.send(originals.map(rejected))).size).toBe(bodies.length);
  // A FIFO queue keeps one copy of a message that is sent twice.
  if (kind !== "") expect((await dead.send(originals.map(rejected))).size).toBe(bodies.length);
  expect(server.depth(to)).toEqual({ visible: bodies.length, inFlight: 0 });

  const copies = await receive(to);
  expect(copies.map((copy) => copy.body).toSorted()).toEqual(bodies.toSorted());
  for (const copy of copies) {
    const original = originals.find(({ body }) => body === copy.body);
    expect(original?.attributes).toHaveLength(3);
    expect(copy.attributes).toHaveLength(4);
    expect(copy.attributes).toEqual(expect.arrayContaining([...(original?.attributes ?? [])]));
    expect(copy.bodyIntact).toBe(true);
    expect(copy.groupId).toBe(kind === "" ? undefined : "host-1");
    const why = copy.attributes?.find(({ name }) => name === "etl-rejection");
    expect(JSON.parse(why?.value ?? "")).toEqual({
      reason: "field_missing",
      path: "login <&>.app_version",
      messageId: original?.messageId,
      queue: originArn,
      sentAt: new Date(original?.sentAtMillis ?? 0).toISOString(),
    });
  }
});

test("a queue that takes less than 1 MiB gets what it takes, and the rest stays", async () => {
  const from = await server.createQueue("small-origin");
  const to = await server.createQueue("small-dead", { MaximumMessageSize: 1024 });
  const dead = createSqsDeadLetterQueue({ ...parts(to), originArn: "arn:aws:sqs:us-east-1:123456789012:q" });
  await server.send(from, ["fits", "x".repeat(1024)]);
  const originals = await receive(from);
  const accepted = await dead.send(originals.map(rejected));
  expect([...accepted].map((index) => originals[index]?.body)).toEqual(["fits"]);
  expect(server.depth(to)).toEqual({ visible: 1, inFlight: 0 });
});
