/** What a client of a scripted queue is made of, and what its calls come to. */

import type { AccountParts } from "../../src/aws/identity.ts";
import { EtlError } from "../../src/errors.ts";
import { receiveMessage } from "../../src/sqs/query.ts";
import { type QueueCall, QueueClient, type SqsQueueParts } from "../../src/sqs/queue-client.ts";
import { readMessages } from "../../src/sqs/response.ts";
import { type Answer, emptyReceive, errorAnswer, type FaultyServer } from "./sqs-faults.ts";

/** The queue of these clients. */
export const url = "https://sqs.eu-west-1.amazonaws.com/123456789012/login-queue";
/** An empty receive. */
export const fine: Answer = { status: 200, body: emptyReceive };
/** An error of SQS. */
export const refused = (status: number, code: string, text?: string): Answer => ({
  status,
  body: errorAnswer(code, text),
});
/** Static keys, as the environment holds them. */
export const keys = { AWS_ACCESS_KEY_ID: "AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY: "s3cret-key" };

/** What every client here is made of: it tries three times, without a pause. */
export const clientParts = {
  env: keys as Readonly<Record<string, string | undefined>>,
  clock: { monotonicMillis: () => 0, sleep: async () => {} },
  now: Date.now,
  random: () => 0,
  retryPolicy: { attempts: 3, firstPauseMillis: 0, longestPauseMillis: 0, totalMillis: 60_000 },
};

/** A client of the queue, at that endpoint. */
export function clientOf(endpoint: string, parts: Partial<SqsQueueParts> = {}): QueueClient {
  return new QueueClient({ queue: { url, endpoint }, ...clientParts, ...parts });
}

/** One receive by the client. */
export function receive(queue: QueueClient, more: Partial<QueueCall<unknown>> = {}): Promise<unknown> {
  return queue.call({
    operation: "receive",
    query: () => receiveMessage(10, 0),
    read: readMessages,
    ...more,
  });
}

/** What asks an account, before any queue is named. */
export const accountParts = (more: Partial<AccountParts> = {}): AccountParts => ({
  region: "eu-west-1",
  ...clientParts,
  ...more,
});

/** The forms that came in, by name. */
export const formsOf = ({ bodies }: FaultyServer) =>
  bodies.map((body) => Object.fromEntries(new URLSearchParams(body)));

/** The `EtlError` that the promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<EtlError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof EtlError)) throw new Error("did not reject with an EtlError", { cause: error });
  return error;
}
