/** Checks how a queue stores what is in it: personal fields are in clear there, whatever becomes of them later. */

import { type CheckName, type Finding, ok, skipped, warning } from "./finding.ts";
import type { DescribedQueue } from "./queue-facts.ts";

/** The key that AWS makes for SQS, which lets in whoever may use the queue. */
const awsManagedKey = "alias/aws/sqs";

/** How messages are stored. */
export function checkEncryption(check: CheckName, url: string, { encryption }: DescribedQueue): Finding {
  switch (encryption?.by) {
    case undefined:
      return skipped(check, "the queue's server does not say how it stores messages");
    case "nobody":
      return warning(
        check,
        "messages are stored as they are, personal fields in clear",
        `aws sqs set-queue-attributes --queue-url ${url} --attributes SqsManagedSseEnabled=true`,
      );
    case "sqs":
      return ok(check, "encrypted, with a key of SQS's own");
    case "kms": {
      const remark = isAwsManaged(encryption.key) ? "" : "; that it may be used is not proved";
      return ok(check, `encrypted, with the KMS key ${encryption.key}${remark}`);
    }
  }
}

/** Whether the key is the one that AWS makes for SQS, by its alias or the alias's ARN. */
export function isAwsManaged(key: string): boolean {
  return key === awsManagedKey || key.endsWith(`:${awsManagedKey}`);
}
