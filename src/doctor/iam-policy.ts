/** The least that an AWS identity needs for a drain, as an IAM policy. */

import type { QueueDescription } from "../sqs/attributes.ts";

/** A queue, as far as a policy names it; without its encryption if that is not known. */
export type PolicyQueue = Pick<QueueDescription, "arn" | "encryption">;

/** What a policy is for. */
interface PolicyParts {
  readonly queue: PolicyQueue;
  /** With `--on-reject dead-letter`. */
  readonly deadLetters?: PolicyQueue | undefined;
  /** Whether bodies may point to objects in S3. */
  readonly extendedPayloads: boolean;
}

/** One statement of an IAM policy. @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html */
interface PolicyStatement {
  readonly Sid: string;
  readonly Effect: "Allow";
  readonly Action: readonly string[];
  readonly Resource: string;
  readonly Condition?: object;
}

/** In place of the bucket, which messages name and no setting does. No bucket has capitals in its name. */
export const bucketPlaceholder = "BUCKET-OF-THE-PAYLOADS";

/** The IAM policy. */
export function iamPolicy({ queue, deadLetters, extendedPayloads }: PolicyParts) {
  const statements: PolicyStatement[] = [
    allow(
      "EtlDrain",
      ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"],
      queue.arn,
    ),
    ...keyUse("EtlDecrypt", queue, ["kms:Decrypt"]),
  ];
  if (deadLetters !== undefined) {
    statements.push(
      allow("EtlDeadLetters", ["sqs:SendMessage", "sqs:GetQueueAttributes"], deadLetters.arn),
      // To send, SQS asks for a data key and looks into it.
      ...keyUse("EtlDeadLetterKey", deadLetters, ["kms:GenerateDataKey", "kms:Decrypt"]),
    );
  }
  if (extendedPayloads) {
    const bucket = `arn:${partsOf(queue.arn).partition}:s3:::${bucketPlaceholder}/*`;
    statements.push(allow("EtlPayloads", ["s3:GetObject"], bucket));
  }
  return { Version: "2012-10-17", Statement: statements };
}

function allow(Sid: string, Action: readonly string[], Resource: string): PolicyStatement {
  return { Sid, Effect: "Allow", Action, Resource };
}

/** The key that AWS makes for SQS: its own policy lets in whoever may use the queue. */
const awsManagedKey = "alias/aws/sqs";

/** Whether the key is the one that AWS makes for SQS, by its alias or the alias's ARN. */
export function isAwsManaged(key: string): boolean {
  return key === awsManagedKey || key.endsWith(`:${awsManagedKey}`);
}

/**
 * Nothing for the key that AWS makes for SQS. A policy cannot name an alias as a resource: a condition selects the keys
 * that have it.
 *
 * @see https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html
 */
function keyUse(
  sid: string,
  { arn, encryption }: PolicyQueue,
  actions: readonly string[],
): PolicyStatement[] {
  if (encryption?.by !== "kms" || isAwsManaged(encryption.key)) return [];
  const { key } = encryption;
  const { partition, region, account } = partsOf(arn);
  const place = `arn:${partition}:kms:${region}:${account}:key`;
  const alias = /(?:^|:)(alias\/.+)$/.exec(key)?.[1];
  if (alias !== undefined) {
    const Condition = { "ForAnyValue:StringEquals": { "kms:ResourceAliases": alias } };
    return [{ ...allow(sid, actions, `${place}/*`), Condition }];
  }
  return [allow(sid, actions, key.startsWith("arn:") ? key : `${place}/${key}`)];
}

function partsOf(arn: string) {
  const [, partition = "aws", , region = "*", account = "*"] = arn.split(":");
  return { partition, region, account };
}

/** The partitions of AWS, by how their regions begin. @see https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html */
const partitions: readonly (readonly [regions: string, partition: string])[] = [
  ["cn-", "aws-cn"],
  ["us-gov-", "aws-us-gov"],
  ["us-iso-", "aws-iso"],
  ["us-isob-", "aws-iso-b"],
];

/**
 * The ARN of a queue of AWS, from its URL.
 *
 * @param path such as `/123456789012/login-queue`
 */
export function arnByUrl(path: string, region: string): string {
  const [account = "*", name = "*"] = path
    .split("/")
    .filter((part) => part !== "")
    .slice(-2);
  const partition = partitions.find(([prefix]) => region.startsWith(prefix))?.[1] ?? "aws";
  return `arn:${partition}:sqs:${region}:${account}:${name}`;
}
