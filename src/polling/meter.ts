/** Measures a drain while it runs: for the tuning of its receivers, and for the receipt to say what the limit was. */

import type { Source } from "./ports.ts";
import { type Bottleneck, bottleneckOf, type Interval } from "./tuning.ts";

/** What the meter reads. */
export interface MeterParts {
  readonly monotonicMillis: () => number;
  /** For how long the thread that runs the drain had work, on a core or in line for one. */
  readonly runnableMillis: () => number;
  /** Requests that were sent to the queue, retries included. */
  readonly requests: () => number;
  /** Whether it is the open loads that hold everything up: the next full one waits, or nothing more comes. */
  readonly loadsHoldUp: () => boolean;
  /** How many loads may be open at a time. */
  readonly connections: () => number;
}

/** A run that was at work for less than this says nothing of its limit. */
const tellingMillis = 1000;

/** Counts from one cut to the next, and sums up what each interval was limited by. */
export class Meter {
  readonly #parts: MeterParts;
  readonly #millisBy = new Map<Bottleneck, number>();
  #calls = 0;
  #begin: {
    readonly millis: number;
    readonly runnableMillis: number;
    readonly retries: number;
    requests: number;
  };
  /** When something last came or was loaded: what follows is waiting for an empty queue, and no work. */
  #busyUntilMillis: number;
  #answers = 0;
  #received = 0;
  #pollMillis = 0;
  #holdUpMillis = 0;
  #loaded = 0;
  #loadMillis = 0;
  /** When each open load began. */
  readonly #loads = new Set<{ readonly since: number }>();

  constructor(parts: MeterParts) {
    this.#parts = parts;
    this.#begin = this.#read();
    this.#busyUntilMillis = this.#begin.millis;
  }

  /** A call to the queue is made; whatever requests it needs beyond the first are retries. */
  called(): void {
    this.#calls += 1;
  }

  /** A poll that was begun at `sinceMillis` has brought so many new messages. */
  answered(sinceMillis: number, fresh: number): void {
    const now = this.#parts.monotonicMillis();
    this.#answers += 1;
    this.#received += fresh;
    this.#pollMillis += now - Math.max(sinceMillis, this.#begin.millis);
    if (fresh > 0) this.#busyUntilMillis = now;
  }

  /**
   * A load begins.
   *
   * @returns to be called at its end with how many messages it held; gives how long it took, in milliseconds
   */
  loadBegins(): (messages: number) => number {
    const load = { since: this.#parts.monotonicMillis() };
    this.#loads.add(load);
    return (messages) => {
      this.#busyUntilMillis = this.#parts.monotonicMillis();
      this.#countLoad(load.since, this.#busyUntilMillis);
      this.#loads.delete(load);
      this.#loaded += messages;
      return this.#busyUntilMillis - load.since;
    };
  }

  /** Ends the interval if it is long enough to say something of so many receivers. */
  cutAfter(leastMillis: number, receivers: number): Interval | undefined {
    if (this.#answers < 2 * receivers) return undefined;
    if (this.#parts.monotonicMillis() - this.#begin.millis < leastMillis) return undefined;
    return this.cut();
  }

  /** Ends the interval and begins another. */
  cut(): Interval {
    const end = this.#read();
    const begin = this.#begin;
    if (this.#loads.size > 0) this.#busyUntilMillis = end.millis;
    for (const { since } of this.#loads) this.#countLoad(since, end.millis);
    const interval: Interval = {
      millis: Math.max(end.millis - begin.millis, Number.MIN_VALUE),
      answers: this.#answers,
      received: this.#received,
      pollMillis: this.#pollMillis,
      loaded: this.#loaded,
      loadMillis: this.#loadMillis,
      holdUpMillis: this.#holdUpMillis,
      runnableMillis: end.runnableMillis - begin.runnableMillis,
      requests: end.requests - begin.requests,
      retries: end.retries - begin.retries,
    };
    this.#count({ ...interval, millis: this.#busyUntilMillis - begin.millis });
    this.#begin = end;
    this.#answers = 0;
    this.#received = 0;
    this.#pollMillis = 0;
    this.#loaded = 0;
    this.#loadMillis = 0;
    this.#holdUpMillis = 0;
    return interval;
  }

  /** What the run was limited by for most of its time; undefined where it was too short to tell. */
  get limit(): Bottleneck | undefined {
    let total = 0;
    let longest: readonly [Bottleneck | undefined, number] = [undefined, 0];
    for (const entry of this.#millisBy) {
      total += entry[1];
      if (entry[1] > longest[1]) longest = entry;
    }
    return total >= tellingMillis ? longest[0] : undefined;
  }

  /** What of a load falls into this interval. As many as may be open at a time hold up their share each. */
  #countLoad(sinceMillis: number, untilMillis: number): void {
    const millis = untilMillis - Math.max(sinceMillis, this.#begin.millis);
    this.#loadMillis += millis;
    if (this.#parts.loadsHoldUp()) this.#holdUpMillis += millis / this.#parts.connections();
  }

  #count(busy: Interval): void {
    if (busy.millis <= 0) return;
    const bottleneck = bottleneckOf(busy);
    this.#millisBy.set(bottleneck, (this.#millisBy.get(bottleneck) ?? 0) + busy.millis);
  }

  #read() {
    const { monotonicMillis, runnableMillis, requests } = this.#parts;
    const sent = requests();
    return {
      millis: monotonicMillis(),
      runnableMillis: runnableMillis(),
      requests: sent,
      retries: sent - this.#calls,
    };
  }
}

/** The queue, with every call counted. */
export function meteredSource(source: Source, meter: Meter): Source {
  return {
    receive(options) {
      meter.called();
      return source.receive(options);
    },
    delete(receiptHandles) {
      meter.called();
      return source.delete(receiptHandles);
    },
    changeVisibility(changes) {
      meter.called();
      return source.changeVisibility(changes);
    },
    attributes() {
      meter.called();
      return source.attributes();
    },
    get requests() {
      return source.requests;
    },
  };
}
