/** What a queue hands over: the first station of a message's way. */

/** A message without its body: all that is needed to record and to settle it. */
export interface MessageRef {
  /** The queue's id of the message, the same on every delivery. Not promised to be a UUID. */
  readonly messageId: string;
  /** Settles this one delivery; each delivery has its own. */
  readonly receiptHandle: string;
  /** `SentTimestamp`: milliseconds since 1970 UTC, the same on every delivery. */
  readonly sentAtMillis: number;
  /** `ApproximateReceiveCount`: how often the queue has handed it out, this time included. */
  readonly receiveCount: number;
  /** `MessageGroupId`: messages of one group of a FIFO queue keep their order. */
  readonly groupId?: string;
}

/** A message attribute as its sender gave it, beside the body. */
export interface MessageAttribute {
  readonly name: string;
  /** `String`, `Number` or `Binary`, and a custom label behind a dot. */
  readonly dataType: string;
  /** The text; of a binary attribute its base64. */
  readonly value: string;
}

/** Why a payload that a body points to can never be had. */
export type PayloadFault = "payload_missing" | "payload_too_large" | "payload_not_text";

/** One delivery of one message. */
export interface Message extends MessageRef {
  readonly body: string;
  /** False where the body does not match the MD5 the queue sent with it. */
  readonly bodyIntact: boolean;
  /** The sender's attributes; absent where they were not asked for. */
  readonly attributes?: readonly MessageAttribute[];
  /** What the body points to, fetched from where the sender put it; takes the body's place when it is decoded. */
  readonly payload?: string;
  /** Why there is no payload, where the body points to one that can never be had. */
  readonly payloadFault?: PayloadFault;
}
