/** Checks the queue: who asks, whether it answers, what is permitted, how it is set up, and where rejected messages go. */

import type { EtlError } from "../errors.ts";
import { fewReceives } from "../message/message.ts";
import type { QueueDescription } from "../sqs/attributes.ts";
import type { InspectedPermission } from "../sqs/inspection.ts";
import {
  type Answer,
  type Check,
  type Facts,
  failed,
  flawed,
  ifKnown,
  known,
  type Outcome,
  ok,
  skipped,
  warning,
} from "./check.ts";
import { isAwsManaged } from "./iam-policy.ts";

/** From five minutes on SQS refuses signatures; `$received_at` and the log are wrong before that. */
const clockToleranceMillis = 30_000;

/** A database that stores only so many rows a second is slow, but not broken. */
const slowRowsPerSecond = 200;

/** For the calls around a batch: its receives, and the extension of its visibility, each with a retry. */
const callSeconds = 5;

const daySeconds = 24 * 60 * 60;

/** The most that SQS takes. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html */
const longestRetentionSeconds = 14 * daySeconds;

const deniedCodes = ["AccessDenied", "AccessDeniedException", "AuthFailure", "NotAuthorized"];

/** Identity, clock, the queue with its redrive policy, and the queue of `--on-reject dead-letter`. */
export const queueChecks: readonly Check[] = [
  {
    name: "identity",
    needs: ["settings"],
    run({ queue, identity }) {
      if (isError(queue)) return skipped('needs "queue"');
      // Nobody answered in time. What the queue itself answered still counts.
      if (isError(identity) && identity.error.retryable) return skipped(identity.error.message);
      const { source, arn } = known(identity);
      return ok(arn === undefined ? `from ${source}` : `${arn}, from ${source}`);
    },
  },
  {
    name: "clock",
    needs: ["settings"],
    run({ queue, clockAheadMillis: ahead }) {
      if (isError(queue)) return skipped('needs "queue"');
      if (ahead === undefined) return skipped("the queue's server did not say what time it is");
      const seconds = Math.round(Math.abs(ahead) / 1000);
      if (Math.abs(ahead) <= clockToleranceMillis) {
        return ok(`within ${Math.max(1, seconds)} s of the queue's server`);
      }
      return warning(
        `this machine's clock is ${seconds} s ${ahead > 0 ? "ahead of" : "behind"} the queue's server`,
        "timedatectl set-ntp true",
      );
    },
  },
  {
    name: "queue",
    needs: ["identity"],
    run({ queue, description }) {
      const { name } = known(queue);
      if (isDenied(description)) return ok(`${name} answers`);
      const { fifo, visible } = known(description);
      const waiting = `about ${visible} ${visible === 1 ? "message waits" : "messages wait"}`;
      return ok(`${name}${fifo ? ", a FIFO queue" : ""}; ${waiting}`);
    },
  },
  {
    name: "read attributes",
    needs: ["queue"],
    run: ({ description }) =>
      permission("sqs:GetQueueAttributes", { value: isDenied(description) ? "denied" : "permitted" }),
  },
  action("receive", "sqs:ReceiveMessage", (facts) => facts.receive),
  action("delete", "sqs:DeleteMessage", (facts) => facts.delete),
  action("change visibility", "sqs:ChangeMessageVisibility", (facts) => facts.changeVisibility),
  {
    name: "visibility time-out",
    needs: ["read attributes"],
    run({ settings, queue, description }) {
      const { visibilityTimeoutSeconds: seconds } = known(description);
      const { batchSize } = known(settings).drain;
      // Messages are extended at half of the timeout: a batch that is loading at that moment must be done by its end.
      const needed = 2 * Math.ceil(callSeconds + batchSize / slowRowsPerSecond);
      const change = (to: number) => setAttribute(known(queue).href, "VisibilityTimeout", to);
      if (seconds === 0) {
        const message = "0 s: every received message is delivered again at once";
        return failed(message, change(Math.max(30, needed)));
      }
      if (seconds >= needed) return ok(`${seconds} s, for batches of ${batchSize} rows`);
      return warning(
        `${seconds} s: if the database is slow, a batch of ${batchSize} rows takes longer, and its messages are delivered again`,
        `${change(needed)}, or a smaller --batch-size`,
      );
    },
  },
  {
    name: "redrive policy",
    needs: ["read attributes"],
    run({ description, deadLetters }) {
      const { maxReceiveCount, deadLetterArn, retentionSeconds } = known(description);
      if (maxReceiveCount === undefined || deadLetterArn === undefined) {
        if (deadLetters !== undefined)
          return ok("none; etl sends rejected messages to the dead-letter queue");
        const days = Math.round((retentionSeconds / daySeconds) * 10) / 10;
        return warning(
          `none: a rejected message stays in the queue until it expires, ${days} days after it was sent`,
          "give the queue a redrive policy (maxReceiveCount 5 or more), or: --on-reject dead-letter --dead-letter-url URL",
        );
      }
      const policy = `after ${maxReceiveCount} ${maxReceiveCount === 1 ? "receive" : "receives"} a message is moved to ${nameOf(deadLetterArn)}`;
      if (maxReceiveCount > fewReceives) return ok(policy);
      return warning(
        `${policy}: a killed run counts as a receive, and so does a dry run`,
        "raise maxReceiveCount in the queue's redrive policy to 5 or more",
      );
    },
  },
  {
    name: "redrive target",
    needs: ["redrive policy"],
    applies({ description }) {
      const queue = ifKnown(description);
      return queue === undefined || queue.deadLetterArn !== undefined;
    },
    run({ queue, description, redriveTarget }) {
      const origin = known(description);
      const name = nameOf(origin.deadLetterArn ?? "");
      if (redriveTarget === undefined) return skipped(`not asked: ${name} is in another account or region`);
      if (isDenied(redriveTarget))
        return skipped(`the credentials may not ask ${name}; a drain does not need to`);
      if (isError(redriveTarget) && redriveTarget.error.kind === "config") {
        return failed(
          `the dead-letter queue ${name} does not exist`,
          `create ${name}, or change deadLetterTargetArn in the queue's redrive policy`,
        );
      }
      const target = known(redriveTarget);
      if (target.fifo !== origin.fifo) {
        return failed(
          otherKind(name, target, origin),
          "name a queue of the same kind in the queue's redrive policy",
        );
      }
      const { redriveAllow: allowed, retentionSeconds } = target;
      if (allowed === "none" || (allowed !== "all" && !allowed.includes(origin.arn))) {
        return failed(
          `the redrive allow policy of ${name} does not let this queue move messages to it`,
          `add ${origin.arn} to the redrive allow policy of ${name}`,
        );
      }
      // A message of a standard queue keeps the time at which it was first sent; in a FIFO queue the time starts again.
      const keepsLonger = origin.fifo || retentionSeconds > origin.retentionSeconds;
      if (keepsLonger || retentionSeconds >= longestRetentionSeconds) {
        return ok(`${name} exists, and takes what this queue moves`);
      }
      const url = known(queue).href.replace(/[^/]+$/, name);
      return warning(
        `${name} keeps messages no longer than the queue does, counted from when they were first sent`,
        setAttribute(url, "MessageRetentionPeriod", longestRetentionSeconds),
      );
    },
  },
  {
    name: "queue encryption",
    needs: ["read attributes"],
    run: ({ queue, description }) => encryptionOf(known(queue).href, known(description)),
  },
  {
    name: "rejects queue",
    needs: ["identity"],
    applies: sendsRejects,
    run({ deadLetters, description }) {
      const { queue, description: answer } = known(deadLetters);
      if (isDenied(answer)) return flawed(...denied("sqs:GetQueueAttributes", onDeadLetters));
      const [target, origin] = [known(answer), ifKnown(description)];
      if (origin?.arn === target.arn) {
        const message = "the dead-letter queue is the queue that is drained";
        return failed(message, "give another --dead-letter-url");
      }
      if (origin !== undefined && origin.fifo !== target.fifo) {
        const message = otherKind(queue.name, target, origin);
        return failed(message, "give a --dead-letter-url of the same kind");
      }
      return ok(`${queue.name} exists`);
    },
  },
  {
    name: "rejects sending",
    needs: ["rejects queue"],
    applies: sendsRejects,
    run: ({ deadLetters }) => permission("sqs:SendMessage", known(deadLetters).send, onDeadLetters),
  },
  {
    name: "rejects encryption",
    needs: ["rejects queue"],
    applies: sendsRejects,
    run({ deadLetters }) {
      const { queue, description } = known(deadLetters);
      return isError(description)
        ? skipped('needs "rejects queue"')
        : encryptionOf(queue.href, description.value);
    },
  },
];

