import { afterEach, describe, expect, test } from "bun:test";
import { hash } from "node:crypto";
import type { Message, MessageAttribute, Rejection } from "../../src/message/message.ts";
import type { DeadLetter, DeadLetterQueue } from "../../src/polling/ports.ts";
import {
  createSqsDeadLetterQueue,
  createSqsReturnQueue,
  readDeadLetterAttributes,
  readOrigin,
} from "../../src/sqs/dead-letter.ts";
import { clientParts, refused, rejection } from "../support/sqs-client.ts";
import { answer, type Fault, type FaultyServer, startFaultyServer } from "../support/sqs-faults.ts";

const originArn = "arn:aws:sqs:eu-west-1:123456789012:login-queue";
const mebibyte = 1024 * 1024;

let server: FaultyServer;
afterEach(() => server?.stop());

async function startParts(script: readonly Fault[], name = "dead") {
  server = await startFaultyServer(script as [Fault, ...Fault[]]);
  return { ...clientParts, queue: { url: `${server.endpoint}/123456789012/${name}` }, originArn };
}

async function start(script: readonly Fault[], name?: string): Promise<DeadLetterQueue> {
  return createSqsDeadLetterQueue(await startParts(script, name));
}

function letter(body: string, more: Partial<Message> = {}, rejection: Partial<Rejection> = {}): DeadLetter {
  const messageId = `id-${body.slice(0, 20)}`;
  const received = { receiptHandle: "h", sentAtMillis: 1_700_000_000_123, receiveCount: 1, bodyIntact: true };
  return {
    message: { messageId, ...received, body, attributes: [], ...more },
    rejection: { messageId, reason: "field_missing", path: "app_version", ...rejection },
  };
}

function attributes(count: number): MessageAttribute[] {
  return Array.from({ length: count }, (_, index) => ({ name: `a${index}`, dataType: "String", value: "v" }));
}

/** An answer: by the entry's id the body that arrived, or a code and whose fault it was. */
function fates(...entries: (string | readonly [code: string, sender: boolean])[]): Fault {
  const parts = entries.map((fate, id) =>
    typeof fate === "string"
      ? `<SendMessageBatchResultEntry><Id>${id}</Id><MessageId>n</MessageId><MD5OfMessageBody>${hash("md5", fate)}</MD5OfMessageBody></SendMessageBatchResultEntry>`
      : `<BatchResultErrorEntry><Id>${id}</Id><Code>${fate[0]}</Code><SenderFault>${fate[1]}</SenderFault></BatchResultErrorEntry>`,
  );
  return answer("SendMessageBatch", parts.join(""));
}

/** The values of a field of each entry of each request, such as `MessageBody`. */
function sent(field: string): string[][] {
  return server.bodies.map((body) =>
    [...new URLSearchParams(body)].filter(([name]) => name.endsWith(`.${field}`)).map(([, value]) => value),
  );
}

const why = {
  reason: "field_missing",
  path: "app_version",
  messageId: "id-".padEnd(23, "x"),
  queue: originArn,
};
/** What the message takes beside its body. */
const besidesBody =
  "etl-rejectionString".length + JSON.stringify({ ...why, sentAt: "2023-11-14T22:13:20.123Z" }).length;
const binary = (bytes: number): MessageAttribute => ({
  name: "seal",
  dataType: "Binary",
  value: Buffer.alloc(bytes).toString("base64"),
});

