/** The queue of a sender that keeps large bodies in S3: its messages come with what they point to. */

import { EtlError } from "../errors.ts";
import type { Message } from "../message/message.ts";
import type { ReceiveOptions, Source } from "../polling/ports.ts";
import type { SqsQueueParts } from "../sqs/queue-client.ts";
import { resolveEndpoint } from "../sqs/queue-url.ts";
import type { SqsSource } from "../sqs/source.ts";
import { type PayloadHold, PayloadRoom } from "./payload-room.ts";
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
 * nobody else knows them yet. If S3 fails for now the receive rejects with a retryable error, and a later one
 * tries again with the same messages, which are kept and do not count as received again. If it fails for good, or
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
  const { queue, clock, onClockSkew: _toldOfTheQueue, ...rest } = parts;
  const { region } = resolveEndpoint(queue);
  const store = new PayloadStore(region, { ...rest, clock, credentials: source.credentials });
  const room = new PayloadRoom(bounds);
  let visibilitySeconds = usualVisibilitySeconds;
  /** Received, and to be tried again. */
  const waiting = new Set<Parcel>();
  /** The signal that gives back what waits. */
  let watched: AbortSignal | undefined;

  async function receive(options: ReceiveOptions): Promise<readonly Message[]> {
    let parcel = takeWaiting(options.maxMessages);
    if (parcel === undefined) {
      const messages = await source.receive(options);
      const pointers = pointersOf(messages);
      if (pointers.size === 0) return messages;
      const keptAtMillis = clock.monotonicMillis();
      parcel = { messages: [...messages], pointers, hold: { bytes: 0 }, keptAtMillis };
    }
    const { signal, ending } = options;
    try {
      await fill(parcel, ending === undefined ? signal : AbortSignal.any([signal, ending]));
    } catch (error) {
      const isForLater = ending?.aborted === true || (error instanceof EtlError && error.retryable);
      // At the end of a run they are given back when no poll is open any more, which would be handed them.
      if (!signal.aborted && isForLater) keepForLater(parcel, signal);
      else await giveBack(parcel);
      throw error;
    }
    // Whoever takes over counts from now, and extends when half of the time-out has passed.
    if (sinceKept(parcel) > visibilitySeconds * 250) await extend(parcel);
    room.free(parcel.hold);
    return parcel.messages;
  }

  /** The oldest that the caller has room for: it is the one that was told to try again. */
  function takeWaiting(maxMessages: number): Parcel | undefined {
    const parcel = [...waiting].find(({ messages }) => messages.length <= maxMessages);
    if (parcel !== undefined) waiting.delete(parcel);
    return parcel;
  }

  function keepForLater(parcel: Parcel, signal: AbortSignal): void {
    waiting.add(parcel);
    if (watched === signal) return;
    watched = signal;
    const onAbort = () => {
      for (const left of waiting) void giveBack(left);
      waiting.clear();
    };
    signal.addEventListener("abort", onAbort, { once: true });
  }

  /** Reads what is still missing; what has been read stays, should another fail. */
  async function fill(parcel: Parcel, signal: AbortSignal): Promise<void> {
    const ending = new AbortController();
    const onAbort = () => ending.abort(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort);
    const kept = new AbortController();
    const keeping = keep(parcel, kept.signal);
    const reads = [...parcel.pointers].map(([index, pointer]) =>
      readInto(parcel, index, pointer, ending.signal).catch((error) => ending.abort(error)),
    );
    await Promise.all(reads);
    kept.abort();
    await keeping;
    signal.removeEventListener("abort", onAbort);
    ending.signal.throwIfAborted();
  }

  async function readInto(
    { messages, pointers, hold }: Parcel,
    index: number,
    pointer: PayloadPointer,
    signal: AbortSignal,
  ): Promise<void> {
    const { found } = await room.read(hold, signal, async () => {
      const payload = await store.get(pointer, signal);
      return { found: payload, bytes: "text" in payload ? payload.bytes : 0 };
    });
    const message = messages[index] as Message;
    messages[index] = {
      ...message,
      ...("text" in found ? { payload: found.text } : { payloadFault: found.fault }),
    };
    pointers.delete(index);
  }

  /** Extends the invisibility of the messages by thirds, until the signal is aborted. */
  async function keep(parcel: Parcel, signal: AbortSignal): Promise<void> {
    const thirdMillis = (visibilitySeconds * 1000) / 3;
    while (thirdMillis > 0 && !signal.aborted) {
      await clock.sleep(Math.max(0, thirdMillis - sinceKept(parcel)), signal);
      if (!signal.aborted) await extend(parcel);
    }
  }

  function sinceKept(parcel: Parcel): number {
    return clock.monotonicMillis() - parcel.keptAtMillis;
  }

  function extend(parcel: Parcel): Promise<void> {
    parcel.keptAtMillis = clock.monotonicMillis();
    return setVisibility(parcel, visibilitySeconds);
  }

  function giveBack(parcel: Parcel): Promise<void> {
    room.free(parcel.hold);
    return setVisibility(parcel, 0);
  }

  /** If that fails, the messages come back by their time-out, which loses nothing. */
  async function setVisibility({ messages }: Parcel, timeoutSeconds: number): Promise<void> {
    const changes = messages.map(({ receiptHandle }) => ({ receiptHandle, timeoutSeconds }));
    await source.changeVisibility(changes).catch(() => {});
  }

  return {
    receive,
    delete: (receiptHandles) => source.delete(receiptHandles),
    changeVisibility: (changes) => source.changeVisibility(changes),
    async attributes() {
      const attributes = await source.attributes();
      visibilitySeconds = attributes.visibilityTimeoutSeconds;
      return attributes;
    },
    get requests() {
      return source.requests;
    },
  };
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
