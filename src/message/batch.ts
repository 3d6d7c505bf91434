/** What one load may hold: a message that was delivered twice would double its row within one statement. */

import type { MessageRef } from "./message.ts";
import type { MappedMessage } from "./row.ts";

/** Deliveries, sorted into those to load and those that repeat one of them. */
export interface UniqueBatch {
  /** One entry per message id, each the first delivery, in the order they came. */
  readonly batch: readonly MappedMessage[];
  /** The other deliveries: duplicates, to be settled as the entry with their message id is. */
  readonly repeats: readonly MessageRef[];
}

/** Splits deliveries into one entry per message id and the rest. Nothing is dropped. */
export function oneEntryPerMessage(deliveries: readonly MappedMessage[]): UniqueBatch {
  const known = new Set<string>();
  const batch: MappedMessage[] = [];
  const repeats: MessageRef[] = [];
  for (const delivery of deliveries) {
    const { messageId } = delivery.ref;
    if (known.has(messageId)) {
      repeats.push(delivery.ref);
    } else {
      known.add(messageId);
      batch.push(delivery);
    }
  }
  return { batch, repeats };
}
