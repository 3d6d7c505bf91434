import { afterEach, describe, expect, test } from "bun:test";
import type { Source } from "../../src/polling/ports.ts";
import { createSqsSource, type SqsSourceParts } from "../../src/sqs/source.ts";
import { clientParts, fine, refused } from "../support/sqs-client.ts";
import { answer, type Fault, type FaultyServer, startFaultyServer } from "../support/sqs-faults.ts";

let server: FaultyServer;
afterEach(() => server?.stop());

async function start(
  script: [Fault, ...Fault[]],
  { name = "login-queue", ...more }: Partial<SqsSourceParts> & { readonly name?: string } = {},
): Promise<Source> {
  server = await startFaultyServer(script);
  let count = 0;
  const random = () => {
    count += 1;
    return count / 1000;
  };
  const queue = { url: `${server.endpoint}/123456789012/${name}` };
  return createSqsSource({ queue, ...clientParts, random, ...more });
}

/** The values of a parameter of each request that came in. */
const sent = (name: string) => server.bodies.map((body) => new URLSearchParams(body).get(name) ?? undefined);

/** The receipt handles of each request that came in. */
const handlesSent = () =>
  server.bodies.map((body) =>
    [...new URLSearchParams(body)]
      .filter(([name]) => name.endsWith(".ReceiptHandle"))
      .map(([, value]) => value),
  );

describe.each([
  ["delete", "DeleteMessageBatch"],
  ["change visibility", "ChangeMessageVisibilityBatch"],
] as const)("%s", (operation, action) => {
  const settle = (source: Source, handles: readonly string[]) =>
    operation === "delete"
      ? source.delete(handles)
      : source.changeVisibility(handles.map((receiptHandle) => ({ receiptHandle, timeoutSeconds: 60 })));

  type Fate = "ok" | readonly [code: string, sender: boolean];
  /** An answer to a batch: `ok`, or a code and whose fault it was, by the entry's id. */
  const batch = (entries: Readonly<Record<string, Fate>>): Fault => {
    const parts = Object.entries(entries).map(([id, fate]) =>
      fate === "ok"
        ? `<${action}ResultEntry><Id>${id}</Id></${action}ResultEntry>`
        : `<BatchResultErrorEntry><Id>${id}</Id><Code>${fate[0]}</Code><SenderFault>${fate[1]}</SenderFault></BatchResultErrorEntry>`,
    );
    return answer(action, parts.join(""));
  };
  const ok = batch({ 0: "ok" });
  const busy = ["InternalError", false] as const;
  const denied = refused(403, "AccessDenied");
  const expired = "Value b for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.";

  test.each<
    [what: string, script: [Fault, ...Fault[]], handles: string, settled: number, requests: readonly string[]]
  >([
    ["nothing takes no request", ["reset"], "", 0, []],
    [
      "only what failed and may yet go through is sent again",
      [
        batch({
          0: "ok",
          1: busy,
          2: ["InvalidParameterValue", true],
          3: ["Busy", false],
          4: ["ReceiptHandleIsInvalid", false],
        }),
        batch({ 0: busy, 1: "ok" }),
        ok,
      ],
      "abcde",
      3,
      ["abcde", "bd", "b"],
    ],
    ["what still fails in the end counts as failed", [batch({ 0: busy })], "a", 0, ["a", "a", "a"]],
    ["an entry that the answer passes over has failed", [batch({ 1: "ok" }), ok], "ab", 2, ["ab", "a"]],
    ...["ReceiptHandleIsInvalid", "MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight"].map(
      (code): [string, [Fault, ...Fault[]], string, number, string[]] => [
        `the others are settled if the whole call is refused for one handle: ${code}`,
        [refused(400, code), ok, refused(400, code), ok],
        "abc",
        2,
        ["abc", "a", "b", "c"],
      ],
    ),
    [
      "an expired handle is told by the parameter that the refusal names",
      [refused(400, "InvalidParameterValue", expired), ok],
      "ab",
      2,
      ["ab", "a", "b"],
    ],
    [
      "a delivery has failed if the call with it alone is refused",
      [refused(400, "ReceiptHandleIsInvalid")],
      "a",
      0,
      ["a"],
    ],
    [
      "what is settled counts if a later call fails",
      [batch({ 0: "ok", 1: busy }), denied],
      "ab",
      1,
      ["ab", "b"],
    ],
  ])("%s", async (_, script, handles, settled, requests) => {
    const source = await start(script);
    const failed = handles.length - settled;
    expect(await settle(source, [...handles])).toEqual({ settled, failed });
    expect(handlesSent().map((some) => some.join(""))).toEqual([...requests]);
    expect(source.requests).toBe(requests.length);
  });

  test.each<[Fault, string]>([
    [denied, "permission"],
    [
      refused(400, "InvalidParameterValue", "Value 50000 for parameter VisibilityTimeout is invalid."),
      "protocol",
    ],
  ])("throws if the whole call fails: %j", async (fault, kind) => {
    const source = await start([fault]);
    const error = { kind, operation, resource: "login-queue" };
    await expect(settle(source, ["a", "b"])).rejects.toMatchObject(error);
    expect(source.requests).toBe(1);
  });
});

