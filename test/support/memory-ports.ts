/** A queue, a table and a clock in memory, with a journal of what happened in which order. */

import { EtlError } from "../../src/errors.ts";
import type { Cell, MappedMessage, Message, Rejection, RejectionReason } from "../../src/message/message.ts";
import type {
  Clock,
  QueueAttributes,
  ReceiveOptions,
  SettleResult,
  Source,
  VisibilityChange,
} from "../../src/polling/ports.ts";
import type { Failed, Fate, Loader } from "../../src/processing/outcome.ts";

/** What happened, in order: `hide` is a visibility above 0, `copy` one to the dead letters; with message ids. */
export type Journal = {
  readonly event: "receive" | "commit" | "delete" | "release" | "hide" | "copy";
  readonly ids: string[];
}[];

/** Maps a body to a one-cell row; a body that begins with `bad` is rejected. */
export function mapBody(message: Message): MappedMessage | Rejection {
  const { body, bodyIntact, ...ref } = message;
  if (body.startsWith("bad") || !bodyIntact)
    return { messageId: ref.messageId, reason: "body_not_json", path: "" };
  return { ref, rows: [[body as Cell]] };
}

/** A message of a {@link MemoryQueue}. */
export interface Stored {
  readonly id: string;
  /** Of a FIFO queue. */
  readonly group?: string;
  readonly body: string;
  deliveries: number;
  /** The handle of the open delivery; undefined where the message is visible. */
  handle: string | undefined;
}

/** A queue without time: a received message stays invisible until it is deleted, released, or `timeOut` is called. */
export class MemoryQueue implements Source {
  readonly journal: Journal;
  requests = 0;
  openPolls = 0;
  maxOpenPolls = 0;
  /** Called before each call; may throw. */
  fault: (call: "receive" | "delete" | "release" | "hide" | "attributes") => void = () => {};
  /** Ids whose next delete fails within the answer; they are visible again at once. */
  readonly undeletable = new Set<string>();
  /** The last visibility set by message id. */
  readonly hidden = new Map<string, number>();
  /** What `attributes` says of the visible messages, where that is to differ from the truth. */
  claimedVisible: number | undefined;
  protected messages: Stored[] = [];
  #arrivals: (() => void)[] = [];

  constructor(bodies: readonly string[], journal: Journal = []) {
    this.journal = journal;
    this.send(bodies);
  }

  send(bodies: readonly string[]): void {
    for (const body of bodies) {
      this.messages.push({
        id: `m${this.messages.length}-${body}`,
        body,
        deliveries: 0,
        handle: undefined,
      });
    }
    this.endPolls();
  }

  /** Whether a long poll that its caller has cut off is still handed messages, which nobody gets: as ElasticMQ does. */
  answersCutPolls = false;

  /** Ends the open long polls of a queue that holds them, with what there is. */
  endPolls(): void {
    for (const wake of this.#arrivals.splice(0)) wake();
  }

  /** Makes everything visible again that is neither deleted nor released. */
  timeOut(): void {
    for (const message of this.messages) message.handle = undefined;
  }

  get left(): string[] {
    return this.messages.map((message) => message.id);
  }

  /** How often the message has been handed out that was most often. */
  get mostDeliveries(): number {
    return Math.max(0, ...this.messages.map(({ deliveries }) => deliveries));
  }

  get visible(): string[] {
    return this.messages.filter((message) => message.handle === undefined).map((message) => message.id);
  }

  /** An empty long poll ends on the next turn of the event loop, or with `hold` set when something arrives. */
  hold = false;

  async receive({ maxMessages, signal }: ReceiveOptions): Promise<Message[]> {
    this.requests += 1;
    this.fault("receive");
    this.openPolls += 1;
    this.maxOpenPolls = Math.max(this.maxOpenPolls, this.openPolls);
    try {
      await this.#somethingOrTurn(signal);
      if (signal.aborted && this.answersCutPolls) this.#arrivals.push(() => void this.#hand(maxMessages));
      signal.throwIfAborted();
      return this.#hand(maxMessages).map((message) => {
        return {
          messageId: message.id,
          receiptHandle: message.handle ?? "",
          sentAtMillis: 1_700_000_000_000,
          receiveCount: message.deliveries,
          ...(message.group !== undefined && { groupId: message.group }),
          body: message.body,
          bodyIntact: true,
        };
      });
    } finally {
      this.openPolls -= 1;
    }
  }

  #hand(maxMessages: number): Stored[] {
    const handed = this.receivable().slice(0, maxMessages);
    this.journal.push({ event: "receive", ids: handed.map((message) => message.id) });
    for (const message of handed) {
      message.deliveries += 1;
      message.handle = `${message.id}#${message.deliveries}`;
    }
    return handed;
  }

  /** What a receive may hand out now. */
  protected receivable(): readonly Stored[] {
    return this.messages.filter(({ handle }) => handle === undefined);
  }

  #somethingOrTurn(signal: AbortSignal): Promise<void> {
    if (!this.hold || this.visible.length > 0) return turn();
    return new Promise((resolve) => {
      this.#arrivals.push(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  async delete(handles: readonly string[]): Promise<SettleResult> {
    this.requests += 1;
    this.fault("delete");
    await turn();
    const ids = handles.map(idOf);
    const deleted = ids.filter((id) => !this.undeletable.delete(id));
    this.messages = this.messages.filter((message) => !deleted.includes(message.id));
    for (const message of this.messages) if (ids.includes(message.id)) message.handle = undefined;
    this.journal.push({ event: "delete", ids: deleted });
    return { settled: deleted.length, failed: ids.length - deleted.length };
  }

  async changeVisibility(changes: readonly VisibilityChange[]): Promise<SettleResult> {
    this.requests += 1;
    const handles = changes.map(({ receiptHandle }) => receiptHandle);
    this.fault(changes.every(({ timeoutSeconds }) => timeoutSeconds === 0) ? "release" : "hide");
    await turn();
    for (const { receiptHandle, timeoutSeconds } of changes) {
      const message = this.messages.find(({ handle }) => handle === receiptHandle);
      if (message === undefined) continue;
      if (timeoutSeconds === 0) message.handle = undefined;
      else this.hidden.set(message.id, timeoutSeconds);
    }
    const event = changes.every(({ timeoutSeconds }) => timeoutSeconds === 0) ? "release" : "hide";
    this.journal.push({ event, ids: handles.map(idOf) });
    if (event === "release") this.endPolls();
    return { settled: handles.length, failed: 0 };
  }

  async attributes(): Promise<QueueAttributes> {
    this.requests += 1;
    this.fault("attributes");
    const visible = this.visible.length;
    return {
      arn: "arn:aws:sqs:eu-west-1:000000000000:memory",
      visible: this.claimedVisible ?? visible,
      inFlight: this.messages.length - visible,
      delayed: 0,
      visibilityTimeoutSeconds: 30,
      retentionSeconds: 345_600,
      fifo: false,
    };
  }
}

