/** Finds the natural end of a drain: polls stay empty, nothing is in flight, and the queue's own count agrees. */

import type { Source } from "./ports.ts";

/** How often in a row the queue's own count may contradict the polls. It is approximate, and must not keep a run alive. */
const maxContradictions = 3;

/** What the end is seen by. */
export interface EndingParts {
  readonly source: Pick<Source, "attributes">;
  /** Whether polls stay empty, none is open, and everything received has settled. */
  readonly isQuiet: () => boolean;
  /** How many of the messages that the queue counts as visible may be such as this run rejected and left there. */
  readonly leftBehind: () => number;
  /** Called once, at the end. */
  readonly onEnd: () => void;
  /** Called when the queue says that there is more: poll again. */
  readonly onMore: () => void;
}

/** Asks the queue for its own count whenever the drain looks finished. */
export class Ending {
  readonly #parts: EndingParts;
  #asking = false;
  #contradictions = 0;

  constructor(parts: EndingParts) {
    this.#parts = parts;
  }

  /** New messages came: whatever the queue's count said before is forgotten. */
  moreCame(): void {
    this.#contradictions = 0;
  }

  /** To be called whenever something has settled or a poll was empty. */
  look(): void {
    if (this.#asking || !this.#parts.isQuiet()) return;
    this.#asking = true;
    void this.#countAgrees().then((agrees) => {
      this.#asking = false;
      if (!this.#parts.isQuiet()) return;
      if (agrees || this.#contradictions >= maxContradictions) {
        this.#parts.onEnd();
      } else {
        this.#contradictions += 1;
        this.#parts.onMore();
      }
    });
  }

  /** A queue that does not answer is taken as empty: an opinion must never keep a run alive. */
  async #countAgrees(): Promise<boolean> {
    try {
      const { visible } = await this.#parts.source.attributes();
      return visible <= this.#parts.leftBehind();
    } catch {
      return true;
    }
  }
}
