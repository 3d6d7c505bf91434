/** Lets one part of the drain wait until another has changed something. */

/** A bell: everyone who waits is woken at the next ring, and looks again for itself. */
export class Condition {
  #waiting: (() => void)[] = [];

  /** Resolves at the next `ring`. */
  wait(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Wakes everyone who waits now. */
  ring(): void {
    if (this.#waiting.length === 0) return;
    const woken = this.#waiting;
    this.#waiting = [];
    for (const resolve of woken) resolve();
  }
}
