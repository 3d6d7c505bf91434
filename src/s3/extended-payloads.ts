/** The queue of a sender that keeps large bodies in S3: its messages come with what they point to. */

import { EtlError } from "../errors.ts";
import type { Message } from "../message/message.ts";
import type { ReceiveOptions, SettleResult, Source, VisibilityChange } from "../polling/ports.ts";
import type { SqsQueueParts } from "../sqs/queue-client.ts";
import { resolveEndpoint } from "../sqs/queue-url.ts";
import type { SqsSource } from "../sqs/source.ts";
import { PayloadHold, PayloadRoom } from "./payload-room.ts";
import { type PayloadPointer, PayloadStore, readPointer } from "./payload-store.ts";

/** Over all receives. */
const bounds = { reads: 16, bytes: 64 * 1024 * 1024 };

/** SQS's own default, until the queue has said what it is. */
const usualVisibilitySeconds = 30;

/** The messages of one receive that are not yet handed over. */
interface Parcel {
  readonly messages: Message[];
  /** By place among the messages; what has been read is taken out. */
  readonly pointers: Map<number, PayloadPointer>;
  readonly hold: PayloadHold;
  /** When the messages were received, or their invisibility was last extended; monotonic. */
  keptAtMillis: number;
}

/**
 * Gives the source's messages the payloads that they point to, as the Amazon SQS Extended Client Library left them.
 * Messages without a pointer pass untouched; one that points to what can never be had comes with its `payloadFault`.
 *
 * A receive takes as long as its payloads do, at most about 80 s each. Meanwhile its messages are kept invisible, as
 * nobody else knows them yet. Where S3 fails for now the receive rejects with a retryable error, and a later one
 * tries again with the same messages, which are kept and do not count as received again. Where it fails for good, or
 * the signal is aborted, they are given back.
 *
 * The objects stay where they are when their messages are deleted: a bucket's lifecycle rule removes them.
 *
 * @param source its credentials are S3's, too, so that AWS's chain is asked once
 * @param parts the queue's; its region is where the bucket is looked for first
 * @throws EtlError of kind config for an endpoint, a region, a key or a CA bundle that cannot be used
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-managing-large-messages.html
 */
export function withExtendedPayloads(source: SqsSource, parts: SqsQueueParts): Source {
  const { queue, onClockSkew: _toldOfTheQueue, ...rest } = parts;
  const store = new PayloadStore(resolveEndpoint(queue).region, { ...rest, credentials: source.credentials });
  return new ExtendedPayloadSource(source, store, parts.clock);
}

class ExtendedPayloadSource implements Source {
  readonly #source: Source;
  readonly #store: PayloadStore;
  readonly #clock: SqsQueueParts["clock"];
  readonly #room = new PayloadRoom(bounds);
  #visibilitySeconds = usualVisibilitySeconds;
  /** Received, and to be tried again. */
  readonly #waiting = new Set<Parcel>();
  /** The signal that gives back what waits. */
  #watched: AbortSignal | undefined;

  constructor(source: Source, store: PayloadStore, clock: SqsQueueParts["clock"]) {
    this.#source = source;
    this.#store = store;
    this.#clock = clock;
  }

  get requests(): number {
    return this.#source.requests;
  }

  delete(receiptHandles: readonly string[]): Promise<SettleResult> {
    return this.#source.delete(receiptHandles);
  }

  changeVisibility(changes: readonly VisibilityChange[]): Promise<SettleResult> {
    return this.#source.changeVisibility(changes);
  }

  async attributes() {
    const attributes = await this.#source.attributes();
    this.#visibilitySeconds = attributes.visibilityTimeoutSeconds;
    return attributes;
  }

