/** Looks at messages: receives some, holds them all, and gives every one back. It changes nothing else. */

import type { Message } from "../message/message.ts";
import { batchEntries } from "./batch-sender.ts";
import type { StopSignals } from "./drain.ts";
import type { Source } from "./ports.ts";
import type { RunOutcome } from "./receipt.ts";

/** Empty polls in a row after which nothing is there. Once something was seen, one is enough, and it need not be long. */
const emptyPollsToEnd = 2;

/** A poll that waits asks all of SQS's servers, however short the wait. */
const shortWaitSeconds = 1;

/** How far to look. */
export interface PeekLimits {
  readonly maxMessages: number;
  readonly waitSeconds: number;
}

/** How a look ended. */
export interface PeekEnd {
  readonly outcome: RunOutcome;
  /** What ended it, if the outcome is `failed`. */
  readonly error?: unknown;
  /** Deliveries that stay hidden until their visibility timeout is over, because giving them back failed. */
  readonly notReleased: number;
}

/**
 * Receives one poll after another and holds everything until the last message has come, because what is given back
 * would come again. A graceful stop lets the open poll be answered, so that it hides nothing; a forced one does not. Never
 * rejects.
 *
 * @param look awaited with each message's first delivery, so that a slow reader slows the look and fills no memory
 */
export async function peek(
  source: Pick<Source, "receive" | "changeVisibility">,
  { maxMessages, waitSeconds }: PeekLimits,
  stop: StopSignals,
  look: (messages: readonly Message[]) => Promise<void>,
): Promise<PeekEnd> {
  const handles: string[] = [];
  const seen = new Set<string>();
  let emptyPolls = 0;
  const isOver = (): RunOutcome | undefined => {
    if (stop.graceful.aborted) return "stopped";
    if (seen.size >= maxMessages) return "limit";
    return emptyPolls >= (seen.size === 0 ? emptyPollsToEnd : 1) ? "drained" : undefined;
  };
  let end: Omit<PeekEnd, "notReleased">;
  try {
    let outcome = isOver();
    for (; outcome === undefined; outcome = isOver()) {
      const most = Math.min(batchEntries, maxMessages - seen.size);
      const messages = await source.receive({
        maxMessages: most,
        waitSeconds: seen.size === 0 ? waitSeconds : Math.min(waitSeconds, shortWaitSeconds),
        signal: stop.forced,
      });
      for (const { receiptHandle } of messages) handles.push(receiptHandle);
      // If a message's visibility runs out meanwhile, its second delivery is given back like the first.
      const fresh = messages.filter(({ messageId }) => !seen.has(messageId) && seen.add(messageId));
      emptyPolls = fresh.length === 0 ? emptyPolls + 1 : 0;
      if (fresh.length > 0) await look(fresh);
    }
    end = { outcome };
  } catch (error) {
    end = stop.graceful.aborted ? { outcome: "stopped" } : { outcome: "failed", error };
  }
  return { ...end, notReleased: await giveBack(source, handles) };
}

/**
 * Makes deliveries visible again, ten a call. A call that fails is not tried further: those deliveries come back when
 * their visibility timeout is over, which loses nothing.
 *
 * @returns how many could not be given back
 */
export async function giveBack(
  source: Pick<Source, "changeVisibility">,
  receiptHandles: readonly string[],
): Promise<number> {
  const calls: Promise<number>[] = [];
  for (let start = 0; start < receiptHandles.length; start += batchEntries) {
    const changes = receiptHandles
      .slice(start, start + batchEntries)
      .map((receiptHandle) => ({ receiptHandle, timeoutSeconds: 0 }));
    calls.push(
      source.changeVisibility(changes).then(
        ({ failed }) => failed,
        () => changes.length,
      ),
    );
  }
  return (await Promise.all(calls)).reduce((sum, failed) => sum + failed, 0);
}
