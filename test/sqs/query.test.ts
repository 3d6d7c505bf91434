import { expect, test } from "bun:test";
import {
  changeVisibilityBatch,
  deleteMessageBatch,
  encodeQuery,
  getQueueAttributes,
  listQueues,
  type Query,
  receiveMessage,
  sendMessageBatch,
} from "../../src/sqs/query.ts";

const QueueUrl = "https://sqs.eu-west-1.amazonaws.com/123456789012/login-queue";
const receive = { MaxNumberOfMessages: "10", WaitTimeSeconds: "5" };
const system = { "AttributeName.1": "SentTimestamp", "AttributeName.2": "ApproximateReceiveCount" };

/** Reads a form by the book: split at `&`, at the first `=`, undo `+` and the percent signs. */
function decodeForm(body: string): Record<string, string> {
  const decode = (text: string) => decodeURIComponent(text.replaceAll("+", " "));
  const pairs = body.split("&").map((pair) => {
    const at = pair.indexOf("=");
    return [decode(pair.slice(0, at)), decode(pair.slice(at + 1))];
  });
  return Object.fromEntries(pairs);
}

/** The parameters of a batch, entry by entry. */
function entries(action: string, ...fields: readonly Record<string, string>[]): Record<string, string> {
  const named = fields.flatMap((entry, index) =>
    Object.entries({ Id: String(index), ...entry }).map(([name, value]) => [
      `${action}RequestEntry.${index + 1}.${name}`,
      value,
    ]),
  );
  return Object.fromEntries(named);
}

const handles = Array.from({ length: 12 }, (_, index) => `a+/=${index}`);

test.each<[what: string, query: Query, parameters: Record<string, string>]>([
  [
    "a receive asks for the two attributes a message is made of, and nothing more",
    receiveMessage(10, 5),
    { ...receive, ...system },
  ],
  [
    "a receive from a FIFO queue asks for the group and names its attempt",
    receiveMessage(10, 5, { attemptId: "1-a" }),
    { ...receive, ...system, "AttributeName.3": "MessageGroupId", ReceiveRequestAttemptId: "1-a" },
  ],
  [
    "a receive asks for the senders' attributes if they are wanted",
    receiveMessage(10, 5, { withAttributes: true }),
    { ...receive, ...system, "MessageAttributeName.1": "All" },
  ],
  [
    "a message is sent with its body, its attributes by their types, and its place in a FIFO queue",
    sendMessageBatch([
      {
        body: "one & two",
        attributes: [
          { name: "trace", dataType: "String.w3c", value: "a=b&c" },
          { name: "seal", dataType: "Binary.raw", value: "AP8=" },
        ],
      },
      { body: "three", attributes: [], fifo: { groupId: "g", deduplicationId: "d" } },
    ]),
    entries(
      "SendMessageBatch",
      {
        MessageBody: "one & two",
        "MessageAttribute.1.Name": "trace",
        "MessageAttribute.1.Value.DataType": "String.w3c",
        "MessageAttribute.1.Value.StringValue": "a=b&c",
        "MessageAttribute.2.Name": "seal",
        "MessageAttribute.2.Value.DataType": "Binary.raw",
        "MessageAttribute.2.Value.BinaryValue": "AP8=",
      },
      { MessageBody: "three", MessageGroupId: "g", MessageDeduplicationId: "d" },
    ),
  ],
  [
    "a delete names each delivery by its place, also of more than SQS takes at a time",
    deleteMessageBatch(handles),
    entries("DeleteMessageBatch", ...handles.map((ReceiptHandle) => ({ ReceiptHandle }))),
  ],
  [
    "a change of visibility gives each delivery its own time",
    changeVisibilityBatch([
      { receiptHandle: "a", timeoutSeconds: 0 },
      { receiptHandle: "b", timeoutSeconds: 43_200 },
    ]),
    entries(
      "ChangeMessageVisibilityBatch",
      { ReceiptHandle: "a", VisibilityTimeout: "0" },
      { ReceiptHandle: "b", VisibilityTimeout: "43200" },
    ),
  ],
  [
    "all attributes are asked for, as some names are refused by some queues",
    getQueueAttributes(),
    { "AttributeName.1": "All" },
  ],
])("%s", (_, query, parameters) => {
  const common = { Action: query.action, Version: "2012-11-05", QueueUrl };
  expect(decodeForm(encodeQuery(query, QueueUrl))).toEqual({ ...common, ...parameters });
});

test("a list of queues names no queue, and nothing that is not known", () => {
  const form = decodeForm(encodeQuery(listQueues({ MaxResults: "9", NextToken: undefined })));
  expect(form).toEqual({ Action: "ListQueues", Version: "2012-11-05", MaxResults: "9" });
});
