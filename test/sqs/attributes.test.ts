import { describe, expect, test } from "bun:test";
import { toQueueAttributes, toQueueDescription } from "../../src/sqs/attributes.ts";

const standard = {
  QueueArn: "arn:aws:sqs:eu-west-1:123456789012:login-queue",
  ApproximateNumberOfMessages: "12",
  ApproximateNumberOfMessagesNotVisible: "3",
  ApproximateNumberOfMessagesDelayed: "1",
  VisibilityTimeout: "30",
  MessageRetentionPeriod: "345600",
};
const read = (more: Record<string, string> = {}) =>
  toQueueAttributes(new Map(Object.entries({ ...standard, ...more })));

test("a standard queue without a dead-letter queue", () => {
  expect(read()).toEqual({
    arn: standard.QueueArn,
    visible: 12,
    inFlight: 3,
    delayed: 1,
    visibilityTimeoutSeconds: 30,
    retentionSeconds: 345_600,
    fifo: false,
  });
});

test("a FIFO queue", () => {
  expect(read({ FifoQueue: "true" }).fifo).toBe(true);
  expect(read({ FifoQueue: "false" }).fifo).toBe(false);
});

test.each([["5"], ['"5"']])("a redrive policy that counts to %s", (count) => {
  const policy = `{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:1:dead","maxReceiveCount":${count}}`;
  expect(read({ RedrivePolicy: policy })).toMatchObject({
    maxReceiveCount: 5,
    deadLetterArn: "arn:aws:sqs:eu-west-1:1:dead",
  });
});

test("a server that names no retention, as ElasticMQ, gets the longest there is", () => {
  const { MessageRetentionPeriod: _, ...rest } = standard;
  expect(toQueueAttributes(new Map(Object.entries(rest))).retentionSeconds).toBe(1_209_600);
});

test.each([
  [{ QueueArn: "" }],
  [{ QueueArn: "arn:aws:sqs:eu-west-1:123456789012:login\ufffd\ufffdueue" }],
  [{ VisibilityTimeout: "soon" }],
  [{ ApproximateNumberOfMessages: "-1" }],
  [{ MessageRetentionPeriod: "" }],
  [{ RedrivePolicy: "{" }],
  [{ RedrivePolicy: "null" }],
  [{ RedrivePolicy: '{"maxReceiveCount":"many","deadLetterTargetArn":"a"}' }],
  [{ RedrivePolicy: '{"maxReceiveCount":3}' }],
])("%p is not SQS's", (attributes) => {
  expect(() => read(attributes as Record<string, string>)).toThrow(
    expect.objectContaining({ kind: "protocol", retryable: true }),
  );
});

test.each(Object.keys(standard).filter((name) => name !== "MessageRetentionPeriod"))(
  "%s has to be there",
  (name) => {
    const rest = Object.entries(standard).filter(([key]) => key !== name);
    expect(() => toQueueAttributes(new Map(rest))).toThrow(name);
  },
);

describe("what a queue says of its set-up", () => {
  const describeWith = (more: Readonly<Record<string, string>>) =>
    toQueueDescription(new Map(Object.entries({ ...standard, ...more })));

  test.each([
    [{}, undefined],
    [{ SqsManagedSseEnabled: "true" }, { by: "sqs" }],
    [{ SqsManagedSseEnabled: "false" }, { by: "nobody" }],
    [
      { SqsManagedSseEnabled: "false", KmsMasterKeyId: "alias/ours" },
      { by: "kms", key: "alias/ours" },
    ],
    [{ KmsMasterKeyId: "a\u001b[2Jb" }, { by: "kms", key: "(unreadable)" }],
  ])("encryption of %j", (more, encryption) => {
    expect(describeWith(more).encryption).toEqual(encryption as never);
  });

  test.each([
    [undefined, "all"],
    ["not JSON", "all"],
    ['{"redrivePermission":"allowAll"}', "all"],
    ['{"redrivePermission":"denyAll"}', "none"],
    ['{"redrivePermission":"byQueue","sourceQueueArns":["arn:a","arn:b"]}', ["arn:a", "arn:b"]],
  ])("redrive allow policy %s", (policy, allow) => {
    const more = policy === undefined ? {} : { RedriveAllowPolicy: policy };
    expect(describeWith(more).redriveAllow).toEqual(allow as never);
  });
});
