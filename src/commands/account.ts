/** Who asks the queues, and which of them there are. */

import type { QueueSettings } from "../settings/settings.ts";
import type { SetupQueues } from "../setup/ports.ts";
import type { SqsAccountParts } from "../sqs/account.ts";
import { callerIdentity } from "../sqs/identity.ts";
import { listQueueUrls } from "../sqs/queue-list.ts";
import { isAwsHost, parseQueueUrl } from "../sqs/queue-url.ts";
import type { Context } from "./context.ts";
import { serviceParts } from "./queue.ts";

/** The account that the settings lead to. */
export function queueAccount(
  settings: QueueSettings,
  context: Pick<Context, "env" | "log">,
): Pick<SetupQueues, "identity" | "list"> {
  // Not at once: where the URL cannot be used, that is for whoever reads it to say.
  const parts = () => accountParts(settings, context);
  return {
    identity: async () => await callerIdentity(parts()),
    list: async () => await listQueueUrls(parts()),
  };
}

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
