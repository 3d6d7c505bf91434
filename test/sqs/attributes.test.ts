import { expect, test } from "bun:test";
import { toQueueAttributes, toQueueDescription } from "../../src/sqs/attributes.ts";

const standard = {
  QueueArn: "arn:aws:sqs:eu-west-1:123456789012:login-queue",
  ApproximateNumberOfMessages: "12",
  ApproximateNumberOfMessagesNotVisible: "3",
  ApproximateNumberOfMessagesDelayed: "1",
  VisibilityTimeout: "30",
  MessageRetentionPeriod: "345600",
};
type Attributes = Readonly<Record<string, string | undefined>>;
const mapOf = (more: Attributes) =>
  new Map(
    Object.entries({ ...standard, ...more }).flatMap(([name, value]): [string, string][] =>
      value === undefined ? [] : [[name, value]],
    ),
  );
const read = (more: Attributes = {}) => toQueueAttributes(mapOf(more));

const redrive = { maxReceiveCount: 5, deadLetterArn: "arn:aws:sqs:eu-west-1:1:dead" };
const policy = (count: string) =>
  `{"deadLetterTargetArn":"${redrive.deadLetterArn}","maxReceiveCount":${count}}`;
const plain = {
  arn: standard.QueueArn,
  visible: 12,
  inFlight: 3,
  delayed: 1,
  visibilityTimeoutSeconds: 30,
  retentionSeconds: 345_600,
  fifo: false,
};

test.each<[string, Attributes, object]>([
  ["standard", {}, {}],
  ["marked as no FIFO queue", { FifoQueue: "false" }, {}],
  ["a FIFO queue", { FifoQueue: "true" }, { fifo: true }],
  ["with a redrive policy", { RedrivePolicy: policy("5") }, redrive],
  ["with a redrive policy whose count is a text", { RedrivePolicy: policy('"5"') }, redrive],
  [
    "of a server that names no retention, as ElasticMQ",
    { MessageRetentionPeriod: undefined },
    { retentionSeconds: 1_209_600 },
  ],
])("the attributes of a queue that is %s", (_, attributes, expected) => {
  expect(read(attributes)).toEqual({ ...plain, ...expected });
});

const needed = Object.keys(standard).filter((name) => name !== "MessageRetentionPeriod");
test.each<Attributes>([
  { QueueArn: "" },
  { QueueArn: "arn:aws:sqs:eu-west-1:123456789012:login\ufffd\ufffdueue" },
  { VisibilityTimeout: "soon" },
  { ApproximateNumberOfMessages: "-1" },
  { MessageRetentionPeriod: "" },
  { RedrivePolicy: "{" },
  { RedrivePolicy: "null" },
  { RedrivePolicy: '{"maxReceiveCount":"many","deadLetterTargetArn":"a"}' },
  { RedrivePolicy: '{"maxReceiveCount":3}' },
  ...needed.map((name) => ({ [name]: undefined })),
])("attributes with %j are not SQS's", (attributes) => {
  const error = {
    kind: "protocol",
    retryable: true,
    message: expect.stringContaining(Object.keys(attributes)[0] ?? ""),
  };
  expect(() => read(attributes)).toThrow(expect.objectContaining(error));
});

test.each<[Attributes, object | undefined]>([
  [{}, undefined],
  [{ SqsManagedSseEnabled: "true" }, { by: "sqs" }],
  [{ SqsManagedSseEnabled: "false" }, { by: "nobody" }],
  [
    { SqsManagedSseEnabled: "false", KmsMasterKeyId: "alias/ours" },
    { by: "kms", key: "alias/ours" },
  ],
  [{ KmsMasterKeyId: "a\u001b[2Jb" }, { by: "kms", key: "(unreadable)" }],
])("encryption of %j", (attributes, encryption) => {
  expect(toQueueDescription(mapOf(attributes)).encryption).toEqual(encryption as never);
});

test.each<[string | undefined, string | readonly string[]]>([
  [undefined, "all"],
  ["not JSON", "all"],
  ['{"redrivePermission":"allowAll"}', "all"],
  ['{"redrivePermission":"denyAll"}', "none"],
  ['{"redrivePermission":"byQueue","sourceQueueArns":["arn:a","arn:b"]}', ["arn:a", "arn:b"]],
])("who may redrive into a queue of the policy %s", (RedriveAllowPolicy, allow) => {
  expect(toQueueDescription(mapOf({ RedriveAllowPolicy })).redriveAllow).toEqual(allow as never);
});
