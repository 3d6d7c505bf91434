/** Checks the queue of `--on-reject dead-letter`, which rejected messages are sent to whole. */

import { EtlError } from "../errors.ts";
import { checkEncryption } from "./encryption-checks.ts";
import { type Finding, failed, failedBy, ok, skipped } from "./finding.ts";
import { checkPermission, isDenied } from "./permission-checks.ts";
import type { QueueFacts } from "./queue-facts.ts";

/** Nothing where rejected messages stay in the queue. */
export function checkDeadLetters({ deadLetters, description }: QueueFacts): readonly Finding[] {
  if (deadLetters === undefined) return [];
  const check = "rejects queue";
  const others = (because: string) => [
    skipped("rejects sending", because),
    skipped("rejects encryption", because),
  ];
  const unusable = "needs a dead-letter queue that can be used";
  if (deadLetters instanceof EtlError) return [failedBy(check, deadLetters), ...others(unusable)];
  const { description: answer, send, url } = deadLetters;
  const name = url.slice(url.lastIndexOf("/") + 1);
  const sending = checkPermission("rejects sending", "sqs:SendMessage", send, " on the dead-letter queue");
  if ("error" in answer) {
    if (!isDenied(answer.error)) return [ofDeadLetters(failedBy(check, answer.error)), ...others(unusable)];
    const denied = checkPermission(
      check,
      "sqs:GetQueueAttributes",
      { value: "denied" },
      " on the dead-letter queue",
    );
    return [denied, sending, skipped("rejects encryption", `needs "${check}"`)];
  }
  const target = answer.value;
  const encryption = checkEncryption("rejects encryption", url, target);
  const origin = "value" in description ? description.value : undefined;
  if (origin?.arn === target.arn) {
    const same = failed(
      check,
      "config",
      "the dead-letter queue is the queue that is drained",
      "give another --dead-letter-url",
    );
    return [same, ...others(unusable)];
  }
  if (origin !== undefined && origin.fifo !== target.fifo) {
    const kinds = `${target.fifo ? "a FIFO queue" : "no FIFO queue"}, and the drained one is ${origin.fifo ? "one" : "none"}`;
    return [
      failed(check, "config", `${name} is ${kinds}`, "give a --dead-letter-url of the same kind"),
      ...others(unusable),
    ];
  }
  return [ok(check, `${name} is there`), sending, encryption];
}

/** The sentences of an error are about the queue that is drained. */
function ofDeadLetters(finding: Finding): Finding {
  const { message, hint } = finding;
  return {
    ...finding,
    message: message.replace(/^the queue\b/, "the dead-letter queue"),
    ...(hint === undefined ? {} : { hint: hint.replace("the queue URL", "--dead-letter-url") }),
  };
}
