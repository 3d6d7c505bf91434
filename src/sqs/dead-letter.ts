/** The queue that rejected messages are moved to: whole copies, each with its rejection beside it. */

import type { DeadLetter, DeadLetterQueue, QueueAttributes } from "../polling/ports.ts";
import { askAttributes } from "./attributes.ts";
import { deadLetterAttributesOperation, deadLetterOperation } from "./error-meanings.ts";
import { openQueueClient, type SqsQueueParts } from "./queue-client.ts";
import { rejectionAttribute, sendWhole, type WholeMessage } from "./whole-messages.ts";

/** What {@link createSqsDeadLetterQueue} needs. */
export interface SqsDeadLetterParts extends SqsQueueParts {
  /** The ARN of the queue that the messages come from. Its source has to ask for their attributes. */
  readonly originArn: string;
}

/**
 * Opens the queue for rejected messages. Nothing is sent yet.
 *
 * @throws EtlError of kind config for a URL, a key or a CA bundle that cannot be used
 */
export function createSqsDeadLetterQueue(parts: SqsDeadLetterParts): DeadLetterQueue {
  const queue = openQueueClient(parts);
  return {
    send(letters) {
      const messages = letters.map((letter) => withRejection(letter, parts.originArn));
      return sendWhole(queue, deadLetterOperation, messages);
    },
  };
}

/**
 * What the queue for rejected messages says of itself.
 *
 * @throws EtlError, whose sentences tell this queue from the one that is drained
 */
export async function readDeadLetterAttributes(parts: SqsQueueParts): Promise<QueueAttributes> {
  return askAttributes(openQueueClient(parts), deadLetterAttributesOperation);
}

function withRejection({ message, rejection }: DeadLetter, originArn: string): WholeMessage {
  const { reason, path, column, constraint } = rejection;
  const value = JSON.stringify({
    reason,
    path,
    column,
    constraint,
    messageId: message.messageId,
    queue: originArn,
    sentAt: new Date(message.sentAtMillis).toISOString(),
  });
  return { message, rejection: { name: rejectionAttribute, dataType: "String", value } };
}
