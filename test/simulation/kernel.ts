/** Simulated time: everything that happens is an event at a moment, and one runs after the other. */

import { drainMicrotasks } from "bun:jsc";
import type { Clock } from "../../src/polling/ports.ts";

/** Numbers in [0, 1) from a seed and nothing else. Each purpose has a stream of its own, so that one more call moves no other. */
export function randomOf(seed: number, purpose: string): () => number {
  let state = seed >>> 0;
  for (const character of purpose) state = Math.imul(state ^ character.charCodeAt(0), 0x01000193) >>> 0;
  // mulberry32: https://gist.github.com/tommyettinger/46a874533244883189143505d203312c
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Who an event belongs to. What happens to a dead process is lost; what happens to one that is paused waits. */
export interface Owner {
  readonly name: string;
  dead: boolean;
  /** In milliseconds; 0 if it is running. */
  pausedUntil: number;
}

/** Something that will happen, unless it is cancelled. */
export interface Scheduled {
  at: number;
  order: number;
  cancelled: boolean;
  readonly owner: Owner | undefined;
  readonly run: () => void;
}

/** The clock and the line of events. */
export class Kernel {
  /** Milliseconds since the start of the world. */
  now = 0;
  /** Events that have run. */
  steps = 0;
  /** Whose event ran last. */
  owner: Owner | undefined;
  /** What happened, a line each; undefined if nobody reads it. */
  readonly trace: string[] | undefined;
  /** Of all lines, also without a trace. */
  #hash = 0x811c9dc5;
  #order = 0;
  readonly #heap: Scheduled[] = [];

  constructor(traces: boolean) {
    this.trace = traces ? [] : undefined;
  }

  /** Notes what happens. Two runs of one seed write the same lines. */
  note(who: string, what: string): void {
    const line = `${this.now.toFixed(3)} ${who} ${what}`;
    for (let index = 0; index < line.length; index += 1)
      this.#hash = Math.imul(this.#hash ^ line.charCodeAt(index), 0x01000193);
    this.trace?.push(line);
  }

  /** FNV-1a of the trace. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }

  /** Runs something in so many milliseconds. What belongs to a process does not run once it is dead. */
  after(millis: number, run: () => void, owner?: Owner): Scheduled {
    const event = { at: this.now + millis, order: this.#order++, cancelled: false, owner, run };
    this.#push(event);
    return event;
  }

  /**
   * Runs the next event, and everything that it sets off at this moment.
   *
   * @returns false if there is none
   */
  step(): boolean {
    for (;;) {
      const event = this.#pop();
      if (event === undefined) return false;
      if (event.cancelled || event.owner?.dead) continue;
      if (event.owner !== undefined && event.owner.pausedUntil > event.at) {
        // A paused process finds everything at once when it goes on, in the order in which it came.
        event.at = event.owner.pausedUntil;
        this.#push(event);
        continue;
      }
      this.now = Math.max(this.now, event.at);
      this.steps += 1;
      this.owner = event.owner;
      event.run();
      drainMicrotasks();
      return true;
    }
  }

  /** The clock of a process. */
  clockOf(owner: Owner): Clock {
    return {
      monotonicMillis: () => this.now,
      sleep: (millis, signal) =>
        new Promise((resolve) => {
          if (signal?.aborted) return resolve();
          if (millis === Number.POSITIVE_INFINITY) {
            signal?.addEventListener("abort", () => resolve(), { once: true });
            return;
          }
          const wake = () => {
            event.cancelled = true;
            signal?.removeEventListener("abort", wake);
            resolve();
          };
          const event = this.after(millis, wake, owner);
          signal?.addEventListener("abort", wake);
        }),
    };
  }

  #push(event: Scheduled): void {
    const heap = this.#heap;
    let place = heap.length;
    heap.push(event);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (isBefore(heap[parent] as Scheduled, event)) break;
      heap[place] = heap[parent] as Scheduled;
      place = parent;
    }
    heap[place] = event;
  }

  #pop(): Scheduled | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || first === last) return first;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Scheduled, heap[child] as Scheduled))
        child += 1;
      if (isBefore(last, heap[child] as Scheduled)) break;
      heap[place] = heap[child] as Scheduled;
      place = child;
    }
    heap[place] = last;
    return first;
  }
}

function isBefore(one: Scheduled, other: Scheduled): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}
