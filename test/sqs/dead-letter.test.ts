import { afterEach, describe, expect, test } from "bun:test";
import { hash } from "node:crypto";
import type { Message, MessageAttribute } from "../../src/message/message.ts";
import type { Rejection } from "../../src/message/rejection.ts";
import type { DeadLetter, DeadLetterQueue } from "../../src/polling/ports.ts";
import { createSqsDeadLetterQueue, readDeadLetterAttributes, readOrigin } from "../../src/sqs/dead-letter.ts";
import type { SqsQueueParts } from "../../src/sqs/queue-client.ts";
import { errorAnswer, type Fault, type FaultyServer, startFaultyServer } from "../support/sqs-faults.ts";

const originArn = "arn:aws:sqs:eu-west-1:123456789012:login-queue";
const mebibyte = 1024 * 1024;

let server: FaultyServer | undefined;
afterEach(() => server?.stop());

async function startParts(script: [Fault, ...Fault[]], name = "dead"): Promise<SqsQueueParts> {
  server = await startFaultyServer(script);
  return {
    queue: { url: `${server.endpoint}/123456789012/${name}` },
    env: { AWS_ACCESS_KEY_ID: "AKID", AWS_SECRET_ACCESS_KEY: "x" },
    clock: { monotonicMillis: () => 0, sleep: async () => {} },
    now: Date.now,
    random: () => 0,
    retryPolicy: { attempts: 3, firstPauseMillis: 0, longestPauseMillis: 0, totalMillis: 60_000 },
  };
}

async function start(script: [Fault, ...Fault[]], name?: string): Promise<DeadLetterQueue> {
  return createSqsDeadLetterQueue({ ...(await startParts(script, name)), originArn });
}

function letter(
  body: string,
  message: Partial<Message> = {},
  rejection: Partial<Rejection> = {},
): DeadLetter {
  const messageId = `id-${body.slice(0, 20)}`;
  return {
    message: {
      messageId,
      receiptHandle: "h",
      sentAtMillis: 1_700_000_000_123,
      receiveCount: 1,
      body,
      bodyIntact: true,
      attributes: [],
      ...message,
    },
    rejection: { messageId, reason: "field_missing", path: "app_version", ...rejection },
  };
}

function attributes(count: number): MessageAttribute[] {
  return Array.from({ length: count }, (_, index) => ({ name: `a${index}`, dataType: "String", value: "v" }));
}

/** An answer: by the entry's id the body that arrived, or a code and whose fault it was. */
function answer(...entries: (string | readonly [code: string, sender: boolean])[]): Fault {
  const parts = entries.map((fate, id) =>
    typeof fate === "string"
      ? `<SendMessageBatchResultEntry><Id>${id}</Id><MessageId>n</MessageId><MD5OfMessageBody>${hash("md5", fate)}</MD5OfMessageBody></SendMessageBatchResultEntry>`
      : `<BatchResultErrorEntry><Id>${id}</Id><Code>${fate[0]}</Code><SenderFault>${fate[1]}</SenderFault></BatchResultErrorEntry>`,
  );
  const name = "SendMessageBatch";
  return {
    status: 200,
    body: `<${name}Response><${name}Result>${parts.join("")}</${name}Result></${name}Response>`,
  };
}

/** The values of a field of each entry of each request, such as `MessageBody`. */
function sent(field: string): string[][] {
  return (server?.bodies ?? []).map((body) =>
    [...new URLSearchParams(body)].filter(([name]) => name.endsWith(`.${field}`)).map(([, value]) => value),
  );
}

/** What the message takes beside its body. */
const besidesBody =
  "etl-rejectionString".length +
  JSON.stringify({
    reason: "field_missing",
    path: "app_version",
    messageId: "id-".padEnd(23, "x"),
    queue: originArn,
    sentAt: "2023-11-14T22:13:20.123Z",
  }).length;

