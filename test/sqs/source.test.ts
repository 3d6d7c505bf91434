import { afterEach, describe, expect, test } from "bun:test";
import type { Clock, Source } from "../../src/polling/ports.ts";
import { createSqsSource } from "../../src/sqs/source.ts";
import {
  emptyReceive,
  errorAnswer,
  type Fault,
  type FaultyServer,
  startFaultyServer,
} from "../support/sqs-faults.ts";

let server: FaultyServer | undefined;
afterEach(() => server?.stop());

const clock: Clock = { monotonicMillis: () => 0, sleep: async () => {} };

async function start(
  script: [Fault, ...Fault[]],
  more: { readonly name?: string; readonly withAttributes?: boolean } = {},
): Promise<Source> {
  server = await startFaultyServer(script);
  let count = 0;
  return createSqsSource({
    queue: { url: `${server.endpoint}/123456789012/${more.name ?? "login-queue"}` },
    env: { AWS_ACCESS_KEY_ID: "AKID", AWS_SECRET_ACCESS_KEY: "x" },
    clock,
    now: Date.now,
    random: () => {
      count += 1;
      return count / 1000;
    },
    withAttributes: more.withAttributes,
    retryPolicy: { attempts: 3, firstPauseMillis: 0, longestPauseMillis: 0, totalMillis: 60_000 },
  });
}

/** An answer to a batch: `ok`, or a code and whose fault it was, by the entry's id. */
function batch(
  action: string,
  entries: Readonly<Record<string, "ok" | readonly [code: string, sender: boolean]>>,
): Fault {
  const parts = Object.entries(entries).map(([id, fate]) =>
    fate === "ok"
      ? `<${action}ResultEntry><Id>${id}</Id></${action}ResultEntry>`
      : `<BatchResultErrorEntry><Id>${id}</Id><Code>${fate[0]}</Code><SenderFault>${fate[1]}</SenderFault></BatchResultErrorEntry>`,
  );
  return {
    status: 200,
    body: `<${action}Response><${action}Result>${parts.join("")}</${action}Result></${action}Response>`,
  };
}

/** The receipt handles of each request that came in. */
function handlesSent(): string[][] {
  return (server?.bodies ?? []).map((body) =>
    [...new URLSearchParams(body)]
      .filter(([name]) => name.endsWith(".ReceiptHandle"))
      .map(([, value]) => value),
  );
}

describe.each([
  ["delete", "DeleteMessageBatch"],
  ["change visibility", "ChangeMessageVisibilityBatch"],
] as const)("%s", (operation, action) => {
  const settle = (source: Source, handles: readonly string[]) =>
    operation === "delete"
      ? source.delete(handles)
      : source.changeVisibility(handles.map((receiptHandle) => ({ receiptHandle, timeoutSeconds: 60 })));

  test("nothing takes no request", async () => {
    const source = await start(["reset"]);
    expect(await settle(source, [])).toEqual({ settled: 0, failed: 0 });
    expect(source.requests).toBe(0);
  });

  test("sends again only what failed and may yet go through", async () => {
    const source = await start([
      batch(action, {
        0: "ok",
        1: ["InternalError", false],
        2: ["ReceiptHandleIsInvalid", true],
        3: ["Busy", false],
      }),
      batch(action, { 0: ["InternalError", false], 1: "ok" }),
      batch(action, { 0: "ok" }),
    ]);
    expect(await settle(source, ["a", "b", "c", "d"])).toEqual({ settled: 3, failed: 1 });
    expect(handlesSent()).toEqual([["a", "b", "c", "d"], ["b", "d"], ["b"]]);
    expect(source.requests).toBe(3);
  });

  test("counts as failed what still fails in the end", async () => {
    const source = await start([batch(action, { 0: ["InternalError", false] })]);
    expect(await settle(source, ["a"])).toEqual({ settled: 0, failed: 1 });
    expect(source.requests).toBe(3);
  });

  test("takes an entry that the answer passes over for one that failed", async () => {
    const source = await start([batch(action, { 1: "ok" }), batch(action, { 0: "ok" })]);
    expect(await settle(source, ["a", "b"])).toEqual({ settled: 2, failed: 0 });
    expect(handlesSent()).toEqual([["a", "b"], ["a"]]);
  });

  test("throws where the whole call fails", async () => {
    const source = await start([{ status: 403, body: errorAnswer("AccessDenied") }]);
    await expect(settle(source, ["a"])).rejects.toMatchObject({ kind: "permission", operation });
  });

  test.each([
    ["ReceiptHandleIsInvalid", "m"],
    ["MessageNotInflight", "m"],
    ["AWS.SimpleQueueService.MessageNotInflight", "m"],
    [
      "InvalidParameterValue",
      "Value b for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.",
    ],
  ])("settles the others where the whole call is refused for one handle: %s", async (code, text) => {
    const stale: Fault = { status: 400, body: errorAnswer(code, text) };
    const ok = batch(action, { 0: "ok" });
    const source = await start([stale, ok, stale, ok]);
    expect(await settle(source, ["a", "b", "c"])).toEqual({ settled: 2, failed: 1 });
    expect(handlesSent()).toEqual([["a", "b", "c"], ["a"], ["b"], ["c"]]);
  });

  test("counts a delivery as failed where the call with it alone is refused", async () => {
    const source = await start([{ status: 400, body: errorAnswer("ReceiptHandleIsInvalid") }]);
    expect(await settle(source, ["a"])).toEqual({ settled: 0, failed: 1 });
    expect(source.requests).toBe(1);
  });

  test("throws where the whole call is refused for another parameter", async () => {
    const text = "Value 50000 for parameter VisibilityTimeout is invalid.";
    const source = await start([{ status: 400, body: errorAnswer("InvalidParameterValue", text) }]);
    await expect(settle(source, ["a", "b"])).rejects.toMatchObject({ kind: "protocol" });
    expect(source.requests).toBe(1);
  });

  test("keeps what is settled where a later call fails", async () => {
    const source = await start([
      batch(action, { 0: "ok", 1: ["InternalError", false] }),
      { status: 403, body: errorAnswer("AccessDenied") },
    ]);
    expect(await settle(source, ["a", "b"])).toEqual({ settled: 1, failed: 1 });
  });
});

