/** How many receivers poll and how many loads run at one time: found by trying more, and keeping what brings more messages. */

/** What kept a drain from being faster. */
export type Bottleneck =
  /** The loader waited for messages. */
  | "queue"
  /** Messages waited for the loader. */
  | "database"
  /** The program's own thread was busy, or waited for a core. */
  | "cpu";

/** What was measured while the numbers of receivers and loads stayed the same. */
export interface Interval {
  readonly millis: number;
  /** Receives that were answered. */
  readonly answers: number;
  /** Messages that they brought. */
  readonly received: number;
  /** How long polls were open, summed up: by `millis`, it is how many were open on average. */
  readonly pollMillis: number;
  /** Messages that were loaded. */
  readonly loaded: number;
  /** How long loads were open, summed up: by `millis`, it is how many were open on average. */
  readonly loadMillis: number;
  /** For how long everything waited for loads: all that may be open were, and a full one or nothing more was in line. */
  readonly holdUpMillis: number;
  /** For how long the thread that runs the drain had work, on a core or in line for one. */
  readonly runnableMillis: number;
  /** Requests to the queue, retries included. */
  readonly requests: number;
  /** How many of them were sent because the one before was refused or failed. */
  readonly retries: number;
}

/** From this share of the time on, the thread has none left: the rest goes to waking up. */
const busyShare = 0.85;

/** From this share of the time on, it is the loads that everything waits for. */
const loadingShare = 0.5;

/** From this share of the requests on, the queue is taken to hold us off. */
const retriedShare = 0.1;

/** So many fuller a queue must leave the answers for more receivers to be tried. SQS hands out 10 at most. */
const backlogEntries = 5;

/** So many receivers are harmless and need not prove themselves. */
const fewReceivers = 4;

/** What more receivers must bring, as a share of what they would bring if nothing else were in the way. */
const worthwhile = 0.25;

/** How many intervals to wait after an attempt that brought nothing; twice as many after each further one. */
const pauseIntervals = { first: 2, longest: 32 };

/** From this share of the time on, a second load at a time is tried. A near database holds everything up now and then. */
const waitingShare = 0.75;

/** How long to measure: briefly while a number still doubles, then long enough to outlast a few loads. */
const intervalMillis = { receivers: 50, connections: 100, later: 500 };

/** For so many intervals the number of connections is in a hurry: a far database is known by then. */
const hastyIntervals = 10;

/** What an interval was limited by. */
export function bottleneckOf({ millis, runnableMillis, holdUpMillis }: Interval): Bottleneck {
  // A thread without time makes loads look slow, too: their answers wait for it.
  if (runnableMillis >= busyShare * millis) return "cpu";
  return holdUpMillis >= loadingShare * millis ? "database" : "queue";
}

interface Attempt {
  /** How many there were before. */
  readonly wanted: number;
  /** Messages a millisecond that they brought. */
  readonly rate: number;
  /** Whether it has been found wanting once. Rates are noisy: only the second time counts. */
  doubted: boolean;
}

/** A number that is raised if more bring more, and lowered again if they do not. */
class Knob {
  wanted = 1;
  /** By what it is raised: doubled until it was once in vain. */
  step = 2;
  readonly #most: number;
  /** What it was before it was raised, while that has to prove itself. */
  #before: Attempt | undefined;
  #pause = 0;
  #nextPause = pauseIntervals.first;

  constructor(most: number) {
    this.#most = most;
  }

