/** Finds the dead-letter queue that a queue's redrive policy names: the policy has its ARN, and a call needs its URL. */

import { EtlError } from "../errors.ts";
import type { QueueAttributes } from "../polling/ports.ts";
import { parseQueueUrl } from "../sqs/queue-url.ts";

/** A dead-letter queue. */
export interface DeadLetterPlace {
  readonly name: string;
  /** Undefined where it is in another account or region than its queue, whose URL says nothing of it then. */
  readonly url: string | undefined;
}

/**
 * Where the queue's redrive policy sends messages; undefined where it has none.
 *
 * In one account and region, URLs of queues differ in the name at their end.
 */
export function redrivePlace(
  queueUrl: string,
  { arn, deadLetterArn }: Pick<QueueAttributes, "arn" | "deadLetterArn">,
): DeadLetterPlace | undefined {
  if (deadLetterArn === undefined) return undefined;
  const [origin, target] = [placeOf(arn), placeOf(deadLetterArn)];
  if (origin.account !== target.account) return { name: target.name, url: undefined };
  const { href } = parseQueueUrl(queueUrl);
  return { name: target.name, url: href.slice(0, href.lastIndexOf("/") + 1) + target.name };
}

/** `arn:aws:sqs:REGION:ACCOUNT:NAME`, in what is before the name and the name. */
function placeOf(arn: string): { readonly account: string; readonly name: string } {
  const end = arn.lastIndexOf(":");
  return { account: arn.slice(0, end), name: arn.slice(end + 1) };
}

/** Where rejected messages are to be sent to a dead-letter queue, and none is named. */
export function noDeadLetterQueue(): EtlError {
  return new EtlError({
    kind: "config",
    operation: "dead letters",
    message: "no dead-letter queue is named",
    hint: "--dead-letter-url https://sqs.REGION.amazonaws.com/ACCOUNT/QUEUE",
  });
}