describe("a receive", () => {
  const fine: Fault = { status: 200, body: emptyReceive };
  const receive = (source: Source) =>
    source.receive({ maxMessages: 10, waitSeconds: 0, signal: new AbortController().signal });
  const sent = (name: string) =>
    (server?.bodies ?? []).map((body) => new URLSearchParams(body).get(name) ?? undefined);
  const attempts = () => sent("ReceiveRequestAttemptId");

  test("from a standard queue names no attempt and asks for no group", async () => {
    await receive(await start(["reset", fine]));
    expect(attempts()).toEqual([undefined, undefined]);
    expect(sent("AttributeName.3")).toEqual([undefined, undefined]);
    expect(sent("MessageAttributeName.1")).toEqual([undefined, undefined]);
  });

  test("asks for attributes where they are wanted", async () => {
    await receive(await start([fine], { withAttributes: true }));
    expect(sent("MessageAttributeName.1")).toEqual(["All"]);
  });

  test.each<[string, Fault]>([
    ["a reset", "reset"],
    ["a body cut short", "truncate"],
    ["an error of the server", { status: 500, body: errorAnswer("InternalError") }],
    ["a garbled answer", { status: 200, body: "<ReceiveMessageResponse>" }],
  ])("from a FIFO queue is the same attempt after %s, as its answer may be lost", async (_, fault) => {
    const source = await start([fault, fine, fine], { name: "events.fifo" });
    await receive(source);
    await receive(source);
    const [first, again, next] = attempts();
    expect(first).toMatch(/^[0-9a-f-]{10,128}$/);
    expect(again).toBe(first);
    expect(next).not.toBe(first);
  });

  test.each<[string, Fault]>([
    ["a throttle", { status: 403, body: errorAnswer("RequestThrottled") }],
    [
      "an attempt that SQS has forgotten",
      {
        status: 400,
        body: errorAnswer(
          "InvalidParameterValue",
          "Value 1 for parameter ReceiveRequestAttemptId is invalid. Reason: it is not retryable.",
        ),
      },
    ],
  ])("from a FIFO queue is another attempt after %s", async (_, fault) => {
    await receive(await start([fault, fine], { name: "events.fifo" }));
    const [first, again] = attempts();
    expect(again).toMatch(/^[0-9a-f-]{10,128}$/);
    expect(again).not.toBe(first);
  });
});

test("settings that cannot be used are refused before anything is sent", () => {
  const make = (env: Record<string, string>, url = "http://127.0.0.1:1/q") =>
    createSqsSource({ queue: { url }, env, clock, now: Date.now, random: Math.random });
  expect(() => make({}, "login-queue")).toThrow(expect.objectContaining({ kind: "config" }));
  expect(() => make({ AWS_ACCESS_KEY_ID: "a" })).toThrow(expect.objectContaining({ kind: "config" }));
  expect(() => make({ AWS_CA_BUNDLE: "/nowhere.pem" })).toThrow("AWS_CA_BUNDLE");
  expect(() => make({ AWS_CA_BUNDLE: import.meta.path })).toThrow("no certificate");
});

describe("an answer to a receive that cannot be read", () => {
  const unreadable = { status: 200, body: "<ReceiveMessageResponse><b>not escaped & not closed" };
  const options = { maxMessages: 10, waitSeconds: 0, signal: new AbortController().signal };

  test("is told at once: what was in it is hidden, and another try would say that there is nothing", async () => {
    const source = await start([unreadable, { status: 200, body: emptyReceive }]);
    const failure = await source.receive(options).catch((error: unknown) => error);
    expect(failure).toMatchObject({ kind: "protocol", retryable: true });
    expect(source.requests).toBe(1);
  });

  test("is asked for again from a FIFO queue, which hands out the same once more", async () => {
    const source = await start([unreadable, { status: 200, body: emptyReceive }], { name: "login.fifo" });
    expect(await source.receive(options)).toEqual([]);
    const attempts = (server?.bodies ?? []).map((body) =>
      new URLSearchParams(body).get("ReceiveRequestAttemptId"),
    );
    expect(attempts.length).toBe(2);
    expect(new Set(attempts).size).toBe(1);
  });
});
