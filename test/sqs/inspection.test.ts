import { describe, expect, test } from "bun:test";
import { type InspectedAction, inspectQueue } from "../../src/sqs/inspection.ts";
import { clientParts, fine, refused, rejection, url } from "../support/sqs-client.ts";
import { type Fault, startFaultyServer } from "../support/sqs-faults.ts";

const never = new AbortController().signal;

/** Asks a server that answers so, whatever it is asked. */
async function asked<T>(answer: Fault, ask: (queue: ReturnType<typeof inspectQueue>) => Promise<T>) {
  const server = await startFaultyServer([answer]);
  const queue = inspectQueue({
    ...clientParts,
    queue: { url, endpoint: server.endpoint },
    now: () => Date.UTC(2026, 0, 1, 12, 0, 10),
    retryPolicy: { ...clientParts.retryPolicy, attempts: 1 },
  });
  try {
    return { result: await ask(queue), bodies: server.bodies, heads: server.heads };
  } finally {
    await server.stop();
  }
}

describe("a permission", () => {
  test.each<[answer: Fault, permission: string]>([
    [fine, "permitted"],
    [refused(400, "InvalidParameterValue"), "not denied"],
    [refused(400, "ReadCountOutOfRange"), "not denied"],
    [refused(400, "AWS.SimpleQueueService.EmptyBatchRequest"), "not denied"],
    [refused(403, "AccessDenied"), "denied"],
    [refused(400, "AccessDeniedException"), "denied"],
  ])("%j", async (answer, permission) => {
    const { result } = await asked(answer, (queue) => queue.permission("receive", never));
    expect(result).toBe(permission as typeof result);
  });

  test.each<[answer: Fault, kind: string]>([
    [refused(400, "AWS.SimpleQueueService.NonExistentQueue"), "config"],
    [refused(403, "InvalidClientTokenId"), "permission"],
    [refused(503, "ServiceUnavailable"), "temporary"],
    [{ status: 200, body: "<html>a proxy's page</html>" }, "protocol"],
    [{ status: 404, body: "not here" }, "config"],
    [{ status: 405, body: "<Error><Code>MethodNotAllowed</Code></Error>" }, "protocol"],
    ["reset", "unavailable"],
  ])("%j tells nothing of it", async (answer, kind) => {
    const error = await rejection(asked(answer, (queue) => queue.permission("receive", never)));
    expect(error.kind).toBe(kind as typeof error.kind);
  });

  test.each<[action: InspectedAction, sent: RegExp, never: RegExp]>([
    [
      "receive",
      /Action=ReceiveMessage&.*&MaxNumberOfMessages=-1&VisibilityTimeout=0&WaitTimeSeconds=0$/,
      /Attempt/,
    ],
    ["delete", /Action=DeleteMessageBatch&.*\.1\.ReceiptHandle=-$/, /Entry\.2/],
    ["changeVisibility", /Action=ChangeMessageVisibilityBatch&.*\.1\.ReceiptHandle=-&/, /Entry\.2/],
    ["send", /Action=SendMessageBatch&Version=2012-11-05&QueueUrl=[^&]*$/, /MessageBody/],
  ])("%s is asked for so that nothing can change", async (action, sent, unsent) => {
    const { bodies } = await asked(refused(400, "InvalidParameterValue"), (queue) =>
      queue.permission(action, never),
    );
    expect(bodies).toHaveLength(1);
    expect(bodies[0]).toMatch(sent);
    expect(bodies[0]).not.toMatch(unsent);
  });
});

describe("the time", () => {
  test.each<[date: string, aheadMillis: number | undefined]>([
    ["Thu, 01 Jan 2026 12:00:10 GMT", -500],
    ["Thu, 01 Jan 2026 11:50:10 GMT", 599_500],
    ["yesterday", undefined],
  ])("%s", async (date, aheadMillis) => {
    const answer = { status: 403, body: "", headers: { Date: date } };
    const { result, heads } = await asked(answer, (queue) => queue.clockAheadMillis(never));
    expect(result).toBe(aheadMillis);
    expect(heads[0]).not.toMatch(/authorization/i);
  });
});