const away = {
  kind: "unavailable",
  operation: "load",
  message: "an internal error",
  retryable: true,
} as const;

/** A table with a ledger: a message id is stored once. */
export class MemoryTable implements Loader {
  readonly rows = new Map<string, string>();
  readonly batches: string[][] = [];
  /** Called before each load; may throw or wait. */
  fault: (batch: readonly MappedMessage[]) => void | Promise<void> = () => {};
  /** Called after the commit and before its answer; may throw. */
  lostAnswer: () => void = () => {};
  /** Cell texts that the table refuses. */
  readonly refused = new Set<string>();
  /** Cell texts of rows over which a trigger raises an error whose code says that it may pass. */
  readonly raising = new Set<string>();
  /** Whether it may be the row's own error, and not the server's. */
  raisesForRows = true;
  /** Cell texts that no partition takes. */
  readonly late = new Set<string>();
  /** Why it refuses one of them. */
  reasonOf: (text: string) => RejectionReason = () => "sqlstate_23514";
  readonly #journal: Journal;

  constructor(journal: Journal = []) {
    this.#journal = journal;
  }

  openLoads = 0;
  maxOpenLoads = 0;

  async load(batch: readonly MappedMessage[]): Promise<readonly (Fate | Failed)[]> {
    this.openLoads += 1;
    this.maxOpenLoads = Math.max(this.maxOpenLoads, this.openLoads);
    try {
      await this.fault(batch);
      await turn();
      const ids: string[] = [];
      const besideStored = batch.some(({ ref: { messageId }, rows: [row] }) => {
        const text = row?.[0] ?? "";
        return (
          !this.refused.has(text) &&
          !this.raising.has(text) &&
          !this.late.has(text) &&
          !this.rows.has(messageId)
        );
      });
      const fates = batch.map(({ ref: { messageId }, rows: [row] }): Fate | Failed => {
        const text = row?.[0] ?? "";
        if (this.raising.has(text)) {
          const rejection = { messageId, reason: "sqlstate_XX000" as const, path: "" };
          const error = new EtlError({ ...away, code: "XX000" });
          return {
            kind: "unsettled",
            error,
            mayBeStored: false,
            alone: { besideStored, ...(this.raisesForRows && { rejection }) },
          };
        }
        if (this.late.has(text)) return { kind: "postponed" };
        if (this.refused.has(text)) {
          const rejection = { messageId, reason: this.reasonOf(text), path: "" };
          return { kind: "rejected", rejection, by: "table" };
        }
        ids.push(messageId);
        const fate: Fate = this.rows.has(messageId) ? { kind: "duplicate" } : { kind: "stored", rows: 1 };
        this.rows.set(messageId, text);
        return fate;
      });
      this.batches.push(ids);
      this.#journal.push({ event: "commit", ids });
      this.lostAnswer();
      return fates;
    } finally {
      this.openLoads -= 1;
    }
  }
}

/** A clock that skips short pauses at once and lets long ones wait for `advance`. */
export class SkippingClock implements Clock {
  millis = 0;
  readonly pauses: number[] = [];
  #sleepers: { readonly until: number; readonly wake: () => void }[] = [];

  /** @param skipUpToMillis the longest pause that passes by itself */
  constructor(readonly skipUpToMillis = 10_000) {}

  monotonicMillis(): number {
    return this.millis;
  }

  async sleep(millis: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return;
    this.pauses.push(millis);
    if (millis <= this.skipUpToMillis) {
      this.millis += millis;
      await turn();
      return;
    }
    await new Promise<void>((wake) => {
      this.#sleepers.push({ until: this.millis + millis, wake });
      signal?.addEventListener("abort", () => wake(), { once: true });
    });
  }

  advance(millis: number): void {
    this.millis += millis;
    for (const sleeper of this.#sleepers) if (sleeper.until <= this.millis) sleeper.wake();
  }
}

/** One turn of the event loop, so that everything that can run has run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function idOf(handle: string): string {
  return handle.slice(0, handle.lastIndexOf("#"));
}
