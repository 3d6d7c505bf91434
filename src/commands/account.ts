/** The account that the settings lead to. */

import type { QueueSettings } from "../settings/settings.ts";
import type { SqsAccountParts } from "../sqs/account.ts";
import { isAwsHost, parseQueueUrl } from "../sqs/queue-url.ts";
import type { Context } from "./context.ts";
import { serviceParts } from "./queue.ts";

/** Everything of the account, as far as the settings know it. A queue's URL tells the region, or what stands for AWS. */
export function accountParts(
  { url, region, environmentRegion, endpoint }: QueueSettings,
  context: Pick<Context, "env" | "log">,
): SqsAccountParts {
  const queue = url === undefined ? undefined : parseQueueUrl(url);
  const standIn = queue !== undefined && !isAwsHost(new URL(queue.origin).hostname);
  return {
    ...serviceParts(context),
    region: region ?? queue?.region ?? environmentRegion,
    endpoint: endpoint ?? (standIn ? queue.origin : undefined),
  };
}
