import { expect, test } from "bun:test";
import { EtlError } from "../../src/errors.ts";
import { readAttributes, readBatch, readErrorCode } from "../../src/sqs/response.ts";
import { errorAnswer } from "../support/sqs-faults.ts";

test("a batch tells what went through, what will never, and leaves the rest", () => {
  const failed = (id: string, code: string, fault: boolean) =>
    `<BatchResultErrorEntry><Id>${id}</Id><Code>${code}</Code><Message>m</Message>` +
    `<SenderFault>${fault}</SenderFault></BatchResultErrorEntry>`;
  const xml =
    "<DeleteMessageBatchResponse><DeleteMessageBatchResult>" +
    "<DeleteMessageBatchResultEntry><Id>0</Id></DeleteMessageBatchResultEntry>" +
    failed("1", "ReceiptHandleIsInvalid", true) +
    failed("2", "InternalError", false) +
    failed("3", "ReceiptHandleIsInvalid", false) +
    failed("4", "InvalidParameterValue", true) +
    "</DeleteMessageBatchResult></DeleteMessageBatchResponse>";
  const { succeeded, refused } = readBatch(xml, "DeleteMessageBatch");
  expect([...succeeded]).toEqual(["0"]);
  expect([...refused]).toEqual(["1", "3", "4"]);
  expect(() => readBatch(xml, "ChangeMessageVisibilityBatch")).toThrow(EtlError);
});

test("an entry that went through, but not as it was sent, counts as refused", () => {
  const sent = (id: string, md5: string) =>
    `<SendMessageBatchResultEntry><Id>${id}</Id><MD5OfMessageBody>${md5}</MD5OfMessageBody></SendMessageBatchResultEntry>`;
  const xml =
    `<SendMessageBatchResponse><SendMessageBatchResult>${sent("0", "a")}${sent("1", "b")}` +
    "</SendMessageBatchResult></SendMessageBatchResponse>";
  const { succeeded, refused } = readBatch(
    xml,
    "SendMessageBatch",
    (entry) => entry.get("MD5OfMessageBody") === "a",
  );
  expect([[...succeeded], [...refused]]).toEqual([["0"], ["1"]]);
});

test("attributes by name", () => {
  const xml =
    "<GetQueueAttributesResponse><GetQueueAttributesResult>" +
    "<Attribute><Name>QueueArn</Name><Value>arn:aws:sqs:eu-west-1:1:q</Value></Attribute>" +
    "<Attribute><Name>RedrivePolicy</Name><Value>{&quot;maxReceiveCount&quot;:3}</Value></Attribute>" +
    "</GetQueueAttributesResult></GetQueueAttributesResponse>";
  expect([...readAttributes(xml)]).toEqual([
    ["QueueArn", "arn:aws:sqs:eu-west-1:1:q"],
    ["RedrivePolicy", '{"maxReceiveCount":3}'],
  ]);
});

test.each([
  [errorAnswer("AWS.SimpleQueueService.NonExistentQueue"), "AWS.SimpleQueueService.NonExistentQueue"],
  [errorAnswer("AccessDenied", "a stand-in may leave a raw < & in what follows the code"), "AccessDenied"],
  [
    "<ErrorResponse><RequestId>1</RequestId><Error><Code>\n  OverLimit </Code></Error></ErrorResponse>",
    "OverLimit",
  ],
  [
    errorAnswer(
      "InvalidParameterValue",
      "Value AQEB for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.",
    ),
    "ReceiptHandleIsInvalid",
  ],
  [
    errorAnswer(
      "InvalidParameterValue",
      "Value 1-2 for parameter ReceiveRequestAttemptId is invalid. Reason: The receive call is not retryable.",
    ),
    "ReceiveRequestAttemptIdIsInvalid",
  ],
  [
    errorAnswer("InvalidParameterValue", "Value 50000 for parameter VisibilityTimeout is invalid."),
    "InvalidParameterValue",
  ],
  [errorAnswer("AccessDenied", "Value AQEB for parameter ReceiptHandle is invalid."), "AccessDenied"],
  [errorAnswer("\u001b[31mred"), undefined],
  [errorAnswer("x".repeat(101)), undefined],
  ["<UnknownOperationException/>", undefined],
  ["<html><body>502 Bad Gateway</body></html>", undefined],
  ["", undefined],
])("the code of an error: %p", (xml, code) => {
  expect(readErrorCode(xml)).toBe(code as string);
});
