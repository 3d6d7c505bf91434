import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  changeVisibilityBatch,
  deleteMessageBatch,
  encodeQuery,
  getQueueAttributes,
  receiveMessage,
  sendMessageBatch,
} from "../../src/sqs/query.ts";

const url = "https://sqs.eu-west-1.amazonaws.com/123456789012/login-queue";

/** Reads a form by the book: split at `&`, at the first `=`, undo `+` and the percent signs. */
function decodeForm(body: string): Record<string, string> {
  const decode = (text: string) => decodeURIComponent(text.replaceAll("+", " "));
  const pairs = body.split("&").map((pair) => {
    const at = pair.indexOf("=");
    return [decode(pair.slice(0, at)), decode(pair.slice(at + 1))];
  });
  return Object.fromEntries(pairs);
}

test("a receive asks for the two attributes a message is made of, and nothing more", () => {
  expect(decodeForm(encodeQuery(receiveMessage(10, 5), url))).toEqual({
    Action: "ReceiveMessage",
    Version: "2012-11-05",
    QueueUrl: url,
    MaxNumberOfMessages: "10",
    WaitTimeSeconds: "5",
    "AttributeName.1": "SentTimestamp",
    "AttributeName.2": "ApproximateReceiveCount",
  });
});

test("a receive from a FIFO queue asks for the group and names its attempt", () => {
  expect(decodeForm(encodeQuery(receiveMessage(10, 5, { attemptId: "1-a" }), url))).toMatchObject({
    "AttributeName.3": "MessageGroupId",
    ReceiveRequestAttemptId: "1-a",
  });
});

test("a receive asks for the senders' attributes where they are wanted", () => {
  const form = decodeForm(encodeQuery(receiveMessage(10, 5, { withAttributes: true }), url));
  expect(form["MessageAttributeName.1"]).toBe("All");
  expect(form).not.toHaveProperty("ReceiveRequestAttemptId");
});

test("a message is sent with its body, its attributes by their types, and its place in a FIFO queue", () => {
  const attributes = [
    { name: "trace", dataType: "String.w3c", value: "a=b&c" },
    { name: "seal", dataType: "Binary.raw", value: "AP8=" },
  ];
  const fifo = { groupId: "g", deduplicationId: "d" };
  const query = sendMessageBatch([
    { body: "one & two", attributes },
    { body: "three", attributes: [], fifo },
  ]);
  expect(decodeForm(encodeQuery(query, url))).toEqual({
    Action: "SendMessageBatch",
    Version: "2012-11-05",
    QueueUrl: url,
    "SendMessageBatchRequestEntry.1.Id": "0",
    "SendMessageBatchRequestEntry.1.MessageBody": "one & two",
    "SendMessageBatchRequestEntry.1.MessageAttribute.1.Name": "trace",
    "SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.DataType": "String.w3c",
    "SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.StringValue": "a=b&c",
    "SendMessageBatchRequestEntry.1.MessageAttribute.2.Name": "seal",
    "SendMessageBatchRequestEntry.1.MessageAttribute.2.Value.DataType": "Binary.raw",
    "SendMessageBatchRequestEntry.1.MessageAttribute.2.Value.BinaryValue": "AP8=",
    "SendMessageBatchRequestEntry.2.Id": "1",
    "SendMessageBatchRequestEntry.2.MessageBody": "three",
    "SendMessageBatchRequestEntry.2.MessageGroupId": "g",
    "SendMessageBatchRequestEntry.2.MessageDeduplicationId": "d",
  });
});

test("a delete names each delivery by its place in the batch", () => {
  expect(decodeForm(encodeQuery(deleteMessageBatch(["a+/=", "b"]), url))).toEqual({
    Action: "DeleteMessageBatch",
    Version: "2012-11-05",
    QueueUrl: url,
    "DeleteMessageBatchRequestEntry.1.Id": "0",
    "DeleteMessageBatchRequestEntry.1.ReceiptHandle": "a+/=",
    "DeleteMessageBatchRequestEntry.2.Id": "1",
    "DeleteMessageBatchRequestEntry.2.ReceiptHandle": "b",
  });
});

test("no delivery is left out, also of more than SQS takes at a time", () => {
  const handles = Array.from({ length: 12 }, (_, index) => `handle-${index}`);
  const form = decodeForm(encodeQuery(deleteMessageBatch(handles), url));
  for (const [index, handle] of handles.entries()) {
    expect(form[`DeleteMessageBatchRequestEntry.${index + 1}.Id`]).toBe(String(index));
    expect(form[`DeleteMessageBatchRequestEntry.${index + 1}.ReceiptHandle`]).toBe(handle);
  }
});

test("a change of visibility gives each delivery its own time", () => {
  const changes = [
    { receiptHandle: "a", timeoutSeconds: 0 },
    { receiptHandle: "b", timeoutSeconds: 43_200 },
  ];
  expect(decodeForm(encodeQuery(changeVisibilityBatch(changes), url))).toEqual({
    Action: "ChangeMessageVisibilityBatch",
    Version: "2012-11-05",
    QueueUrl: url,
    "ChangeMessageVisibilityBatchRequestEntry.1.Id": "0",
    "ChangeMessageVisibilityBatchRequestEntry.1.ReceiptHandle": "a",
    "ChangeMessageVisibilityBatchRequestEntry.1.VisibilityTimeout": "0",
    "ChangeMessageVisibilityBatchRequestEntry.2.Id": "1",
    "ChangeMessageVisibilityBatchRequestEntry.2.ReceiptHandle": "b",
    "ChangeMessageVisibilityBatchRequestEntry.2.VisibilityTimeout": "43200",
  });
});

test("all attributes are asked for, as some names are refused by some queues", () => {
  expect(decodeForm(encodeQuery(getQueueAttributes(), url))["AttributeName.1"]).toBe("All");
});

test("any receipt handle arrives as it was, in plain ASCII", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (handle) => {
      const body = encodeQuery(deleteMessageBatch([handle]), url);
      expect(body).toMatch(/^[\x20-\x7e]+$/);
      expect(decodeForm(body)["DeleteMessageBatchRequestEntry.1.ReceiptHandle"]).toBe(handle);
    }),
  );
});

test("half a surrogate pair, which no bytes stand for, arrives as the character that stands for such", () => {
  const form = decodeForm(encodeQuery(deleteMessageBatch(["a\ud800b"]), url));
  expect(form["DeleteMessageBatchRequestEntry.1.ReceiptHandle"]).toBe("a\ufffdb");
});
