/** Checks the queue that is drained: who asks, whether it answers, what is permitted, and how it is set up. */

import { checkDeadLetters } from "./dead-letter-checks.ts";
import { checkEncryption } from "./encryption-checks.ts";
import { type CheckName, type Finding, failed, failedBy, ok, skipped, warning } from "./finding.ts";
import { attributeReading, checkPermissions, isDenied } from "./permission-checks.ts";
import type { DescribedQueue, QueueFacts } from "./queue-facts.ts";
import { checkRedrive } from "./redrive-checks.ts";

/** Signatures are refused from five minutes on; `$received_at` and a person's log are wrong from the first on. */
const clockToleranceMillis = 30_000;

/** Everything about the queue side, in the order of the check names. */
export function checkQueues(facts: QueueFacts): readonly Finding[] {
  const { identity } = facts;
  // Who asks could not be told in time: what the queue itself answered still counts.
  if ("error" in identity && identity.error.retryable) {
    return [skipped("identity", identity.error.message), checkClock(facts), ...checkReachable(facts)];
  }
  if ("error" in identity) {
    return [
      failedBy("identity", identity.error),
      checkClock(facts),
      ...allSkipped(queueChecks(facts), "needs credentials"),
    ];
  }
  const { source, arn } = identity.value;
  return [
    ok("identity", arn === undefined ? `from ${source}` : `${arn}, from ${source}`),
    checkClock(facts),
    ...checkReachable(facts),
  ];
}

/** The checks of a queue, for where none can be made. */
export function queueChecks({ deadLetters }: Pick<QueueFacts, "deadLetters">): readonly CheckName[] {
  return ["queue", ...queueDetails, ...(deadLetters === undefined ? [] : deadLetterDetails)];
}

const queueDetails: readonly CheckName[] = [
  "read attributes",
  "receive",
  "delete",
  "change visibility",
  "visibility time-out",
  "redrive policy",
  "queue encryption",
];

const deadLetterDetails: readonly CheckName[] = ["rejects queue", "rejects sending", "rejects encryption"];

/** One line for each. */
export function allSkipped(checks: readonly CheckName[], because: string): readonly Finding[] {
  return checks.map((check) => skipped(check, because));
}

function checkClock({ clockAheadMillis }: QueueFacts): Finding {
  if (clockAheadMillis === undefined)
    return skipped("clock", "the queue's server did not say what time it is");
  const seconds = Math.round(Math.abs(clockAheadMillis) / 1000);
  if (Math.abs(clockAheadMillis) <= clockToleranceMillis) {
    return ok("clock", `within ${Math.max(1, seconds)} s of the queue's server`);
  }
  return warning(
    "clock",
    `this machine's clock is ${seconds} s ${clockAheadMillis > 0 ? "ahead of" : "behind"} the queue's server`,
    "timedatectl set-ntp true",
  );
}

function checkReachable(facts: QueueFacts): readonly Finding[] {
  const { description, name } = facts;
  const deadLetters = checkDeadLetters(facts);
  if ("error" in description && !isDenied(description.error)) {
    return [
      failedBy("queue", description.error),
      ...allSkipped(queueDetails, "the queue has to answer first"),
      ...deadLetters,
    ];
  }
  const permissions = checkPermissions(facts);
  if ("error" in description) {
    const needed = queueDetails.slice(queueDetails.indexOf("visibility time-out"));
    return [
      ok("queue", `${name} answers`),
      ...permissions,
      ...allSkipped(needed, `needs "${attributeReading}"`),
      ...deadLetters,
    ];
  }
  const queue = description.value;
  const waiting = `about ${queue.visible} ${queue.visible === 1 ? "message waits" : "messages wait"}`;
  return [
    ok("queue", `${name}${queue.fifo ? ", a FIFO queue" : ""}; ${waiting}`),
    ...permissions,
    checkVisibilityTimeout(facts, queue),
    ...checkRedrive(facts, queue),
    checkEncryption("queue encryption", facts.url, queue),
    ...deadLetters,
  ];
}

/** A database that stores so few rows a second is slow, and not yet broken. */
const slowRowsPerSecond = 200;

/** For the calls around a batch: its receives, and the extension of its visibility, each with a retry. */
const callSeconds = 5;

/** Deliveries are extended at half of the time-out, and a batch in hand at that moment is to be done by its end. */
function neededVisibilitySeconds(batchSize: number): number {
  return 2 * Math.ceil(callSeconds + batchSize / slowRowsPerSecond);
}

function checkVisibilityTimeout({ url, batchSize }: QueueFacts, queue: DescribedQueue): Finding {
  const { visibilityTimeoutSeconds: seconds } = queue;
  const needed = neededVisibilitySeconds(batchSize);
  const change = (to: number) =>
    `aws sqs set-queue-attributes --queue-url ${url} --attributes VisibilityTimeout=${to}`;
  if (seconds === 0) {
    return failed(
      "visibility time-out",
      "config",
      "0 s: a message that was received is handed out again at once, for ever",
      change(Math.max(30, needed)),
    );
  }
  if (seconds >= needed) return ok("visibility time-out", `${seconds} s, for batches of ${batchSize} rows`);
  return warning(
    "visibility time-out",
    `${seconds} s: a batch of ${batchSize} rows may take longer on a slow database, and then comes twice`,
    `${change(needed)}, or a smaller --batch-size`,
  );
}
