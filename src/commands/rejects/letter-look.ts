/** Looks at dead letters for a dry run: receives some, counts why they were rejected, and gives all of them back. */

import type { Message } from "../../message/message.ts";
import { giveBack } from "../../polling/peek.ts";
import type { Source } from "../../polling/ports.ts";
import type { LetterCheck } from "./letter-check.ts";

/** What a look is made of. */
export interface LetterLookParts {
  readonly from: Pick<Source, "receive" | "changeVisibility">;
  readonly check: LetterCheck;
  /** The most messages that are received. */
  readonly max: number;
  /** Ends the look; what was seen is given back. */
  readonly stop: AbortSignal;
}

/** What was seen. */
export interface LetterLook {
  readonly seen: number;
  /** Of them, how many are stored already, as far as that was asked. */
  readonly stored: number;
  /** All that were seen, by reason. */
  readonly reasons: ReadonlyMap<string, number>;
}

/**
 * Receives until the most is reached or nothing new comes. Meanwhile the messages are hidden, so that each is seen once.
 *
 * @throws what a call throws; the messages have been given back then, too
 */
export async function lookAtLetters({ from, check, max, stop }: LetterLookParts): Promise<LetterLook> {
  const handles = new Map<string, string>();
  const reasons = new Map<string, number>();
  let stored = 0;
  try {
    for (let empty = 0; empty < 2 && handles.size < max && !stop.aborted; ) {
      const maxMessages = Math.min(10, max - handles.size);
      const messages: readonly Message[] = await from.receive({
        maxMessages,
        waitSeconds: 1,
        signal: new AbortController().signal,
      });
      const fresh = messages.filter(({ messageId }) => !handles.has(messageId));
      for (const { messageId, receiptHandle } of messages) handles.set(messageId, receiptHandle);
      empty = fresh.length > 0 ? 0 : empty + 1;
      for (const facts of fresh.length > 0 ? await check(fresh) : []) {
        if (facts.stored) stored += 1;
        reasons.set(facts.reason, (reasons.get(facts.reason) ?? 0) + 1);
      }
    }
  } finally {
    await giveBack(from, [...handles.values()]);
  }
  return { seen: handles.size, stored, reasons };
}
