import { describe, expect, test } from "bun:test";
import { arnByUrl, iamPolicy } from "../../src/doctor/iam-policy.ts";
import type { QueueDescription } from "../../src/sqs/queue-description.ts";

const arn = "arn:aws:sqs:eu-west-1:123456789012:logins";
const keys = "arn:aws:kms:eu-west-1:123456789012:key";
const statementsFor = (encryption?: QueueDescription["encryption"]) =>
  iamPolicy({ queue: { arn, encryption }, extendedPayloads: false }).Statement;

test("a drain needs four actions on one queue, and no more", () => {
  expect(iamPolicy({ queue: { arn }, extendedPayloads: false })).toEqual({
    Version: "2012-10-17",
    Statement: [
      {
        Sid: "EtlDrain",
        Effect: "Allow",
        Action: [
          "sqs:ReceiveMessage",
          "sqs:DeleteMessage",
          "sqs:ChangeMessageVisibility",
          "sqs:GetQueueAttributes",
        ],
        Resource: arn,
      },
    ],
  });
});

test("dead letters, their key, and payloads each add a statement", () => {
  const dead = arn.replace("logins", "dead");
  const { Statement } = iamPolicy({
    queue: { arn },
    deadLetters: { arn: dead, encryption: { by: "kms", key: "1234abcd" } },
    extendedPayloads: true,
  });
  expect(Statement.slice(1)).toEqual([
    {
      Sid: "EtlDeadLetters",
      Effect: "Allow",
      Action: ["sqs:SendMessage", "sqs:GetQueueAttributes"],
      Resource: dead,
    },
    {
      Sid: "EtlDeadLetterKey",
      Effect: "Allow",
      Action: ["kms:GenerateDataKey", "kms:Decrypt"],
      Resource: `${keys}/1234abcd`,
    },
    {
      Sid: "EtlPayloads",
      Effect: "Allow",
      Action: ["s3:GetObject"],
      Resource: "arn:aws:s3:::BUCKET-OF-THE-PAYLOADS/*",
    },
  ]);
});

describe("the key of a queue", () => {
  test.each<[encryption: QueueDescription["encryption"], resource: string]>([
    [{ by: "kms", key: "1234abcd-12ab" }, `${keys}/1234abcd-12ab`],
    [
      { by: "kms", key: "arn:aws:kms:eu-west-1:999999999999:key/other" },
      "arn:aws:kms:eu-west-1:999999999999:key/other",
    ],
    [{ by: "kms", key: "alias/ours" }, `${keys}/*`],
    [{ by: "kms", key: "arn:aws:kms:eu-west-1:123456789012:alias/ours" }, `${keys}/*`],
  ])("%j", (encryption, resource) => {
    const [, statement] = statementsFor(encryption);
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
  ])("none for %j", (encryption) => {
    expect(statementsFor(encryption)).toHaveLength(1);
  });
});

test.each([
  ["eu-west-1", "arn:aws:sqs:eu-west-1:123456789012:logins"],
  ["cn-north-1", "arn:aws-cn:sqs:cn-north-1:123456789012:logins"],
  ["us-gov-west-1", "arn:aws-us-gov:sqs:us-gov-west-1:123456789012:logins"],
  ["us-isob-east-1", "arn:aws-iso-b:sqs:us-isob-east-1:123456789012:logins"],
])("the ARN by the URL, in %s", (region, expected) => {
  expect(arnByUrl("/123456789012/logins", region)).toBe(expected);
});