  /** Judges the last raise, and raises again if there is reason to. */
  turn(rate: number, wantsMore: boolean): void {
    if (this.#before !== undefined) this.#judge(this.#before, rate);
    else if (this.#pause > 0) this.#pause -= 1;
    if (this.#before !== undefined || this.#pause > 0 || !wantsMore) return;
    const wanted = Math.min(this.#most, Math.ceil(this.wanted * this.step));
    if (wanted > this.wanted) this.#before = { wanted: this.wanted, rate, doubted: false };
    this.wanted = wanted;
  }

  /** What was raised last need not prove itself any more. */
  forget(): void {
    this.#before = undefined;
  }

  /** Something else is the limit. */
  settle(): void {
    this.forget();
    this.step = 1.5;
  }

  /**
   * No more than were used need be wanted. Slowly: what is in flight comes in waves, and a number that followed them
   * would starve the database after each.
   */
  lower(used: number): void {
    this.wanted = Math.min(this.wanted, Math.max(used, Math.floor(this.wanted * 0.9)));
  }

  /** No more are tried for a while. */
  rest(): void {
    this.settle();
    this.#pause = this.#nextPause;
    this.#nextPause = Math.min(2 * this.#nextPause, pauseIntervals.longest);
  }

  #judge(before: Attempt, rate: number): void {
    const expected = this.wanted / before.wanted - 1;
    if (rate / before.rate - 1 >= worthwhile * expected) {
      this.#before = undefined;
      this.#nextPause = pauseIntervals.first;
      return;
    }
    this.step = 1.5;
    if (!before.doubted) {
      before.doubted = true;
      return;
    }
    this.wanted = before.wanted;
    this.rest();
  }
}

/**
 * The most polls at one time that the tuning comes to: memory grows with them. With as many deletes they stay below the
 * 256 requests that Bun has open at one time, beyond which each would wait for another.
 *
 * @see https://bun.com/docs/runtime/networking/fetch
 */
export const mostReceivers = 80;

/** The most loads at one time that the tuning comes to, each on a connection of its own. */
export const mostConnections = 8;

/** Numbers that a person has fixed. */
export interface FixedNumbers {
  readonly receivers?: number | undefined;
  readonly connections?: number | undefined;
}

/** Tunes from interval to interval. Pure: it knows no clock, no queue and no database. */
export class Tuning {
  readonly #fixed: FixedNumbers;
  readonly #receivers = new Knob(mostReceivers);
  readonly #connections = new Knob(mostConnections);
  /** Reached by doubling with each answer, before anything is measured. */
  #startUpTo = fewReceivers;
  #isIdle = true;
  #intervals = 0;

  constructor(fixed: FixedNumbers = {}) {
    this.#fixed = fixed;
  }

  /** How many polls are to be open at a time. While nothing comes it is one, whatever is fixed: empty polls cost money. */
  get receivers(): number {
    return this.#isIdle ? 1 : (this.#fixed.receivers ?? this.#receivers.wanted);
  }

  /** How many loads may be open at a time. */
  get connections(): number {
    return this.#fixed.connections ?? this.#connections.wanted;
  }

  /** How long to measure before `next` is asked. */
  get intervalMillis(): number {
    if (this.#receivers.step === 2) return intervalMillis.receivers;
    return this.#intervals < hastyIntervals ? intervalMillis.connections : intervalMillis.later;
  }

  /** An answer has come with so many new messages. */
  answered(fresh: number): void {
    const { wanted } = this.#receivers;
    this.#isIdle = fresh === 0;
    if (fresh === 0) {
      const target = wanted > 1 ? wanted : this.#startUpTo;
      this.#startUpTo = Math.max(fewReceivers, Math.ceil(target / 2));
      this.#receivers.forget();
      this.#receivers.wanted = 1;
    } else if (wanted < this.#startUpTo) {
      const next = fresh >= backlogEntries ? wanted * 2 : wanted + 1;
      this.#receivers.wanted = Math.min(next, this.#startUpTo);
    }
  }

  /** An interval is over: decides on the numbers for the next one. */
  next(interval: Interval): void {
    const { requests, retries, received, loaded, answers, millis, pollMillis, loadMillis, holdUpMillis } =
      interval;
    if (retries > 2 && retries >= retriedShare * requests) {
      this.#yield();
      return;
    }
    this.#intervals += 1;
    const bottleneck = bottleneckOf(interval);
    if (bottleneck === "queue") this.#receivers.turn(received / millis, received >= backlogEntries * answers);
    else this.#receivers.settle();
    if (bottleneck === "database") {
      // Once a second load has proved itself the database is far: each further one need only prove itself. By half and not
      // twice as many: what is under way for each takes memory.
      const isFar = this.#connections.wanted > 1;
      if (isFar) this.#connections.step = 1.5;
      this.#connections.turn(loaded / millis, isFar || holdUpMillis >= waitingShare * millis);
      // There is room for no more polls than were open.
      this.#receivers.lower(Math.max(fewReceivers, Math.ceil((pollMillis / millis) * 1.25)));
    } else {
      this.#connections.forget();
      this.#connections.lower(Math.max(1, Math.ceil((loadMillis / millis) * 1.25)));
    }
  }

  /** The queue holds us off: fewer, and no more for a while. */
  #yield(): void {
    this.#receivers.wanted = Math.max(1, Math.floor(this.#receivers.wanted * 0.7));
    this.#startUpTo = Math.min(this.#startUpTo, Math.max(fewReceivers, this.#receivers.wanted));
    this.#receivers.rest();
  }
}
