/** Loads a batch until each message has an outcome: tries again, in smaller loads, and apart from the others. */

import { EtlError } from "../errors.ts";
import type { MappedMessage, Rejection } from "../message/message.ts";
import { LoadSize } from "./load-size.ts";
import {
  commitUnknown,
  type Delayed,
  type Failed,
  type Fate,
  type Loader,
  type Outcome,
  provesTable,
} from "./outcome.ts";
import { type RetryLimits, retryUntil } from "./retry-until.ts";

/**
 * How often in a row a message fails alone before it is rejected. With the pauses between the tries, up to 3 s in all, a
 * lock, a deadlock or a restart of what a trigger calls has mostly passed; and one bad row at the end of a run delays that
 * end by no more.
 */
const mostFailures = 5;

/**
 * How many groups of messages may be tried again beside the loads if no other row was stored with them and the server, not
 * the row, is to blame. With more of them it is an outage, and loads wait for its end.
 */
const mostGroups = 4;

/** Loads batches into one table; several calls may be open at a time. */
export interface BatchLoads {
  /** The most messages that a batch should have: fewer after a load that took too long. */
  readonly mostMessages: number;
  /** Never rejects. */
  load(batch: readonly MappedMessage[]): Promise<readonly (Outcome | Delayed)[]>;
}

/** A message that a load has not settled. */
interface Attempt {
  readonly message: MappedMessage;
  settle: (outcome: Outcome | Delayed) => void;
  /** Once a commit is in doubt, no later failure takes the doubt away. */
  mayBeStored: boolean;
  /** How often in a row it failed alone, and the number of the latest load that had begun when it first did. */
  failures: number;
  failsSince: number;
  /** What it is rejected with if it is the row that is at fault. */
  rejection: Rejection | undefined;
  /** Whether the table is known to have taken other rows while this one failed alone. */
  besideStored: boolean;
}

/** What a try has left over: never nothing. */
interface Leftover {
  readonly attempts: readonly Attempt[];
  readonly error: EtlError;
  /** Whether something else was settled. */
  readonly progressed: boolean;
}

/**
 * Makes it.
 *
 * **When a message is rejected for an error that may pass.** Its SQLSTATE says that another try may do, so either the row
 * is bad or the server is in trouble, and good messages must not be rejected because of that. All four must hold:
 *
 * 1. The error may be the row's own: a trigger raised it, or code that ran for the row failed. What the server itself says
 *    of its disk, memory, locks or time never counts.
 * 2. The message was alone in its statement, and the session lived on.
 * 3. It failed so {@link mostFailures} times in a row.
 * 4. The table took other rows in the meantime: of the same load after the message had failed and before it failed again,
 *    or of a load that began after it had failed. A batch of which everything fails is tried again and rejects nothing.
 *
 * What fails alone is tried again beside the loads, one load of such messages at a time, so that it keeps nobody waiting.
 */
