/** Bounds what the answers that are being read take up. */

/** The place of one poll. */
interface Place {
  /** Of the answer that is being read, or waits to be. */
  bytes: number;
  /** Set while the answer waits. */
  enter?: (() => void) | undefined;
}

/**
 * Lets answers be read in the order in which they began to come, while there is room.
 *
 * How many polls are open follows from the size of the messages seen so far, and the answers to all of them may bring
 * larger ones. An answer that waits is held back by the network: it takes the buffers of a socket.
 */
export class AnswerRoom {
  readonly #hasRoom: (bytes: number) => boolean;
  readonly #onWait: () => void;
  readonly #waiting = new Set<Place>();
  #bytes = 0;

  /**
   * @param hasRoom whether an answer of so many bytes may be read now
   * @param onWait called when an answer begins to wait
   */
  constructor(hasRoom: (bytes: number) => boolean, onWait: () => void) {
    this.#hasRoom = hasRoom;
    this.#onWait = onWait;
  }

  /** Bytes of the answers that are being read. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many answers wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Opens the place of a poll, to be freed when its messages are counted elsewhere, or it has failed. */
  open(): Place {
    return { bytes: 0 };
  }

  /**
   * Waits for room for an answer of so many bytes; it takes the place of an earlier answer to the same poll.
   *
   * @returns resolves when it may be read, or when the place is freed
   */
  async admit(place: Place, bytes: number): Promise<void> {
    this.free(place);
    place.bytes = bytes;
    if (this.#waiting.size === 0 && this.#hasRoom(bytes)) {
      this.#bytes += bytes;
      return;
    }
    await new Promise<void>((enter) => {
      place.enter = enter;
      this.#waiting.add(place);
      this.#onWait();
    });
  }

  /** The place is free for others. */
  free(place: Place): void {
    if (this.#waiting.delete(place)) place.enter?.();
    else this.#bytes -= place.bytes;
    place.bytes = 0;
    this.letIn();
  }

  /** To be called when there may be more room. */
  letIn(): void {
    for (const place of this.#waiting) {
      if (!this.#hasRoom(place.bytes)) return;
      this.#waiting.delete(place);
      this.#bytes += place.bytes;
      place.enter?.();
    }
  }
}
