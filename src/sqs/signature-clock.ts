/** The time that signatures carry: this machine's, or SQS's own where the two have been found to differ. */

/** Less than this is the way of an answer and the whole seconds of its `Date`, and no signature is refused for it. */
const sameMillis = 60_000;

/** A clock that can be corrected, and corrected anew when this machine's clock is set in the middle of a run. */
export class SignatureClock {
  readonly #now: () => number;
  readonly #onSkew: (aheadMillis: number) => void;
  #aheadMillis = 0;

  /**
   * @param now milliseconds since 1970 UTC, by this machine
   * @param onSkew told how far this machine is ahead, once for each correction
   */
  constructor(now: () => number, onSkew: (aheadMillis: number) => void = () => {}) {
    this.#now = now;
    this.#onSkew = onSkew;
  }

  /** Milliseconds since 1970 UTC, corrected. */
  now(): number {
    return this.#now() - this.#aheadMillis;
  }

  /** How far this machine's own clock is ahead of a server's; below 0 where it is behind. */
  aheadOf(serverMillis: number): number {
    return this.#now() - serverMillis;
  }

  /** Corrects the time from now on. Calls that were refused together measure the same, and only the first counts. */
  correct(aheadMillis: number): void {
    if (Math.abs(aheadMillis - this.#aheadMillis) < sameMillis) return;
    this.#aheadMillis = aheadMillis;
    this.#onSkew(aheadMillis);
  }
}
