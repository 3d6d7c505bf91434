/** Brings a queue of `local-aws-sqs` to what SQS does, where it strays from that. */

import type { createRequestHandler } from "local-aws-sqs";

/** A queue of the server; the package exports no name for its type. */
export type ServerQueue = ReturnType<typeof createRequestHandler>["service"]["Queues"][number];

/** What the server keeps of one message. */
interface Entry {
  visible: boolean;
  delayed: boolean;
  readonly record: { readonly MessageId: string; readonly attributes: Record<string, string> };
}

interface ReceiveInput {
  readonly VisibilityTimeout?: string;
  readonly WaitTimeSeconds?: string;
  /** A text where a form brings it. */
  readonly MaxNumberOfMessages?: string | number;
}

/** What the server hands out of one message. */
interface ReceivedRecord {
  readonly MessageBody: string;
  readonly MessageAttributes?: Readonly<Record<string, { readonly StringValue?: string }>> | undefined;
}

/** Milliseconds between two looks of a long poll. */
const pollMillis = 5;

/**
 * As it comes, a queue writes bodies and attributes into its XML unescaped, holds a long poll to its end even when it has messages,
 * goes on taking messages for a caller that has hung up, counts messages in flight as visible, appends the number
 * of visible messages to the one that is asked for and finds 1010000 too many, counts a change of visibility as a receive,
 * and makes a message visible a moment after it has said so.
 *
 * @param callerGone whether the caller that a receive is working for has hung up; asked within that receive
 */
export function correctQueue(queue: ServerQueue, callerGone: () => boolean): void {
  const entries = new Map<string, Entry>();
  keepEntries(queue, entries);
  correctReceive(queue, entries, callerGone);
  correctVisibility(queue, entries);
  correctCounts(queue);
}

function keepEntries(queue: ServerQueue, entries: Map<string, Entry>): void {
  const newRecord = queue.newRecord;
  queue.newRecord = (record, delay) => {
    const entry: Entry = newRecord(record, delay);
    if (queue.DelaySeconds === 0) entry.delayed = false;
    entries.set(entry.record.MessageId, entry);
    return entry;
  };
  const remove = queue.delete.bind(queue);
  queue.delete = (receiptHandle) => {
    const removed = remove(receiptHandle);
    entries.delete(messageIdOf(receiptHandle));
    return removed;
  };
  const clearRecords = queue.clearRecords.bind(queue);
  queue.clearRecords = () => {
    entries.clear();
    clearRecords();
  };
}

function correctReceive(
  queue: ServerQueue,
  entries: ReadonlyMap<string, Entry>,
  callerGone: () => boolean,
): void {
  const receive = queue.receive.bind(queue);
  queue.receive = async (input: ReceiveInput) => {
    const waitSeconds = Number(input.WaitTimeSeconds ?? queue.ReceiveMessageWaitTimeSeconds);
    const end = performance.now() + waitSeconds * 1000;
    const asked = {
      ...input,
      WaitTimeSeconds: "0",
      MaxNumberOfMessages: Number(input.MaxNumberOfMessages ?? 1),
    };
    for (;;) {
      if (callerGone()) return [];
      const records = hasVisible(entries) ? await receive(asked) : [];
      if (records.length > 0 || performance.now() >= end) {
        return records.map(escapeRecord);
      }
      await Bun.sleep(pollMillis);
    }
  };
}

function correctVisibility(queue: ServerQueue, entries: ReadonlyMap<string, Entry>): void {
  const changeVisibility = queue.changeVisibility.bind(queue);
  queue.changeVisibility = (receiptHandle, visibilityTimeout) => {
    const entry = entries.get(messageIdOf(receiptHandle));
    const receiveCount = entry?.record.attributes.ApproximateReceiveCount;
    const changed = changeVisibility(receiptHandle, visibilityTimeout);
    if (entry && receiveCount !== undefined) {
      entry.record.attributes.ApproximateReceiveCount = receiveCount;
      // Else a timer does it, which moves it to the dead-letter queue where there is one.
      if (Number(visibilityTimeout) === 0 && !queue.RedrivePolicy) entry.visible = true;
    }
    return changed;
  };
}

function correctCounts(queue: ServerQueue): void {
  const getAttributes = queue.getAttributes.bind(queue);
  queue.getAttributes = (names) => {
    const attributes = getAttributes(names);
    if (attributes?.ApproximateNumberOfMessages !== undefined) {
      const inFlight = getAttributes(["All"]).ApproximateNumberOfMessagesNotVisible;
      attributes.ApproximateNumberOfMessages = String(attributes.ApproximateNumberOfMessages - inFlight);
    }
    return attributes;
  };
}

function hasVisible(entries: ReadonlyMap<string, Entry>): boolean {
  for (const entry of entries.values()) if (entry.visible && !entry.delayed) return true;
  return false;
}

/** The message a receipt handle of this server is for; empty where it is not one of its handles. */
function messageIdOf(receiptHandle: string): string {
  return /"MessageId":"([^"]+)"/.exec(Buffer.from(receiptHandle, "base64").toString())?.[1] ?? "";
}

function escapeRecord<T extends ReceivedRecord>(record: T): T {
  const { MessageBody: body, MessageAttributes: attributes } = record;
  const escaped = { ...record, MessageBody: escapeText(body) };
  if (attributes === undefined) return escaped;
  const entries = Object.entries(attributes).map(([name, attribute]) => [
    name,
    attribute.StringValue === undefined
      ? attribute
      : { ...attribute, StringValue: escapeText(attribute.StringValue) },
  ]);
  return { ...escaped, MessageAttributes: Object.fromEntries(entries) };
}

/** As SQS escapes a body; the server itself escapes the quotation mark there, and it needs no escape elsewhere. */
function escapeText(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll("\r", "&#xD;");
}
