/** What is known of the queues: asked by somebody else, and judged by the checks. */

import type { EtlError } from "../errors.ts";
import type { Answer } from "./finding.ts";

/** A queue's own words. */
export interface DescribedQueue {
  readonly arn: string;
  readonly visible: number;
  readonly visibilityTimeoutSeconds: number;
  readonly retentionSeconds: number;
  readonly fifo: boolean;
  readonly maxReceiveCount?: number;
  readonly deadLetterArn?: string;
  /** How messages are stored; absent where the server does not say. */
  readonly encryption?: QueueEncryption | undefined;
  /** Which queues may name this one in their redrive policies. */
  readonly redriveAllow: RedriveAllow;
}

/** How a queue stores its messages. */
export type QueueEncryption =
  | { readonly by: "nobody" }
  /** A key that SQS keeps. */
  | { readonly by: "sqs" }
  /** A key of KMS: its id, its ARN, or an alias. */
  | { readonly by: "kms"; readonly key: string };

/** A redrive allow policy: a list of queues where only those may. */
export type RedriveAllow = "all" | "none" | readonly string[];

/**
 * Whether an action may be used. `not denied` where it was refused for what was asked, and it is not known which of the
 * two SQS looks at first.
 */
export type Permission = "permitted" | "not denied" | "denied";

/** Who asks. */
export interface IdentityFacts {
  /** Such as `the profile prod`. */
  readonly source: string;
  readonly arn?: string;
}

/** The queue that rejected messages are sent to. */
export interface DeadLetterFacts {
  readonly url: string;
  readonly description: Answer<DescribedQueue>;
  readonly send: Answer<Permission>;
}

/** Everything that is known of the queue side. */
export interface QueueFacts {
  readonly url: string;
  readonly name: string;
  readonly batchSize: number;
  readonly identity: Answer<IdentityFacts>;
  /** Of this machine's clock, in milliseconds; undefined where the server does not say what time it is. */
  readonly clockAheadMillis: number | undefined;
  readonly description: Answer<DescribedQueue>;
  readonly receive: Answer<Permission>;
  readonly delete: Answer<Permission>;
  readonly changeVisibility: Answer<Permission>;
  /** The dead-letter queue of the redrive policy, where there is one. */
  readonly redriveTarget?: Answer<DescribedQueue> | undefined;
  /** With `--on-reject dead-letter`; an error where no queue is named or its URL cannot be used. */
  readonly deadLetters?: DeadLetterFacts | EtlError | undefined;
}
