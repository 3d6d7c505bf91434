/** How many messages a load may have: fewer after one that took too long. */

/** From this share of the time that was too long on, a load is not fast enough to make the next one larger. */
const fastShare = 0.25;

/** By this a size grows: a load of the next size then stays well below what was too long. */
const growth = 1.5;

/**
 * By this a size shrinks. A statement may take 54 s: from 500 messages to one it is five of those that were too long, within
 * the 300 s that a drain tries by default. Halves would take nine.
 */
const shrinkage = 4;

/** A quarter after a load that takes too long, and remembered; grows by half with each full load that is fast. */
export class LoadSize {
  #most = Number.POSITIVE_INFINITY;
  #tooLongMillis = 0;

  /** The most messages of the next load. */
  get most(): number {
    return this.#most;
  }

  /** A statement with so many messages was given up after this time. One alone waits for something else than its size. */
  tookTooLong(messages: number, millis: number): void {
    if (messages === 1) return;
    this.#most = Math.min(this.#most, Math.ceil(messages / shrinkage));
    this.#tooLongMillis = Math.max(this.#tooLongMillis, millis);
  }

  /** A load has stored so many messages in this time. */
  took(messages: number, millis: number): void {
    if (messages >= this.#most && millis < fastShare * this.#tooLongMillis)
      this.#most = Math.ceil(this.#most * growth);
  }
}
