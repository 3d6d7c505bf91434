import { describe, expect, test } from "bun:test";
import { arnByUrl, iamPolicy } from "../../src/doctor/iam-policy.ts";
import type { QueueDescription } from "../../src/sqs/attributes.ts";

const arn = "arn:aws:sqs:eu-west-1:123456789012:logins";
const keys = "arn:aws:kms:eu-west-1:123456789012:key";
const allow = (Sid: string, Action: readonly string[], Resource: string) => ({
  Sid,
  Effect: "Allow",
  Action,
  Resource,
});
const drain = allow(
  "EtlDrain",
  ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"],
  arn,
);

test("a drain needs four actions on one queue, and no more", () => {
  expect<unknown>(iamPolicy({ queue: { arn }, extendedPayloads: false })).toEqual({
    Version: "2012-10-17",
    Statement: [drain],
  });
});

test("a dead-letter queue, its key, and payloads in S3 each add a statement", () => {
  const dead = arn.replace("logins", "dead");
  const { Statement } = iamPolicy({
    queue: { arn },
    deadLetters: { arn: dead, encryption: { by: "kms", key: "1234abcd" } },
    extendedPayloads: true,
  });
  expect<unknown>(Statement).toEqual([
    drain,
    allow("EtlDeadLetters", ["sqs:SendMessage", "sqs:GetQueueAttributes"], dead),
    allow("EtlDeadLetterKey", ["kms:GenerateDataKey", "kms:Decrypt"], `${keys}/1234abcd`),
    allow("EtlPayloads", ["s3:GetObject"], "arn:aws:s3:::BUCKET-OF-THE-PAYLOADS/*"),
  ]);
});

describe("a queue's encryption", () => {
  const statementsFor = (encryption: QueueDescription["encryption"]) =>
    iamPolicy({ queue: { arn, encryption }, extendedPayloads: false }).Statement;
  const other = "arn:aws:kms:eu-west-1:999999999999:key/other";

  test.each([
    ["1234abcd-12ab", `${keys}/1234abcd-12ab`],
    [other, other],
    ["alias/ours", `${keys}/*`],
    ["arn:aws:kms:eu-west-1:123456789012:alias/ours", `${keys}/*`],
  ])("with the KMS key %s needs the right to decrypt with %s", (key, resource) => {
    const [, statement] = statementsFor({ by: "kms", key });
    expect(statement).toMatchObject({ Sid: "EtlDecrypt", Action: ["kms:Decrypt"], Resource: resource });
    const condition = { "ForAnyValue:StringEquals": { "kms:ResourceAliases": "alias/ours" } };
    expect(statement?.Condition).toEqual(resource.endsWith("*") ? condition : undefined);
  });

  test.each<[QueueDescription["encryption"]]>([
    [undefined],
    [{ by: "sqs" }],
    [{ by: "nobody" }],
    [{ by: "kms", key: "alias/aws/sqs" }],
    [{ by: "kms", key: "arn:aws:kms:eu-west-1:123456789012:alias/aws/sqs" }],
  ])("of %j needs no further right", (encryption) => {
    expect(statementsFor(encryption)).toHaveLength(1);
  });
});

test.each([
  ["eu-west-1", "arn:aws:sqs:eu-west-1:123456789012:logins"],
  ["cn-north-1", "arn:aws-cn:sqs:cn-north-1:123456789012:logins"],
  ["us-gov-west-1", "arn:aws-us-gov:sqs:us-gov-west-1:123456789012:logins"],
  ["us-isob-east-1", "arn:aws-iso-b:sqs:us-isob-east-1:123456789012:logins"],
])("in %s the ARN of a queue is made from its URL", (region, expected) => {
  expect(arnByUrl("/123456789012/logins", region)).toBe(expected);
});
