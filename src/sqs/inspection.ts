/** Asks a queue what it permits and what time it is, by calls that change nothing whatever is answered. */

import { answeredError, meaningOf, type Refusal, type ServiceErrors } from "../aws/errors.ts";
import { readResult } from "../aws/query-protocol.ts";
import { routeInit } from "../aws/transport.ts";
import { type QueueDescription, toQueueDescription } from "./attributes.ts";
import { queueErrors } from "./errors.ts";
import { changeVisibilityBatch, deleteMessageBatch, getQueueAttributes, type Query } from "./query.ts";
import { QueueClient, type SqsQueueParts } from "./queue-client.ts";
import { readAttributes } from "./response.ts";

/** The actions whose permission can be asked for. */
export type InspectedAction = "receive" | "delete" | "changeVisibility" | "send";

/**
 * Whether an action may be used. `not denied` if it was refused for what was asked, and it is not known which of the
 * two SQS looks at first.
 */
export type InspectedPermission = "permitted" | "not denied" | "denied";

/** A receipt handle that no server has given out: it is too short, and not base64. */
const noHandle = "-";

/**
 * A delete and a change of visibility name a message that cannot be: SQS looks at the permission for the whole batch, and
 * answers for each entry afterwards. A receive would count as one, so it asks for fewer messages than none; and should
 * a server take that for a number, it shall not hide what it hands out. A batch without entries sends nothing.
 */
const queries: Readonly<Record<InspectedAction, Query>> = {
  receive: {
    action: "ReceiveMessage",
    parameters: [
      ["MaxNumberOfMessages", "-1"],
      ["VisibilityTimeout", "0"],
      ["WaitTimeSeconds", "0"],
    ],
  },
  delete: deleteMessageBatch([noHandle]),
  changeVisibility: changeVisibilityBatch([{ receiptHandle: noHandle, timeoutSeconds: 0 }]),
  send: { action: "SendMessageBatch", parameters: [] },
};

/** A queue that is asked and never changed. */
export interface QueueInspection {
  /**
   * @param as what the call is in errors. @defaultValue the drained queue's `attributes`
   * @throws EtlError; of kind permission if `GetQueueAttributes` is denied
   */
  describe(
    signal: AbortSignal,
    as?: { readonly operation: string; readonly errors: ServiceErrors },
  ): Promise<QueueDescription>;
  /** @throws EtlError if the queue does not answer, or not as SQS does */
  permission(action: InspectedAction, signal: AbortSignal): Promise<InspectedPermission>;
  /**
   * How far this machine's clock is ahead of the server's, in milliseconds, to a second; below 0 if it is behind.
   * Undefined if the server does not say. Nothing is signed, so it works with a clock that is far off.
   */
  clockAheadMillis(signal: AbortSignal): Promise<number | undefined>;
}

/**
 * Opens a queue to be asked; nothing is sent yet.
 *
 * @throws EtlError of kind config for a URL, a key or a CA bundle that cannot be used
 */
export function inspectQueue(parts: SqsQueueParts): QueueInspection {
  const queue = new QueueClient(parts);
  const init = routeInit(parts);
  return {
    describe: (signal, as) =>
      queue.call({
        ...(as ?? { operation: "attributes" }),
        query: getQueueAttributes,
        read: (text) => toQueueDescription(readAttributes(text)),
        signal,
      }),
    permission: (action, signal) =>
      queue.call<InspectedPermission>({
        operation: "ask for a permission",
        query: () => queries[action],
        read(text) {
          readResult(text, queries[action].action, (reader) => reader.skip());
          return "permitted";
        },
        refused: permissionOf,
        signal,
      }),
    async clockAheadMillis(signal) {
      const sentAtMillis = parts.now();
      const { headers, body } = await fetch(queue.endpoint.requestUrl, { ...init, signal });
      await body?.cancel();
      const serverMillis = Date.parse(headers.get("date") ?? "");
      if (Number.isNaN(serverMillis)) return undefined;
      // The header is cut to whole seconds, and half of the way was before it.
      return (sentAtMillis + parts.now()) / 2 - (serverMillis + 500);
    },
  };
}

function permissionOf(refusal: Refusal): InspectedPermission {
  const meaning = meaningOf(refusal, queueErrors);
  if (meaning === queueErrors.denied) return "denied";
  // A code of SQS that is about what was sent, as it has no meaning for a drain.
  if (meaning.kind === "protocol" && refusal.code !== undefined) return "not denied";
  throw answeredError(refusal, queueErrors);
}