describe("a receive", () => {
  const options = { maxMessages: 10, waitSeconds: 0, signal: new AbortController().signal };
  const name = "events.fifo";
  const attempts = () => sent("ReceiveRequestAttemptId");
  const garbled: Fault = { status: 200, body: "<ReceiveMessageResponse><b>not escaped & not closed" };

  test("from a standard queue names no attempt and asks for no group", async () => {
    await (await start(["reset", fine])).receive(options);
    expect([attempts(), sent("AttributeName.3")]).toEqual([
      [undefined, undefined],
      [undefined, undefined],
    ]);
    expect(sent("MessageAttributeName.1")).toEqual([undefined, undefined]);
  });

  test("asks for attributes if they are wanted", async () => {
    await (await start([fine], { withAttributes: true })).receive(options);
    expect(sent("MessageAttributeName.1")).toEqual(["All"]);
  });

  test.each<[string, Fault]>([
    ["a reset", "reset"],
    ["a body cut short", "truncate"],
    ["an error of the server", refused(500, "InternalError")],
    ["a garbled answer", garbled],
  ])("from a FIFO queue is the same attempt after %s, as its answer may be lost", async (_, fault) => {
    const source = await start([fault, fine, fine], { name });
    expect(await source.receive(options)).toEqual([]);
    await source.receive(options);
    const [first, again, next] = attempts();
    expect(first).toMatch(/^[0-9a-f-]{10,128}$/);
    expect(again).toBe(first);
    expect(next).not.toBe(first);
  });

  const forgotten = "Value 1 for parameter ReceiveRequestAttemptId is invalid. Reason: it is not retryable.";
  test.each<[string, Fault]>([
    ["a throttle", refused(403, "RequestThrottled")],
    ["an attempt that SQS has forgotten", refused(400, "InvalidParameterValue", forgotten)],
  ])("from a FIFO queue is another attempt after %s", async (_, fault) => {
    await (await start([fault, fine], { name })).receive(options);
    const [first, again] = attempts();
    expect(again).toMatch(/^[0-9a-f-]{10,128}$/);
    expect(again).not.toBe(first);
  });

  test("that cannot be read is told at once: what was in it is hidden, and another would find nothing", async () => {
    const source = await start([garbled, fine]);
    const failure = await source.receive(options).catch((error: unknown) => error);
    expect(failure).toMatchObject({ kind: "protocol", retryable: true });
    expect(source.requests).toBe(1);
  });
});

test("settings that cannot be used are refused before anything is sent", () => {
  const make = (env: Record<string, string>, url = "http://127.0.0.1:1/q") =>
    createSqsSource({ ...clientParts, queue: { url }, env });
  expect(() => make({}, "login-queue")).toThrow(expect.objectContaining({ kind: "config" }));
  expect(() => make({ AWS_ACCESS_KEY_ID: "a" })).toThrow(expect.objectContaining({ kind: "config" }));
  expect(() => make({ AWS_CA_BUNDLE: "/nowhere.pem" })).toThrow("AWS_CA_BUNDLE");
  expect(() => make({ AWS_CA_BUNDLE: import.meta.path })).toThrow("no certificate");
});