const onDeadLetters = " on the dead-letter queue";

function sendsRejects({ deadLetters }: Facts): boolean {
  return deadLetters !== undefined;
}

function isError<T>(answer: Answer<T> | undefined): answer is { readonly error: EtlError } {
  return answer !== undefined && "error" in answer;
}

/** Whether the queue exists, and does not let these credentials read its attributes. */
function isDenied(answer: Answer<QueueDescription> | undefined): boolean {
  if (!isError(answer)) return false;
  const { kind, operation, code } = answer.error;
  return kind === "permission" && operation.startsWith("attributes") && deniedCodes.includes(code ?? "");
}

function action(
  name: string,
  iamAction: string,
  answer: (facts: Facts) => Answer<InspectedPermission> | undefined,
): Check {
  return { name, needs: ["queue"], run: (facts) => permission(iamAction, answer(facts)) };
}

/** @param where behind the action's name, if the queue is another than the one that is drained */
function permission(action: string, answer: Answer<InspectedPermission> | undefined, where = ""): Outcome {
  switch (known(answer)) {
    case "permitted":
      return ok(`${action} is permitted`);
    case "not denied":
      return ok(`${action} is not denied; a full test would change the queue`);
    case "denied":
      return failed(...denied(action, where));
  }
}

function denied(action: string, where: string): Parameters<typeof failed> {
  const hint = `allow ${action}${where}; the whole policy: etl doctor --policy`;
  return [`the credentials may not use ${action}${where}`, hint, "permission"];
}

/** Personal fields are in clear in a queue, whatever becomes of them later. */
function encryptionOf(url: string, { encryption }: QueueDescription): Outcome {
  switch (encryption?.by) {
    case undefined:
      return skipped("the queue's server does not say how it stores messages");
    case "nobody":
      return warning(
        "messages are stored unencrypted, with personal fields in clear",
        setAttribute(url, "SqsManagedSseEnabled", true),
      );
    case "sqs":
      return ok("encrypted, with a key that SQS keeps");
    case "kms": {
      const remark = isAwsManaged(encryption.key) ? "" : "; not tested whether the credentials may use it";
      return ok(`encrypted, with the KMS key ${encryption.key}${remark}`);
    }
  }
}

function otherKind(name: string, target: QueueDescription, origin: QueueDescription): string {
  const kind = ({ fifo }: QueueDescription) => (fifo ? "a FIFO queue" : "a standard queue");
  return `${name} is ${kind(target)}, but the drained queue is ${kind(origin)}`;
}

function setAttribute(url: string, name: string, value: number | boolean): string {
  return `aws sqs set-queue-attributes --queue-url ${url} --attributes ${name}=${value}`;
}

function nameOf(arn: string): string {
  return arn.slice(arn.lastIndexOf(":") + 1);
}
