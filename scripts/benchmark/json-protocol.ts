/** The JSON protocol of SQS, which the AWS SDK speaks, as the bench's queue reads and writes it. */

import type { Protocol } from "./calls.ts";

const targetPrefix = "AmazonSQS.";

interface Fields {
  readonly MaxNumberOfMessages?: number;
  readonly WaitTimeSeconds?: number;
  readonly ReceiptHandle?: string;
  readonly Entries?: readonly {
    readonly Id: string;
    readonly ReceiptHandle: string;
    readonly VisibilityTimeout?: number;
  }[];
}

/** @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html */
export const jsonProtocol: Protocol = {
  contentType: "application/x-amz-json-1.0",
  read(body, target) {
    const action = target?.slice(targetPrefix.length);
    const fields = JSON.parse(body) as Fields;
    switch (action) {
      case "ReceiveMessage":
        return {
          action,
          maxMessages: fields.MaxNumberOfMessages ?? 1,
          waitSeconds: fields.WaitTimeSeconds ?? 0,
        };
      case "DeleteMessageBatch":
      case "ChangeMessageVisibilityBatch":
        return {
          action,
          entries: (fields.Entries ?? []).map((entry) => ({
            id: entry.Id,
            receiptHandle: entry.ReceiptHandle,
            timeoutSeconds: entry.VisibilityTimeout ?? 0,
          })),
        };
      case "DeleteMessage":
        return { action, receiptHandle: fields.ReceiptHandle ?? "" };
      case "GetQueueAttributes":
        return { action };
      default:
        return undefined;
    }
  },
  writeMessages(backlog, indexes) {
    const { messages } = backlog;
    if (indexes.length === 0) return "{}";
    let result = "";
    for (const index of indexes) {
      const receiveCount = backlog.receiveCount(index);
      result +=
        `${result === "" ? "" : ","}{"MessageId":"${messages.messageId(index)}",` +
        `"ReceiptHandle":"${messages.receiptHandle(index, receiveCount)}",` +
        `"MD5OfBody":"${messages.bodyDigest(index)}","Body":"${messages.jsonBody(index)}",` +
        `"Attributes":{"SentTimestamp":"${messages.sentAtMillis(index)}","ApproximateReceiveCount":"${receiveCount}"}}`;
    }
    return `{"Messages":[${result}]}`;
  },
  writeBatch(_, entries, accepted) {
    const successful = entries.filter((_, place) => accepted[place]).map(({ id }) => ({ Id: id }));
    const failed = entries
      .filter((_, place) => !accepted[place])
      .map(({ id }) => ({ Id: id, SenderFault: true, Code: "ReceiptHandleIsInvalid" }));
    return JSON.stringify({ Successful: successful, ...(failed.length > 0 ? { Failed: failed } : {}) });
  },
  writeDeleted: () => "{}",
  writeAttributes: (attributes) => JSON.stringify({ Attributes: attributes }),
};