export function batchLoads(loader: Loader, retry: RetryLimits): BatchLoads {
  const { clock, random, signal } = retry;
  const size = new LoadSize();
  /** How many loads have begun, and the number of the latest of them that stored something. */
  let begun = 0;
  let stored = 0;
  let groups = 0;
  let alone: Promise<unknown> = Promise.resolve();

  async function loadOnce(messages: readonly MappedMessage[]): Promise<readonly (Fate | Failed)[]> {
    begun += 1;
    const number = begun;
    const outcomes = await loader.load(messages).catch((error: unknown) => allFailed(messages, error));
    if (outcomes.some(provesTable)) stored = Math.max(stored, number);
    return withoutSuspicion(outcomes);
  }

  async function loadMeasured(messages: readonly MappedMessage[]): Promise<readonly (Fate | Failed)[]> {
    const since = clock.monotonicMillis();
    const outcomes = await loadOnce(messages);
    const millis = clock.monotonicMillis() - since;
    const tooMany = tooManyOf(outcomes);
    if (tooMany > 0) size.tookTooLong(tooMany, millis);
    else if (outcomes.every(({ kind }) => kind !== "unsettled")) size.took(messages.length, millis);
    return outcomes;
  }

  /** In loads of the size that the table can take. Ends early if two in a row took too long: it is not their size then. */
  async function loadSized(messages: readonly MappedMessage[]): Promise<readonly (Fate | Failed)[]> {
    if (messages.length <= size.most) return await loadMeasured(messages);
    // From another place each time: two messages that wait for a lock must not keep the same others waiting.
    const start = Math.floor(random() * messages.length);
    const turned = [...messages.slice(start), ...messages.slice(0, start)];
    const outcomes: (Fate | Failed)[] = [];
    let late = 0;
    while (outcomes.length < turned.length) {
      const rest = turned.slice(outcomes.length);
      const loaded = await loadMeasured(rest.slice(0, size.most));
      outcomes.push(...loaded);
      late = tooManyOf(loaded) > 0 ? late + 1 : 0;
      const failure = loaded.find(({ kind }) => kind === "unsettled") as Failed | undefined;
      const endsAll = failure !== undefined && failure.alone === undefined && late === 0;
      if (failure !== undefined && (endsAll || late === 2 || signal.aborted))
        outcomes.push(...turned.slice(outcomes.length).map(() => untried(failure.error)));
    }
    return [...outcomes.slice(turned.length - start), ...outcomes.slice(0, turned.length - start)];
  }

  async function tryOnce(attempts: readonly Attempt[], load = loadSized): Promise<Leftover | undefined> {
    const others = stored;
    return settleAll(attempts, await load(attempts.map(({ message }) => message)), others);
  }

  /**
   * Tries what has failed alone: rows that may be at fault together, because they fail at once, and the others one by one,
   * because each may wait, say for a lock. Two of those in a row that fail are enough for one time.
   */
  async function tryAside(attempts: readonly Attempt[]): Promise<Leftover | undefined> {
    const rows = attempts.filter(({ rejection }) => rejection !== undefined);
    const others = attempts.filter(({ rejection }) => rejection === undefined);
    const left = rows.length === 0 ? undefined : await tryOnce(rows, loadOnce);
    const failed = [...(left?.attempts ?? [])];
    let error = left?.error;
    let inARow = 0;
    let tried = 0;
    for (; tried < others.length && inARow < 2; tried += 1) {
      const again = await tryOnce(others.slice(tried, tried + 1), loadOnce);
      inARow = again === undefined ? 0 : inARow + 1;
      failed.push(...(again?.attempts ?? []));
      error = again?.error ?? error;
    }
    // What was not tried comes first the next time.
    const open = [...others.slice(tried), ...failed];
    if (error === undefined || open.length === 0) return undefined;
    return { attempts: open, error, progressed: open.length < attempts.length };
  }

  /** @param others the number of the latest load that had stored something before this one began */
  function settleAll(
    attempts: readonly Attempt[],
    outcomes: readonly (Fate | Failed)[],
    others: number,
  ): Leftover | undefined {
    const left: Attempt[] = [];
    let first: EtlError | undefined;
    for (const [index, attempt] of attempts.entries()) {
      const outcome = outcomes[index] as Fate | Failed;
      if (outcome.kind !== "unsettled") {
        attempt.settle(outcome);
        continue;
      }
      const { error, mayBeStored } = outcome;
      attempt.mayBeStored ||= mayBeStored;
      const rejection = rejectionOf(attempt, outcome, others);
      if (!(error instanceof EtlError) || !error.retryable) settleUnsettled(attempt, error);
      else if (rejection !== undefined)
        attempt.settle({ kind: "rejected", rejection, by: "table", isProven: true });
      else {
        left.push(attempt);
        first ??= error;
      }
    }
    if (first === undefined) return undefined;
    return { attempts: left, error: first, progressed: left.length < attempts.length };
  }

  /** Counts the failure; undefined as long as it does not prove that the row is at fault. */
  function rejectionOf(attempt: Attempt, failed: Failed | Untried, others: number): Rejection | undefined {
    if ("isUntried" in failed) return undefined;
    const { alone } = failed;
    const rejection = alone?.rejection;
    if (alone === undefined || rejection?.reason !== attempt.rejection?.reason)
      Object.assign(attempt, { failures: 0, failsSince: Number.POSITIVE_INFINITY, besideStored: false });
    attempt.rejection = rejection;
    if (alone === undefined) return undefined;
    attempt.failures += 1;
    attempt.besideStored ||= alone.besideStored || others > attempt.failsSince;
    attempt.failsSince = Math.min(attempt.failsSince, begun);
    return attempt.besideStored && attempt.failures >= mostFailures ? rejection : undefined;
  }

  /**
   * Tries again until everything is settled, or `isEnough` of what is left. What is open when the time for retries is over
   * is unsettled.
   */
  async function tryAgain(
    left: Leftover,
    isEnough: (left: Leftover) => boolean,
    once: (attempts: readonly Attempt[]) => Promise<Leftover | undefined> = (attempts) => tryOnce(attempts),
    limits = retry,
  ): Promise<Leftover | undefined> {
    let open = left;
    let isKnown = true;
    try {
      return await retryUntil(async () => {
        // The failure that led here is the first: a pause follows.
        if (isKnown) {
          isKnown = false;
          throw left.error;
        }
        const next = await once(open.attempts);
        if (next === undefined) return undefined;
        open = next;
        if (!isEnough(next)) throw next.error;
        return next;
      }, limits);
    } catch (error) {
      for (const attempt of open.attempts) settleUnsettled(attempt, error);
      return undefined;
    }
  }

  function mayBeTriedAlone({ attempts, progressed }: Leftover): boolean {
    if (attempts.some(({ failures }) => failures === 0)) return false;
    return progressed || groups < mostGroups || attempts.every(({ rejection }) => rejection !== undefined);
  }

  async function tryAlone(left: Leftover): Promise<void> {
    // Of one bad row among good ones nothing need be told before it is rejected.
    const isQuiet = left.attempts.every(
      ({ besideStored, rejection }) => besideStored && rejection !== undefined,
    );
    const limits = isQuiet ? { ...retry, onTrouble() {}, onRecovery() {} } : retry;
    groups += 1;
    await tryAgain(
      left,
      () => false,
      (attempts) => inTurn(() => tryAside(attempts)),
      limits,
    );
    groups -= 1;
  }

  /** A message that waits for a lock must not take more than one connection from the loads. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = alone.then(work);
    alone = turn.catch(() => {});
    return turn;
  }

  return {
    get mostMessages() {
      return size.most;
    },
    async load(batch) {
      const others = stored;
      const first = await loadSized(batch);
      const outcomes: (Outcome | Delayed)[] = [...first];
      const failed = [...first.keys()].filter((place) => first[place]?.kind === "unsettled");
      if (failed.length === 0) return outcomes;
      const attempts = failed.map((place): Attempt => {
        return {
          message: batch[place] as MappedMessage,
          settle(outcome) {
            outcomes[place] = outcome;
          },
          ...{ mayBeStored: false, failures: 0, failsSince: Number.POSITIVE_INFINITY },
          ...{ rejection: undefined, besideStored: false },
        };
      });
      let left = settleAll(
        attempts,
        failed.map((place) => first[place] as Failed),
        others,
      );
      if (failed.length < batch.length && left !== undefined) left = { ...left, progressed: true };
      while (left !== undefined && !mayBeTriedAlone(left))
        left = await tryAgain(left, (next) => next.progressed || mayBeTriedAlone(next));
      if (left === undefined) return outcomes;
      for (const attempt of left.attempts) {
        const { promise, resolve } = Promise.withResolvers<Outcome>();
        attempt.settle({ kind: "delayed", outcome: promise });
        attempt.settle = resolve as Attempt["settle"];
      }
      void tryAlone(left);
      return outcomes;
    },
  };
}

function settleUnsettled({ settle, mayBeStored }: Attempt, error: unknown): void {
  settle({ kind: "unsettled", error, mayBeStored });
}

function tooManyOf(outcomes: readonly (Fate | Failed)[]): number {
  let most = 0;
  for (const outcome of outcomes)
    if (outcome.kind === "unsettled") most = Math.max(most, outcome.tooManyMessages ?? 0);
  return most;
}

function allFailed(messages: readonly MappedMessage[], error: unknown): Failed[] {
  const mayBeStored = error instanceof EtlError && error.code === commitUnknown;
  return messages.map(() => ({ kind: "unsettled", error, mayBeStored }));
}

/** Another message's failure kept this one from being tried: it says nothing of it. */
interface Untried extends Failed {
  readonly isUntried: true;
}

function untried(error: unknown): Untried {
  return { kind: "unsettled", error, mayBeStored: false, isUntried: true };
}

/** The outcomes of one load. If the table took a row of it, what keeps others out is not a fault that every row meets. */
export function withoutSuspicion(outcomes: readonly (Fate | Failed)[]): readonly (Fate | Failed)[] {
  if (!outcomes.some(provesTable)) return outcomes;
  return outcomes.map((outcome) => {
    if (outcome.kind !== "rejected" && outcome.kind !== "postponed") return outcome;
    const { suspect: _cleared, ...cleared } = outcome;
    return cleared;
  });
}
