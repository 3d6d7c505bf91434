/** A client of a scripted server, and what its calls come to. */

import { EtlError } from "../../src/errors.ts";
import { type Call, SqsClient, type SqsClientParts } from "../../src/sqs/client.ts";
import { resolveEndpoint } from "../../src/sqs/endpoint.ts";
import { receiveMessage } from "../../src/sqs/query.ts";
import { readMessages } from "../../src/sqs/received-messages.ts";
import { SignatureClock } from "../../src/sqs/signature-clock.ts";
import { emptyReceive, errorAnswer, type Fault } from "./sqs-faults.ts";

/** The queue of these clients. */
export const url = "https://sqs.eu-west-1.amazonaws.com/123456789012/login-queue";
/** An empty receive. */
export const fine: Fault = { status: 200, body: emptyReceive };
/** An error of SQS. */
export const refused = (status: number, code: string): Fault => ({ status, body: errorAnswer(code) });

/** A client that tries three times, without a pause. */
export function clientOf(endpoint: string, parts: Partial<SqsClientParts> = {}): SqsClient {
  const fixed = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "s3cret-key" };
  return new SqsClient({
    endpoint: resolveEndpoint({ url, endpoint }),
    credentials: { current: async () => fixed, renew: async () => fixed },
    retry: {
      policy: { attempts: 3, firstPauseMillis: 0, longestPauseMillis: 0, totalMillis: 60_000 },
      clock: { monotonicMillis: () => 0, sleep: async () => {} },
      random: () => 0,
    },
    signatureClock: new SignatureClock(Date.now),
    ...parts,
  });
}

/** One receive by the client. */
export function receive(client: SqsClient, more: Partial<Call<unknown>> = {}): Promise<unknown> {
  const query = receiveMessage(10, 0);
  return client.call({ operation: "receive", query, read: readMessages, timeoutMillis: 5000, ...more });
}

/** The `EtlError` that the promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<EtlError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof EtlError)) throw new Error("did not reject with an EtlError", { cause: error });
  return error;
}