describe("a letter", () => {
  test("is the body, the attributes it had, and one that says why and from where", async () => {
    const own: MessageAttribute[] = [
      { name: "trace", dataType: "String.w3c", value: "00-ab" },
      { name: "seal", dataType: "Binary", value: "AP8=" },
    ];
    const body = '{"ip":"192.0.2.1"}\r\n';
    const rejection = { reason: "sqlstate_23514", path: "", column: "ip_check" } as const;
    const queue = await start([fates(body)]);
    const accepted = await queue.send([letter(body, { messageId: "m-1", attributes: own }, rejection)]);
    expect([...accepted]).toEqual([0]);
    expect(sent("MessageBody")).toEqual([[body]]);
    expect(sent("Name")).toEqual([["trace", "seal", "etl-rejection"]]);
    expect(sent("DataType")).toEqual([["String.w3c", "Binary", "String"]]);
    expect(sent("BinaryValue")).toEqual([["AP8="]]);
    const [[trace, text = ""] = []] = sent("StringValue");
    expect(trace).toBe("00-ab");
    const from = { messageId: "m-1", queue: originArn, sentAt: "2023-11-14T22:13:20.123Z" };
    expect(JSON.parse(text)).toEqual({ ...rejection, ...from });
    expect(sent("MessageGroupId")).toEqual([[]]);
  });

  test("to a FIFO queue keeps its group, or has one of its own, and is known by the message's id", async () => {
    const queue = await start([fates("a", "b")], "dead.fifo");
    const letters = [letter("a", { messageId: "m-1", groupId: "host-1" }), letter("b", { messageId: "m-2" })];
    expect([...(await queue.send(letters))]).toEqual([0, 1]);
    expect(sent("MessageGroupId")).toEqual([["host-1", "m-2"]]);
    expect(sent("MessageDeduplicationId")).toEqual([["m-1", "m-2"]]);
  });

  const old = { name: "etl-rejection", dataType: "String", value: "old" };

  test("says why once, if it was sent back and rejected again", async () => {
    const queue = await start([fates("a")]);
    expect([...(await queue.send([letter("a", { attributes: [old, ...attributes(9)] })]))]).toEqual([0]);
    expect(sent("Name")[0]).toHaveLength(10);
    expect(sent("StringValue")[0]).not.toContain("old");
  });

  test("goes back to its queue without what was added when it was rejected", async () => {
    const queue = createSqsReturnQueue(await startParts([fates("a")]));
    const { message } = letter("a", { attributes: [...attributes(1), old] });
    expect([...(await queue.send([message]))]).toEqual([0]);
    expect(sent("Name")).toEqual([["a0"]]);
  });

  test("whose attributes were not asked for is a bug", async () => {
    const queue = await start(["reset"]);
    const { attributes: _, ...message } = letter("a").message;
    const sending = queue.send([{ ...letter("a"), message }]);
    await expect(sending).rejects.toMatchObject({ kind: "internal", exitCode: 70 });
    expect(server.bodies).toEqual([]);
  });
});

test.each<[string, DeadLetter]>([
  ["an eleventh attribute", letter("b", { attributes: attributes(10) })],
  ["a body that was damaged on its way here", letter("b", { bodyIntact: false })],
  ["a byte too many", letter("x".repeat(mebibyte - besidesBody + 1))],
  ["a byte too many, in letters of two", letter("é".repeat((mebibyte - besidesBody) / 2 + 1))],
  [
    "a byte too many, in an attribute",
    letter("x".repeat(mebibyte - besidesBody - 14), { attributes: [binary(5)] }),
  ],
])("what does not fit is not sent, and what is beside it is: %s", async (_, misfit) => {
  const queue = await start([fates("a", "c")]);
  expect([...(await queue.send([letter("a"), misfit, letter("c")]))]).toEqual([0, 2]);
  expect(sent("MessageBody")).toEqual([["a", "c"]]);
});

test("nothing to send takes no request", async () => {
  const queue = await start(["reset"]);
  expect((await queue.send([])).size).toBe(0);
  expect((await queue.send([letter("b", { bodyIntact: false })])).size).toBe(0);
  expect(server.bodies).toEqual([]);
});

test.each<[string, number, MessageAttribute[]]>([
  ["ten attributes", 9 * "a0Stringv".length, attributes(9)],
  ["the bytes of a binary attribute, not its letters", "sealBinary".length + 300, [binary(300)]],
])("a message of 1 MiB in all is sent, counting %s", async (_, bytes, own) => {
  const body = "x".repeat(mebibyte - besidesBody - bytes);
  const queue = await start([fates(body)]);
  expect([...(await queue.send([letter(body, { attributes: own })]))]).toEqual([0]);
});

const kibibytes = (count: number) => (name: string) => name.repeat(count * 1024);
const large = [..."abcd"].map(kibibytes(400));
const larger = [..."ab"].map(kibibytes(600));
const tooLong = (code: string): [string, Fault[], string[], number[], string[][]] => [
  `a server may take less: each is sent by itself then (${code})`,
  [refused(400, code), fates("a"), refused(400, code), fates("c")],
  ["a", "b", "c"],
  [0, 2],
  [["a", "b", "c"], ["a"], ["b"], ["c"]],
];

