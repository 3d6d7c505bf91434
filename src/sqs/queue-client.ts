/** Opens the client of one queue: endpoint, credentials, trust and the clock of its signatures, put together. */

import { SqsClient } from "./client.ts";
import { type CredentialSource, createCredentialSource } from "./credentials.ts";
import { type QueueLocation, resolveEndpoint } from "./endpoint.ts";
import { defaultRetryPolicy, type RetryParts } from "./retry.ts";
import { type ClientParts, defaultTimeoutMillis } from "./service-client.ts";
import { SignatureClock } from "./signature-clock.ts";
import { readCaBundle } from "./trust.ts";

/** What a queue needs, whether it is received from or sent to. */
export interface SqsQueueParts extends ClientParts {
  readonly queue: QueueLocation;
}

/** A queue, ready to be called. */
export interface QueueClient {
  readonly client: SqsClient;
  readonly credentials: CredentialSource;
  readonly retry: RetryParts;
  readonly timeoutMillis: number;
  /** By its name, as no other queue's may end so. */
  readonly fifo: boolean;
}

/**
 * Opens a queue. Nothing is sent yet, and credentials are looked for only when something is.
 *
 * @throws EtlError of kind config for a URL, a key or a CA bundle that cannot be used
 */
export function openQueueClient(parts: SqsQueueParts): QueueClient {
  const { env, clock, random, direct } = parts;
  const endpoint = resolveEndpoint(parts.queue);
  const signatureClock = new SignatureClock(parts.now, parts.onClockSkew);
  // Expiry is told by the same clock, else a machine that is ahead would renew its credentials at every call.
  const now = () => signatureClock.now();
  const credentials = createCredentialSource({ env, region: endpoint.region, now });
  const retry = { policy: parts.retryPolicy ?? defaultRetryPolicy, clock, random };
  const caBundle = readCaBundle(env);
  const client = new SqsClient({ endpoint, credentials, retry, signatureClock, caBundle, direct });
  return {
    client,
    credentials,
    retry,
    timeoutMillis: parts.timeoutMillis ?? defaultTimeoutMillis,
    fifo: endpoint.queue.name.endsWith(".fifo"),
  };
}
