/** What a client can ask of the bench's queue, whichever protocol it speaks, and how a protocol answers. */

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
   * @returns undefined where the queue does not know the call
   */
  read(body: string, target: string | null): Call | undefined;
  writeMessages(backlog: Backlog, indexes: readonly number[]): string;
  /** @param accepted whether each entry went through, in their order */
  writeBatch(action: BatchAction, entries: readonly BatchEntry[], accepted: readonly boolean[]): string;
  writeDeleted(): string;
  writeAttributes(attributes: Readonly<Record<string, string>>): string;
}
