/** Checks the queue's redrive policy, and the dead-letter queue that it names. */

import { type Finding, failed, failedBy, ok, skipped, warning } from "./finding.ts";
import { isDenied } from "./permission-checks.ts";
import type { DescribedQueue, QueueFacts } from "./queue-facts.ts";

/** Up to so many receives, a killed run or two and a look at a message send a good one away. */
const fewReceives = 3;

const daySeconds = 24 * 60 * 60;

/** The most that SQS takes. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html */
const longestRetentionSeconds = 14 * daySeconds;

/** Where rejected messages end up that stay in the queue. */
export function checkRedrive(
  { url, deadLetters, redriveTarget }: Pick<QueueFacts, "url" | "deadLetters" | "redriveTarget">,
  queue: DescribedQueue,
): readonly Finding[] {
  const { maxReceiveCount, deadLetterArn } = queue;
  if (maxReceiveCount === undefined || deadLetterArn === undefined) {
    if (deadLetters !== undefined) {
      return [
        ok("redrive policy", "none; rejected messages are sent to the dead-letter queue by etl itself"),
      ];
    }
    const days = Math.round((queue.retentionSeconds / daySeconds) * 10) / 10;
    return [
      warning(
        "redrive policy",
        `none: a rejected message stays until the queue drops it, ${days} days after it was sent`,
        "give the queue a redrive policy (maxReceiveCount 5 or more), or: --on-reject dead-letter --dead-letter-url URL",
      ),
    ];
  }
  const name = nameOf(deadLetterArn);
  const policy = `after ${maxReceiveCount} ${maxReceiveCount === 1 ? "receive" : "receives"} a message is moved to ${name}`;
  return [
    maxReceiveCount <= fewReceives
      ? warning(
          "redrive policy",
          `${policy}: a run that is killed is one of them, and so is a dry run`,
          "raise maxReceiveCount in the queue's redrive policy to 5 or more",
        )
      : ok("redrive policy", policy),
    checkTarget(url.replace(/[^/]+$/, name), queue, redriveTarget),
  ];
}

/** @param url of the dead-letter queue */
function checkTarget(url: string, queue: DescribedQueue, answer: QueueFacts["redriveTarget"]): Finding {
  const check = "redrive target";
  const name = url.slice(url.lastIndexOf("/") + 1);
  if (answer === undefined)
    return skipped(check, `${name} is in another account or region, and was not asked`);
  if ("error" in answer) {
    const { error } = answer;
    if (isDenied(error)) return skipped(check, `the credentials may not ask ${name}, and a drain need not`);
    if (error.kind !== "config") return failedBy(check, error);
    return failed(
      check,
      "config",
      `the dead-letter queue ${name} does not exist`,
      `create ${name}, or change deadLetterTargetArn in the queue's redrive policy`,
    );
  }
  const target = answer.value;
  if (target.fifo !== queue.fifo) {
    return failed(
      check,
      "config",
      `${name} is ${target.fifo ? "a FIFO queue" : "no FIFO queue"}, and the drained one is ${queue.fifo ? "one" : "none"}`,
      "name a queue of the same kind in the queue's redrive policy",
    );
  }
  const { redriveAllow } = target;
  if (redriveAllow !== "all" && !(redriveAllow !== "none" && redriveAllow.includes(queue.arn))) {
    return failed(
      check,
      "config",
      `the redrive allow policy of ${name} does not let this queue move messages to it`,
      `add ${queue.arn} to the redrive allow policy of ${name}`,
    );
  }
  // A standard queue's message keeps the time at which it was first sent; a FIFO queue's begins anew.
  const keepsLonger = target.retentionSeconds > queue.retentionSeconds;
  if (!keepsLonger && target.retentionSeconds < longestRetentionSeconds && !queue.fifo) {
    return warning(
      check,
      `${name} keeps messages no longer than the queue does, counted from when they were first sent`,
      `aws sqs set-queue-attributes --queue-url ${url} --attributes MessageRetentionPeriod=${longestRetentionSeconds}`,
    );
  }
  return ok(check, `${name} is there, and takes what this queue moves`);
}

function nameOf(arn: string): string {
  return arn.slice(arn.lastIndexOf(":") + 1);
}