describe("a letter", () => {
  test("is the body, the attributes it had, and one that says why and from where", async () => {
    const own: MessageAttribute[] = [
      { name: "trace", dataType: "String.w3c", value: "00-ab" },
      { name: "seal", dataType: "Binary", value: "AP8=" },
    ];
    const body = '{"ip":"192.0.2.1"}\r\n';
    const queue = await start([answer(body)]);
    const rejection: Partial<Rejection> = { reason: "sqlstate_23514", path: "", column: "ip_check" };
    expect([...(await queue.send([letter(body, { messageId: "m-1", attributes: own }, rejection)]))]).toEqual(
      [0],
    );
    expect(sent("MessageBody")).toEqual([[body]]);
    expect(sent("Name")).toEqual([["trace", "seal", "etl-rejection"]]);
    expect(sent("DataType")).toEqual([["String.w3c", "Binary", "String"]]);
    expect(sent("BinaryValue")).toEqual([["AP8="]]);
    const [[trace, why] = []] = sent("StringValue");
    expect(trace).toBe("00-ab");
    expect(JSON.parse(why ?? "")).toEqual({
      reason: "sqlstate_23514",
      path: "",
      column: "ip_check",
      messageId: "m-1",
      queue: originArn,
      sentAt: "2023-11-14T22:13:20.123Z",
    });
    expect(sent("MessageGroupId")).toEqual([[]]);
  });

  test("to a FIFO queue keeps its group, or has one of its own, and is known by the message's id", async () => {
    const queue = await start([answer("a", "b")], "dead.fifo");
    const letters = [letter("a", { messageId: "m-1", groupId: "host-1" }), letter("b", { messageId: "m-2" })];
    expect([...(await queue.send(letters))]).toEqual([0, 1]);
    expect(sent("MessageGroupId")).toEqual([["host-1", "m-2"]]);
    expect(sent("MessageDeduplicationId")).toEqual([["m-1", "m-2"]]);
  });

  test("says why once, where it was sent back and rejected again", async () => {
    const queue = await start([answer("a")]);
    const old = { name: "etl-rejection", dataType: "String", value: "old" };
    expect([...(await queue.send([letter("a", { attributes: [old, ...attributes(9)] })]))]).toEqual([0]);
    expect(sent("Name")[0]).toHaveLength(10);
    expect(sent("StringValue")[0]).not.toContain("old");
  });

  test("whose attributes were not asked for is a bug", async () => {
    const queue = await start(["reset"]);
    const { attributes: _, ...message } = letter("a").message;
    const sending = queue.send([{ ...letter("a"), message }]);
    await expect(sending).rejects.toMatchObject({ kind: "internal", exitCode: 70 });
    expect(server?.bodies).toEqual([]);
  });
});

describe("what does not fit is not sent, and what is beside it is", () => {
  test.each<[string, DeadLetter]>([
    ["an eleventh attribute", letter("b", { attributes: attributes(10) })],
    ["a body that was damaged on its way here", letter("b", { bodyIntact: false })],
    ["a byte too many", letter("x".repeat(mebibyte - besidesBody + 1))],
    ["a byte too many, in letters of two", letter("é".repeat((mebibyte - besidesBody) / 2 + 1))],
    [
      "a byte too many, in an attribute",
      letter("x".repeat(mebibyte - besidesBody - 14), {
        attributes: [{ name: "seal", dataType: "Binary", value: Buffer.alloc(5).toString("base64") }],
      }),
    ],
  ])("%s", async (_, misfit) => {
    const queue = await start([answer("a", "c")]);
    expect([...(await queue.send([letter("a"), misfit, letter("c")]))]).toEqual([0, 2]);
    expect(sent("MessageBody")).toEqual([["a", "c"]]);
  });

  test("and nothing takes no request", async () => {
    const queue = await start(["reset"]);
    expect((await queue.send([])).size).toBe(0);
    expect((await queue.send([letter("b", { bodyIntact: false })])).size).toBe(0);
    expect(server?.bodies).toEqual([]);
  });
});

describe("the most that fits", () => {
  test("is sent: a message of 1 MiB in all, with ten attributes", async () => {
    const own = attributes(9);
    const body = "x".repeat(mebibyte - besidesBody - 9 * "a0Stringv".length);
    const queue = await start([answer(body)]);
    expect([...(await queue.send([letter(body, { attributes: own })]))]).toEqual([0]);
  });

  test("counts the bytes of a binary attribute, not the letters it is written in", async () => {
    const seal = { name: "seal", dataType: "Binary", value: Buffer.alloc(300).toString("base64") };
    const body = "x".repeat(mebibyte - besidesBody - "sealBinary".length - 300);
    const queue = await start([answer(body)]);
    expect([...(await queue.send([letter(body, { attributes: [seal] })]))]).toEqual([0]);
  });

  test("is sent in as many calls as it takes, in order", async () => {
    const bodies = ["a", "b", "c", "d"].map((name) => name.repeat(400 * 1024));
    const queue = await start([answer(...bodies.slice(0, 2)), answer(...bodies.slice(2))]);
    expect([...(await queue.send(bodies.map((body) => letter(body))))]).toEqual([0, 1, 2, 3]);
    expect(sent("MessageBody")).toEqual([bodies.slice(0, 2), bodies.slice(2)]);
  });

  test.each(["AWS.SimpleQueueService.BatchRequestTooLong", "InvalidParameterValue"])(
    "may be less elsewhere: each is sent by itself then (%s)",
    async (code) => {
      const refused: Fault = { status: 400, body: errorAnswer(code) };
      const queue = await start([refused, answer("a"), refused, answer("c")]);
      expect([...(await queue.send(["a", "b", "c"].map((body) => letter(body))))]).toEqual([0, 2]);
      expect(sent("MessageBody")).toEqual([["a", "b", "c"], ["a"], ["b"], ["c"]]);
    },
  );
});

