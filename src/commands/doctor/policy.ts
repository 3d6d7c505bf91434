/** `etl doctor --policy`: the least that the AWS identity needs, for whoever may give it. */

import { arnByUrl, bucketPlaceholder, iamPolicy, type PolicyQueue } from "../../doctor/iam-policy.ts";
import type { Settings } from "../../settings/settings.ts";
import { inspectQueue } from "../../sqs/inspection.ts";
import { resolveEndpoint } from "../../sqs/queue-url.ts";
import { jsonLine } from "../../terminal/printable.ts";
import type { Context } from "../context.ts";
import { answerOf, openDeadline } from "./answer.ts";
import { inspectionParts } from "./queue.ts";

/**
 * Prints the policy. A queue that cannot be asked is told by its URL.
 *
 * @param oneLine as one JSON object on one line
 * @returns 0
 * @throws EtlError of kind config where no queue is named, or a URL cannot be used
 */
export async function printPolicy(
  context: Context,
  { queue, rejects }: Pick<Settings, "queue" | "rejects">,
  oneLine: boolean,
): Promise<number> {
  const { log, stdout } = context;
  const { action, deadLetterUrl } = rejects;
  const letters = action === "leave" || deadLetterUrl === undefined ? undefined : deadLetterUrl;
  const [drained, deadLetters] = await Promise.all([
    policyQueue(queue, context),
    letters === undefined ? undefined : policyQueue({ ...queue, url: letters }, context),
  ]);
  const { extendedPayloads } = queue;
  if (extendedPayloads) log.warn(`put the payloads' bucket in the place of ${bucketPlaceholder}`);
  const policy = iamPolicy({ queue: drained, deadLetters, extendedPayloads });
  await log.flush();
  await stdout.write(oneLine ? `${jsonLine({ policy })}\n` : `${JSON.stringify(policy, null, 2)}\n`);
  return 0;
}

async function policyQueue(queue: Settings["queue"], context: Context): Promise<PolicyQueue> {
  const parts = inspectionParts(queue, context);
  const { queue: url, region, host } = resolveEndpoint(parts.queue);
  const deadline = openDeadline(host, "");
  context.log.status(`asking ${url.name} …`);
  const answer = await answerOf(deadline.within(inspectQueue(parts).describe(deadline.signal)));
  deadline.end();
  context.log.status(null);
  if ("value" in answer) return answer.value;
  context.log.warn(
    `${url.name} could not be asked, so its ARN is told by its URL, and whether it is encrypted with KMS is not known: ${answer.error.message}`,
  );
  return { arn: arnByUrl(url.path, region) };
}