test.each<[string, Fault[], string[], number[], string[][]]>([
  [
    "what is too much for a call is sent in several, in order",
    [fates(...large.slice(0, 2)), fates(...large.slice(2))],
    large,
    [0, 1, 2, 3],
    [large.slice(0, 2), large.slice(2)],
  ],
  tooLong("AWS.SimpleQueueService.BatchRequestTooLong"),
  tooLong("InvalidParameterValue"),
  [
    "what may yet arrive is tried again, and not what is refused",
    [
      fates("a", ["InternalError", false], ["InvalidParameterValue", true]),
      fates(["InternalError", false]),
      fates("b"),
    ],
    ["a", "b", "c"],
    [0, 1],
    [["a", "b", "c"], ["b"], ["b"]],
  ],
  ["that another body has arrived is no acceptance", [fates("a", "other")], ["a", "b"], [0], [["a", "b"]]],
  [
    "a later call's failure does not hide what has arrived before",
    [fates(larger[0] ?? ""), refused(403, "AccessDenied")],
    larger,
    [0],
    larger.map((body) => [body]),
  ],
])("%s", async (_, script, bodies, accepted, requests) => {
  const queue = await start(script);
  expect([...(await queue.send(bodies.map((body) => letter(body))))]).toEqual(accepted);
  expect(sent("MessageBody")).toEqual(requests);
});

type Parts = Awaited<ReturnType<typeof startParts>>;
const sendDead = (parts: Parts) => createSqsDeadLetterQueue(parts).send([letter("a")]);
const sendBack = (parts: Parts) => createSqsReturnQueue(parts).send([letter("a").message]);
const missing = "AWS.SimpleQueueService.NonExistentQueue";

test.each<[string, (parts: Parts) => Promise<unknown>, number, string, string, RegExp]>([
  ["the dead-letter queue", sendDead, 403, "AccessDenied", "permission", /sqs:SendMessage/],
  ["the dead-letter queue", sendDead, 400, missing, "config", /--dead-letter-url/],
  ["the dead-letter queue", sendDead, 400, "KmsAccessDenied", "permission", /kms:GenerateDataKey/],
  [
    "the dead-letter queue",
    readDeadLetterAttributes,
    403,
    "AccessDenied",
    "permission",
    /sqs:GetQueueAttributes and sqs:SendMessage/,
  ],
  ["the dead-letter queue", readDeadLetterAttributes, 400, missing, "config", /--dead-letter-url/],
  ["the dead-letter queue", readDeadLetterAttributes, 404, "", "config", /--dead-letter-url/],
  ["back to the queue", sendBack, 403, "AccessDenied", "permission", /sqs:SendMessage/],
  ["for the queue", sendBack, 400, "KmsAccessDenied", "permission", /kms:GenerateDataKey/],
])("an error speaks of %s: %p, %d %s", async (place, call, status, code, kind, hint) => {
  const error = await rejection(call(await startParts([refused(status, code)])));
  expect(error).toMatchObject({ kind, code: code || undefined, resource: "dead" });
  expect(error.message).toContain(place);
  expect(error.hint).toMatch(hint);
});

describe("what a dead letter says of where it came from", () => {
  const origin = {
    ...{ reason: "sqlstate_23514", path: "", messageId: "id-1", sentAt: "2026-11-22T03:04:05.678Z" },
    queue: originArn,
  };
  const said = (value: unknown, name = "etl-rejection") => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return readOrigin(letter("a", { attributes: [{ name, dataType: "String", value: text }] }).message);
  };

  test("as etl has written it", () => {
    const sentAtMillis = Date.UTC(2026, 10, 22, 3, 4, 5, 678);
    const read = { reason: "sqlstate_23514", queue: origin.queue, messageId: "id-1", sentAtMillis };
    expect(said(origin)).toEqual(read);
  });

  test.each<[what: string, value: unknown]>([
    ["no JSON", "{"],
    ["null", null],
    ["a text", '"id-1"'],
    ["an id that is none", { ...origin, messageId: 7 }],
    ["no queue", { ...origin, queue: undefined }],
    ["no time", { ...origin, sentAt: "yesterday" }],
    ["a time as a number", { ...origin, sentAt: 1 }],
    ["a time that the ledger cannot hold", { ...origin, sentAt: "+012026-01-01T00:00:00Z" }],
    ["a time before all messages", { ...origin, sentAt: "1969-01-01T00:00:00Z" }],
  ])("is nothing if it is %s", (_, value) => {
    expect(said(value)).toBeUndefined();
  });

  test("is nothing if no attribute has it, or another one", () => {
    expect(readOrigin(letter("a").message)).toBeUndefined();
    expect(said(origin, "other")).toBeUndefined();
  });

  test.each(["a b", "x".repeat(100), "\u001b[2J", 7])("has no reason if that is no word: %j", (reason) => {
    expect(said({ ...origin, reason })).toMatchObject({ messageId: "id-1", reason: undefined });
  });
});