  async receive(options: ReceiveOptions): Promise<readonly Message[]> {
    let parcel = this.#takeWaiting(options.maxMessages);
    if (parcel === undefined) {
      const messages = await this.#source.receive(options);
      const pointers = pointersOf(messages);
      if (pointers.size === 0) return messages;
      const keptAtMillis = this.#clock.monotonicMillis();
      parcel = { messages: [...messages], pointers, hold: new PayloadHold(), keptAtMillis };
    }
    const { signal } = options;
    try {
      await this.#fill(parcel, signal);
    } catch (error) {
      if (!signal.aborted && error instanceof EtlError && error.retryable) this.#keepForLater(parcel, signal);
      else await this.#giveBack(parcel);
      throw error;
    }
    // Whoever takes over counts from now, and extends when half of the time-out has passed.
    if (this.#sinceKept(parcel) > this.#visibilitySeconds * 250) await this.#extend(parcel);
    this.#room.free(parcel.hold);
    return parcel.messages;
  }

  /** The oldest that the caller has room for: it is the one that was told to try again. */
  #takeWaiting(maxMessages: number): Parcel | undefined {
    for (const parcel of this.#waiting) {
      if (parcel.messages.length > maxMessages) continue;
      this.#waiting.delete(parcel);
      return parcel;
    }
    return undefined;
  }

  #keepForLater(parcel: Parcel, signal: AbortSignal): void {
    this.#waiting.add(parcel);
    if (this.#watched === signal) return;
    this.#watched = signal;
    const onAbort = () => {
      for (const left of this.#waiting) void this.#giveBack(left);
      this.#waiting.clear();
    };
    signal.addEventListener("abort", onAbort, { once: true });
  }

  /** Reads what is still missing; what has been read stays, should another fail. */
  async #fill(parcel: Parcel, signal: AbortSignal): Promise<void> {
    const ending = new AbortController();
    const onAbort = () => ending.abort(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort);
    const kept = new AbortController();
    const keeping = this.#keep(parcel, kept.signal);
    const reads = [...parcel.pointers].map(([index, pointer]) =>
      this.#readInto(parcel, index, pointer, ending.signal).catch((error) => ending.abort(error)),
    );
    await Promise.all(reads);
    kept.abort();
    await keeping;
    signal.removeEventListener("abort", onAbort);
    ending.signal.throwIfAborted();
  }

  async #readInto(
    parcel: Parcel,
    index: number,
    pointer: PayloadPointer,
    signal: AbortSignal,
  ): Promise<void> {
    const payload = await this.#room.read(parcel.hold, signal, async () => {
      const found = await this.#store.get(pointer, signal);
      return { found, bytes: "text" in found ? found.bytes : 0 };
    });
    const message = parcel.messages[index] as Message;
    const { found } = payload;
    parcel.messages[index] =
      "text" in found ? { ...message, payload: found.text } : { ...message, payloadFault: found.fault };
    parcel.pointers.delete(index);
  }

  /** Extends the invisibility of the messages by thirds, until the signal is aborted. */
  async #keep(parcel: Parcel, signal: AbortSignal): Promise<void> {
    const thirdMillis = (this.#visibilitySeconds * 1000) / 3;
    while (thirdMillis > 0 && !signal.aborted) {
      await this.#clock.sleep(Math.max(0, thirdMillis - this.#sinceKept(parcel)), signal);
      if (!signal.aborted) await this.#extend(parcel);
    }
  }

  #sinceKept(parcel: Parcel): number {
    return this.#clock.monotonicMillis() - parcel.keptAtMillis;
  }

  async #extend(parcel: Parcel): Promise<void> {
    parcel.keptAtMillis = this.#clock.monotonicMillis();
    await this.#setVisibility(parcel, this.#visibilitySeconds);
  }

  async #giveBack(parcel: Parcel): Promise<void> {
    this.#room.free(parcel.hold);
    await this.#setVisibility(parcel, 0);
  }

  /** Where that fails, the messages come back by their time-out, which loses nothing. */
  async #setVisibility({ messages }: Parcel, timeoutSeconds: number): Promise<void> {
    const changes = messages.map(({ receiptHandle }) => ({ receiptHandle, timeoutSeconds }));
    await this.#source.changeVisibility(changes).catch(() => {});
  }
}

/** The pointers among the bodies, by place. A body that was damaged on its way may point anywhere. */
function pointersOf(messages: readonly Message[]): Map<number, PayloadPointer> {
  const pointers = new Map<number, PayloadPointer>();
  for (const [index, { body, bodyIntact }] of messages.entries()) {
    const pointer = bodyIntact ? readPointer(body) : undefined;
    if (pointer !== undefined) pointers.set(index, pointer);
  }
  return pointers;
}
