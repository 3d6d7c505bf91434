/** Bounds what the payloads under way take up, over all receives that wait for some. */

/** The payloads of one receive, from its first one to its hand-over. */
export interface PayloadHold {
  bytes: number;
}

/** How much may be under way. */
export interface PayloadBounds {
  /** Payloads that are read at one time. */
  readonly reads: number;
  /** Bytes of payloads that are read, or wait for others of their receive. */
  readonly bytes: number;
}

/** What a payload is taken to need before the first has come: about the least that is not sent in a body. */
const firstEstimateBytes = 256 * 1024;

/**
 * Lets reads begin in the order of their receives, while there is room. The oldest receive always goes on, whatever
 * it takes: two that each hold half of the room would wait for each other for ever.
 */
export class PayloadRoom {
  readonly #bounds: PayloadBounds;
  readonly #holds = new Set<PayloadHold>();
  #waiting: (() => void)[] = [];
  #reads = 0;
  #bytes = 0;
  /** Follows the largest payload at once, and smaller ones slowly. */
  #estimateBytes = firstEstimateBytes;

  constructor(bounds: PayloadBounds) {
    this.#bounds = bounds;
  }

  /**
   * Reads a payload when there is room for it.
   *
   * @param read gives the payload and its length
   * @throws what `read` throws, or the signal's reason if it is aborted before that
   */
  async read<T extends { readonly bytes: number }>(
    hold: PayloadHold,
    signal: AbortSignal,
    read: () => Promise<T>,
  ): Promise<T> {
    this.#holds.add(hold);
    const wake = () => this.#ring();
    signal.addEventListener("abort", wake);
    while (!signal.aborted && !this.#hasRoom(hold))
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    signal.removeEventListener("abort", wake);
    signal.throwIfAborted();
    this.#reads += 1;
    try {
      const payload = await read();
      this.#estimateBytes = Math.max(payload.bytes, this.#estimateBytes * 0.99);
      hold.bytes += payload.bytes;
      this.#bytes += payload.bytes;
      return payload;
    } finally {
      this.#reads -= 1;
      this.#ring();
    }
  }

  /** The receive's payloads are handed over, or dropped. */
  free(hold: PayloadHold): void {
    this.#holds.delete(hold);
    this.#bytes -= hold.bytes;
    hold.bytes = 0;
    this.#ring();
  }

  #hasRoom(hold: PayloadHold): boolean {
    const { reads, bytes } = this.#bounds;
    if (this.#reads >= reads) return false;
    const [oldest] = this.#holds;
    return hold === oldest || this.#bytes + (this.#reads + 1) * this.#estimateBytes <= bytes;
  }

  #ring(): void {
    const woken = this.#waiting;
    this.#waiting = [];
    for (const resolve of woken) resolve();
  }
}
