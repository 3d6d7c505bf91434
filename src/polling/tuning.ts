/** How many receivers poll at one time: found by trying more, and keeping what brings more messages. */

/** What kept a drain from being faster. */
export type Bottleneck =
  /** The loader waited for messages. */
  | "queue"
  /** Messages waited for the loader. */
  | "database"
  /** The program's own thread was busy, or waited for a core. */
  | "cpu";

/** What was measured while the number of receivers stayed the same. */
export interface Interval {
  readonly millis: number;
  /** Receives that were answered. */
  readonly answers: number;
  /** Messages that they brought. */
  readonly received: number;
  /** How long polls were open, summed up: by `millis`, it is how many were open on average. */
  readonly pollMillis: number;
  /** How long those loads took that held everything up. */
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

/** How long to measure: briefly while the number still doubles, then long enough to outlast a few loads. */
const intervalMillis = { first: 50, later: 500 };

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

/** Tunes the number of receivers from interval to interval. Pure: it knows no clock and no queue. */
export class Tuning {
  readonly #most: number;
  #wanted = 1;
  /** Reached by doubling with each answer, before anything is measured. */
  #startUpTo = fewReceivers;
  /** What it was before the number was raised, while that has to prove itself. */
  #before: Attempt | undefined;
  #step = 2;
  #pause = 0;
  #nextPause = pauseIntervals.first;

  /** @param most the most receivers that may be wanted */
  constructor(most: number) {
    this.#most = most;
  }

  /** How many polls are to be open, from 1 to the most. */
  get wanted(): number {
    return this.#wanted;
  }

  /** How long to measure before `next` is asked. */
  get intervalMillis(): number {
    return this.#step === 2 ? intervalMillis.first : intervalMillis.later;
  }

  /** An answer has come with so many new messages. Empty ones cost money: one receiver asks while nothing comes. */
  answered(fresh: number): void {
    if (fresh === 0) {
      const target = this.#wanted > 1 ? this.#wanted : this.#startUpTo;
      this.#startUpTo = Math.max(fewReceivers, Math.ceil(target / 2));
      this.#wanted = 1;
      this.#before = undefined;
    } else if (this.#wanted < this.#startUpTo) {
      const next = fresh >= backlogEntries ? this.#wanted * 2 : this.#wanted + 1;
      this.#wanted = Math.min(next, this.#startUpTo, this.#most);
    }
  }

  /** An interval is over: decides on the number for the next one. */
  next(interval: Interval): void {
    const { requests, retries, received, answers, millis } = interval;
    if (retries > 2 && retries >= retriedShare * requests) {
      this.#yield();
      return;
    }
    const bottleneck = bottleneckOf(interval);
    if (bottleneck !== "queue") {
      this.#before = undefined;
      this.#step = 1.5;
      if (bottleneck === "database") this.#lower(interval);
      return;
    }
    const rate = received / millis;
    if (this.#before !== undefined) this.#judge(this.#before, rate);
    else if (this.#pause > 0) this.#pause -= 1;
    const proven = this.#before === undefined && this.#pause === 0;
    if (proven && received >= backlogEntries * answers) this.#raise(rate);
  }

  /** More are tried. */
  #raise(rate: number): void {
    const wanted = Math.min(this.#most, Math.ceil(this.#wanted * this.#step));
    this.#before = wanted > this.#wanted ? { wanted: this.#wanted, rate, doubted: false } : undefined;
    this.#wanted = wanted;
  }

  #judge(before: Attempt, rate: number): void {
    const expected = this.#wanted / before.wanted - 1;
    if (rate / before.rate - 1 >= worthwhile * expected) {
      this.#before = undefined;
      this.#nextPause = pauseIntervals.first;
      return;
    }
    this.#step = 1.5;
    if (!before.doubted) {
      before.doubted = true;
      return;
    }
    this.#before = undefined;
    this.#wanted = before.wanted;
    this.#rest();
  }

  /** The queue holds us off: fewer, and no more for a while. */
  #yield(): void {
    this.#before = undefined;
    this.#wanted = Math.max(1, Math.floor(this.#wanted * 0.7));
    this.#startUpTo = Math.min(this.#startUpTo, Math.max(fewReceivers, this.#wanted));
    this.#step = 1.5;
    this.#rest();
  }

  /** No more are tried for a while. */
  #rest(): void {
    this.#pause = this.#nextPause;
    this.#nextPause = Math.min(2 * this.#nextPause, pauseIntervals.longest);
  }

  /**
   * There is room for no more polls than were open, and the others need not be wanted. Slowly: what is in flight comes
   * in waves, and a number that followed them would starve the database after each.
   */
  #lower({ pollMillis, millis }: Interval): void {
    const used = Math.max(fewReceivers, Math.ceil((pollMillis / millis) * 1.25));
    this.#wanted = Math.min(this.#wanted, Math.max(used, Math.floor(this.#wanted * 0.9)));
  }
}