describe("the answer", () => {
  test("is tried again for what may yet arrive, not for what is refused", async () => {
    const queue = await start([
      answer("a", ["InternalError", false], ["InvalidParameterValue", true]),
      answer(["InternalError", false]),
      answer("b"),
    ]);
    expect([...(await queue.send(["a", "b", "c"].map((body) => letter(body))))]).toEqual([0, 1]);
    expect(sent("MessageBody")).toEqual([["a", "b", "c"], ["b"], ["b"]]);
  });

  test("that another body has arrived is no acceptance", async () => {
    const queue = await start([answer("a", "other")]);
    expect([...(await queue.send([letter("a"), letter("b")]))]).toEqual([0]);
    expect(sent("MessageBody")).toHaveLength(1);
  });

  test.each([
    [403, "AccessDenied", "permission", "sqs:SendMessage"],
    [400, "AWS.SimpleQueueService.NonExistentQueue", "config", "--dead-letter-url"],
    [400, "KmsAccessDenied", "permission", "kms:GenerateDataKey"],
  ])("%d %s speaks of the dead-letter queue", async (status, code, kind, hint) => {
    const queue = await start([{ status, body: errorAnswer(code) }]);
    const error = await queue.send([letter("a")]).catch((caught) => caught);
    expect(error).toMatchObject({ kind, code });
    expect(error.message).toContain("dead-letter queue");
    expect(error.hint).toContain(hint);
  });

  test("of a later call does not hide what has arrived before", async () => {
    const bodies = ["a", "b"].map((name) => name.repeat(600 * 1024));
    const queue = await start([answer(bodies[0] ?? ""), { status: 403, body: errorAnswer("AccessDenied") }]);
    expect([...(await queue.send(bodies.map((body) => letter(body))))]).toEqual([0]);
  });
});

test.each([
  [403, "AccessDenied", "permission", "sqs:GetQueueAttributes and sqs:SendMessage"],
  [400, "AWS.SimpleQueueService.NonExistentQueue", "config", "--dead-letter-url"],
  [404, undefined, "config", "--dead-letter-url"],
])("asked for its attributes, %d %s speaks of the dead-letter queue", async (status, code, kind, hint) => {
  const parts = await startParts([{ status, body: code === undefined ? "" : errorAnswer(code) }]);
  const error = await readDeadLetterAttributes(parts).catch((caught) => caught);
  expect(error).toMatchObject({ kind, message: expect.stringContaining("the dead-letter queue") });
  expect(error.hint).toContain(hint);
});

const origin = {
  ...{ reason: "sqlstate_23514", path: "", messageId: "id-1", sentAt: "2026-11-22T03:04:05.678Z" },
  queue: "arn:aws:sqs:eu-west-1:123456789012:login-queue",
};

function said(value: string | undefined, name = "etl-rejection"): Message {
  return {
    ...{ messageId: "m", receiptHandle: "h", sentAtMillis: 1, receiveCount: 1, body: "", bodyIntact: true },
    attributes: value === undefined ? [] : [{ name, dataType: "String", value }],
  };
}

describe("what a dead letter says of where it came from", () => {
  test("as etl has written it", () => {
    expect(readOrigin(said(JSON.stringify(origin)))).toEqual({
      ...{ reason: "sqlstate_23514", queue: origin.queue, messageId: "id-1" },
      sentAtMillis: Date.UTC(2026, 10, 22, 3, 4, 5, 678),
    });
  });

  test.each<[what: string, value: string | undefined]>([
    ["nothing", undefined],
    ["no JSON", "{"],
    ["null", "null"],
    ["a text", '"id-1"'],
    ["an id that is none", JSON.stringify({ ...origin, messageId: 7 })],
    ["no queue", JSON.stringify({ ...origin, queue: undefined })],
    ["no time", JSON.stringify({ ...origin, sentAt: "yesterday" })],
    ["a time as a number", JSON.stringify({ ...origin, sentAt: 1 })],
    ["a time that the ledger cannot hold", JSON.stringify({ ...origin, sentAt: "+012026-01-01T00:00:00Z" })],
    ["a time before all messages", JSON.stringify({ ...origin, sentAt: "1969-01-01T00:00:00Z" })],
  ])("is nothing where it is %s", (_, value) => {
    expect(readOrigin(said(value))).toBeUndefined();
  });

  test("is not read from another attribute", () => {
    expect(readOrigin(said(JSON.stringify(origin), "other"))).toBeUndefined();
  });

  test.each([["a b"], ["x".repeat(100)], ["\u001b[2J"], [7]])(
    "has no reason where that is no word: %j",
    (reason) => {
      const read = readOrigin(said(JSON.stringify({ ...origin, reason })));
      expect(read).toMatchObject({ messageId: "id-1", reason: undefined });
    },
  );
});
