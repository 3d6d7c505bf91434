/** The two protocols of SQS as the bench's queue reads and writes them: the Query protocol for `etl`, JSON for the AWS SDK. */

import type { Backlog } from "./backlog.ts";

/** One entry of a batch call. */
export interface BatchEntry {
  readonly id: string;
  readonly receiptHandle: string;
  /** Of a change of visibility. */
  readonly timeoutSeconds: number;
}

/** The calls on several messages. */
export type BatchAction = "DeleteMessageBatch" | "ChangeMessageVisibilityBatch";

/** A call, read. */
export type Call =
  | { readonly action: "ReceiveMessage"; readonly maxMessages: number; readonly waitSeconds: number }
  | { readonly action: BatchAction; readonly entries: readonly BatchEntry[] }
  | { readonly action: "DeleteMessage"; readonly receiptHandle: string }
  | { readonly action: "GetQueueAttributes" };

/** One of the two protocols of SQS. */
export interface Protocol {
  readonly contentType: string;
  /**
   * @param target the header `X-Amz-Target`
   * @returns undefined if the queue does not know the call
   */
  read(body: string, target: string | null): Call | undefined;
  writeMessages(backlog: Backlog, indexes: readonly number[]): string;
  /** @param accepted whether each entry went through, in their order */
  writeBatch(action: BatchAction, entries: readonly BatchEntry[], accepted: readonly boolean[]): string;
  writeDeleted(): string;
  writeAttributes(attributes: Readonly<Record<string, string>>): string;
}

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

const head = '<?xml version="1.0"?>';
const namespace = 'xmlns="http://queue.amazonaws.com/doc/2012-11-05/"';
const metadata =
  "<ResponseMetadata><RequestId>b6633655-283d-45b4-aee4-4e84e0ae6afa</RequestId></ResponseMetadata>";

/** @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-xml.html */
export const queryProtocol: Protocol = {
  contentType: "text/xml",
  read(body) {
    const fields = fieldsOf(body);
    const action = fields.get("Action");
    switch (action) {
      case "ReceiveMessage":
        return {
          action,
          maxMessages: Number(fields.get("MaxNumberOfMessages") ?? 1),
          waitSeconds: Number(fields.get("WaitTimeSeconds") ?? 0),
        };
      case "DeleteMessageBatch":
      case "ChangeMessageVisibilityBatch":
        return { action, entries: entriesOf(action, fields) };
      case "DeleteMessage":
        return { action, receiptHandle: fields.get("ReceiptHandle") ?? "" };
      case "GetQueueAttributes":
        return { action };
      default:
        return undefined;
    }
  },
  writeMessages(backlog, indexes) {
    const { messages } = backlog;
    let result = "";
    for (const index of indexes) {
      const receiveCount = backlog.receiveCount(index);
      result +=
        `<Message><MessageId>${messages.messageId(index)}</MessageId>` +
        `<ReceiptHandle>${messages.receiptHandle(index, receiveCount)}</ReceiptHandle>` +
        `<MD5OfBody>${messages.bodyDigest(index)}</MD5OfBody><Body>${messages.xmlBody(index)}</Body>` +
        `<Attribute><Name>SentTimestamp</Name><Value>${messages.sentAtMillis(index)}</Value></Attribute>` +
        `<Attribute><Name>ApproximateReceiveCount</Name><Value>${receiveCount}</Value></Attribute></Message>`;
    }
    return answer("ReceiveMessage", result);
  },
  writeBatch(action, entries, accepted) {
    let result = "";
    for (const [place, { id }] of entries.entries()) {
      result += accepted[place]
        ? `<${action}ResultEntry><Id>${id}</Id></${action}ResultEntry>`
        : `<BatchResultErrorEntry><Id>${id}</Id><SenderFault>true</SenderFault><Code>ReceiptHandleIsInvalid</Code></BatchResultErrorEntry>`;
    }
    return answer(action, result);
  },
  writeDeleted: () => `${head}<DeleteMessageResponse ${namespace}>${metadata}</DeleteMessageResponse>`,
  writeAttributes(attributes) {
    let result = "";
    for (const [name, value] of Object.entries(attributes)) {
      result += `<Attribute><Name>${name}</Name><Value>${value}</Value></Attribute>`;
    }
    return answer("GetQueueAttributes", result);
  },
};

function answer(action: string, result: string): string {
  return `${head}<${action}Response ${namespace}><${action}Result>${result}</${action}Result>${metadata}</${action}Response>`;
}

/** `URLSearchParams` takes several times as long. */
function fieldsOf(body: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const field of body.split("&")) {
    const equals = field.indexOf("=");
    const value = field.slice(equals + 1);
    fields.set(field.slice(0, equals), value.includes("%") ? decodeURIComponent(value) : value);
  }
  return fields;
}

function entriesOf(action: BatchAction, fields: ReadonlyMap<string, string>): BatchEntry[] {
  const entries: BatchEntry[] = [];
  for (;;) {
    const name = `${action}RequestEntry.${entries.length + 1}`;
    const id = fields.get(`${name}.Id`);
    if (id === undefined) return entries;
    entries.push({
      id,
      receiptHandle: fields.get(`${name}.ReceiptHandle`) ?? "",
      timeoutSeconds: Number(fields.get(`${name}.VisibilityTimeout`) ?? 0),
    });
  }
}
