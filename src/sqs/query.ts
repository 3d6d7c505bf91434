/** What is asked of SQS, in the words of its Query protocol, version 2012-11-05. */

import { encodeForm } from "../aws/query-protocol.ts";
import type { MessageAttribute } from "../message/message.ts";
import type { VisibilityChange } from "../polling/ports.ts";

/** The actions on several messages at a time, whose answers say of each what became of it. */
export type BatchAction = "DeleteMessageBatch" | "ChangeMessageVisibilityBatch" | "SendMessageBatch";

/** One action and its parameters, in order. */
export interface Query {
  readonly action: string;
  readonly parameters: readonly (readonly [name: string, value: string])[];
}

/** An action on several messages. */
export interface BatchQuery extends Query {
  readonly action: BatchAction;
}

/** @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests.html */
const version = "2012-11-05";

/** What else a receive may ask for. */
export interface ReceiveExtras {
  /**
   * Names one receive of a FIFO queue, so that its repetition is handed what a lost answer held; the messages' groups
   * would be held back until their time-out otherwise. The groups' ids are asked for with it.
   *
   * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-receiverequestattemptid-request-parameter.html
   */
  readonly attemptId?: string | undefined;
  /** Whether the attributes that a sender gave its message are asked for. @defaultValue false */
  readonly withAttributes?: boolean | undefined;
}

/**
 * Asks for messages, with the two system attributes a message is made of.
 *
 * They are asked for as `AttributeName`, which AWS has renamed to `MessageSystemAttributeName` but still
 * takes; ElasticMQ and others read the old name alone.
 */
export function receiveMessage(maxMessages: number, waitSeconds: number, extras: ReceiveExtras = {}): Query {
  const { attemptId, withAttributes } = extras;
  const parameters: [string, string][] = [
    ["MaxNumberOfMessages", String(maxMessages)],
    ["WaitTimeSeconds", String(waitSeconds)],
    ["AttributeName.1", "SentTimestamp"],
    ["AttributeName.2", "ApproximateReceiveCount"],
  ];
  if (attemptId !== undefined) {
    parameters.push(["AttributeName.3", "MessageGroupId"], ["ReceiveRequestAttemptId", attemptId]);
  }
  if (withAttributes) parameters.push(["MessageAttributeName.1", "All"]);
  return { action: "ReceiveMessage", parameters };
}

function deleteNames(index: number) {
  const entry = `DeleteMessageBatchRequestEntry.${index + 1}`;
  return { id: `${entry}.Id`, receiptHandle: `${entry}.ReceiptHandle` };
}

/** Those of a full batch, made once: nothing is asked for as often as a delete. */
const usualDeleteNames = Array.from({ length: 10 }, (_, index) => deleteNames(index));

/** Deletes deliveries. Each entry's id is its place in the list. */
export function deleteMessageBatch(receiptHandles: readonly string[]): BatchQuery {
  const parameters = receiptHandles.flatMap((receiptHandle, index): [string, string][] => {
    const names = usualDeleteNames[index] ?? deleteNames(index);
    return [
      [names.id, String(index)],
      [names.receiptHandle, receiptHandle],
    ];
  });
  return { action: "DeleteMessageBatch", parameters };
}

/** Changes how long deliveries stay invisible. Each entry's id is its place in the list. */
export function changeVisibilityBatch(changes: readonly VisibilityChange[]): BatchQuery {
  const parameters = changes.flatMap(({ receiptHandle, timeoutSeconds }, index): [string, string][] => {
    const entry = `ChangeMessageVisibilityBatchRequestEntry.${index + 1}`;
    return [
      [`${entry}.Id`, String(index)],
      [`${entry}.ReceiptHandle`, receiptHandle],
      [`${entry}.VisibilityTimeout`, String(timeoutSeconds)],
    ];
  });
  return { action: "ChangeMessageVisibilityBatch", parameters };
}

/** A message to be sent. */
export interface Outgoing {
  readonly body: string;
  readonly attributes: readonly MessageAttribute[];
  /** For a FIFO queue, and only for one. */
  readonly fifo?: { readonly groupId: string; readonly deduplicationId: string } | undefined;
}

/** Sends messages. Each entry's id is its place in the list. */
export function sendMessageBatch(messages: readonly Outgoing[]): BatchQuery {
  const parameters: [string, string][] = [];
  for (const [index, { body, attributes, fifo }] of messages.entries()) {
    const entry = `SendMessageBatchRequestEntry.${index + 1}`;
    parameters.push([`${entry}.Id`, String(index)], [`${entry}.MessageBody`, body]);
    if (fifo !== undefined) {
      parameters.push([`${entry}.MessageGroupId`, fifo.groupId]);
      parameters.push([`${entry}.MessageDeduplicationId`, fifo.deduplicationId]);
    }
    for (const [place, { name, dataType, value }] of attributes.entries()) {
      const attribute = `${entry}.MessageAttribute.${place + 1}`;
      parameters.push([`${attribute}.Name`, name], [`${attribute}.Value.DataType`, dataType]);
      parameters.push([`${attribute}.Value.${isBinary(dataType) ? "BinaryValue" : "StringValue"}`, value]);
    }
  }
  return { action: "SendMessageBatch", parameters };
}

/** Whether the type, which may have a label behind a dot, is that of bytes, whose value is base64. */
export function isBinary(dataType: string): boolean {
  return dataType.split(".", 1)[0] === "Binary";
}

/** Asks for all attributes: SQS refuses some names by the type of queue, and `All` suits every server. */
export function getQueueAttributes(): Query {
  return { action: "GetQueueAttributes", parameters: [["AttributeName.1", "All"]] };
}

/**
 * Asks for a page of the account's queues.
 *
 * @param parameters by name, of which undefined ones are left out
 */
export function listQueues(parameters: Readonly<Record<string, string | undefined>>): Query {
  const given = Object.entries(parameters).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, value]],
  );
  return { action: "ListQueues", parameters: given };
}

/** The body of the request. It names the queue itself, as not every server reads it from the path. */
export function encodeQuery({ action, parameters }: Query, queueUrl?: string): string {
  const form: [string, string][] = [
    ["Action", action],
    ["Version", version],
  ];
  if (queueUrl !== undefined) form.push(["QueueUrl", queueUrl]);
  return encodeForm([...form, ...parameters]);
}
