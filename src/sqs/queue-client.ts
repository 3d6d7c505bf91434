/** Opens the client of one queue: endpoint, credentials, trust and the clock of its signatures, put together. */

import type { Clock } from "../drain/ports.ts";
import { SqsClient } from "./client.ts";
import { type CredentialSource, createCredentialSource } from "./credentials.ts";
import { type QueueLocation, resolveEndpoint } from "./endpoint.ts";
import { defaultRetryPolicy, type RetryParts, type RetryPolicy } from "./retry.ts";
import { SignatureClock } from "./signature-clock.ts";
import { readCaBundle } from "./trust.ts";

/** What a queue needs, whether it is received from or sent to. */
export interface SqsQueueParts {
  readonly queue: QueueLocation;
  /** For credentials and `AWS_CA_BUNDLE`. Proxies, and profiles, are read from the process's own environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Milliseconds since 1970 UTC. */
  readonly now: () => number;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** @defaultValue {@link defaultRetryPolicy} */
  readonly retryPolicy?: RetryPolicy | undefined;
  /** What a call may take beyond the time a poll is held open. @defaultValue 20 seconds */
  readonly timeoutMillis?: number | undefined;
  /** Goes past every proxy that the process's environment names. @defaultValue false */
  readonly direct?: boolean | undefined;
  /**
   * Told by how many milliseconds this machine's clock is ahead of SQS's (below 0: behind), when SQS has refused a
   * signature for its time and the time of further ones has been corrected. Told again only when another difference
   * is measured, such as about 0 after the clock has been set.
   */
  readonly onClockSkew?: ((aheadMillis: number) => void) | undefined;
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

const defaultTimeoutMillis = 20_000;

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
