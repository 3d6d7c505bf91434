/** What is asked of SQS, in the words of its Query protocol, version 2012-11-05. */

/** The actions on several messages at a time, whose answers say of each what became of it. */
export type BatchAction = "DeleteMessageBatch" | "ChangeMessageVisibilityBatch";

/** The actions that are used. */
export type Action = BatchAction | "ReceiveMessage" | "GetQueueAttributes";

/** One action and its parameters, in order. */
export interface Query {
  readonly action: Action;
  readonly parameters: readonly (readonly [name: string, value: string])[];
}

/** An action on several messages. */
export interface BatchQuery extends Query {
  readonly action: BatchAction;
}

/** @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests.html */
const version = "2012-11-05";

/**
 * Asks for messages, with the two system attributes a message is made of.
 *
 * They are asked for as `AttributeName`, which AWS has renamed to `MessageSystemAttributeName` but still
 * takes; ElasticMQ and others read the old name alone.
 */
export function receiveMessage(maxMessages: number, waitSeconds: number): Query {
  return {
    action: "ReceiveMessage",
    parameters: [
      ["MaxNumberOfMessages", String(maxMessages)],
      ["WaitTimeSeconds", String(waitSeconds)],
      ["AttributeName.1", "SentTimestamp"],
      ["AttributeName.2", "ApproximateReceiveCount"],
    ],
  };
}

/** Deletes deliveries. Each entry's id is its place in the list. */
export function deleteMessageBatch(receiptHandles: readonly string[]): BatchQuery {
  const parameters = receiptHandles.flatMap((receiptHandle, index): [string, string][] => {
    const entry = `DeleteMessageBatchRequestEntry.${index + 1}`;
    return [
      [`${entry}.Id`, String(index)],
      [`${entry}.ReceiptHandle`, receiptHandle],
    ];
  });
  return { action: "DeleteMessageBatch", parameters };
}

/** Makes deliveries visible again at once. Each entry's id is its place in the list. */
export function makeVisibleBatch(receiptHandles: readonly string[]): BatchQuery {
  const parameters = receiptHandles.flatMap((receiptHandle, index): [string, string][] => {
    const entry = `ChangeMessageVisibilityBatchRequestEntry.${index + 1}`;
    return [
      [`${entry}.Id`, String(index)],
      [`${entry}.ReceiptHandle`, receiptHandle],
      [`${entry}.VisibilityTimeout`, "0"],
    ];
  });
  return { action: "ChangeMessageVisibilityBatch", parameters };
}

/** Asks for all attributes: SQS refuses some names by the type of queue, and `All` suits every server. */
export function getQueueAttributes(): Query {
  return { action: "GetQueueAttributes", parameters: [["AttributeName.1", "All"]] };
}

/** The content type of {@link encodeQuery}. */
export const queryContentType = "application/x-www-form-urlencoded; charset=utf-8";

/**
 * The body of the request. It names the queue itself, as not every server reads it from the path.
 *
 * @see https://url.spec.whatwg.org/#application/x-www-form-urlencoded
 */
export function encodeQuery(query: Query, queueUrl: string): string {
  const body = new URLSearchParams({ Action: query.action, Version: version, QueueUrl: queueUrl });
  for (const [name, value] of query.parameters) body.append(name, value);
  return body.toString();
}
