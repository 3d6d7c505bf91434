/** Records a drain beside the drain: what it rejects, and what it has done, for `etl status` and `etl rejects`. */

import manifest from "../../../package.json" with { type: "json" };
import { EtlError } from "../../errors.ts";
import type { DrainEvent } from "../../polling/events.ts";
import type { Clock } from "../../polling/ports.ts";
import type { Receipt } from "../../polling/receipt.ts";
import type { Database } from "../../postgres/connect.ts";
import type { LedgerHome } from "../../postgres/ledger.ts";
import { type RejectionRecord, recordRejections, recordRun } from "../../postgres/records.ts";
import { countOf } from "../../terminal/text.ts";
import type { Context } from "../context.ts";

/** Between two looks at what there is to record. */
const pauseMillis = 1_000;

/** So many rejections are recorded at once, by one statement. */
const batchEntries = 500;

/** Of what is not recorded yet, the most that is kept: a database that stands still must not fill the memory. */
const mostPending = 10_000;

/** A run tells at its start that it is there, and then so often how far it is: what is killed is seen, and nearly all it did. */
const runPauseMillis = 10_000;

/** The longest that the end of a run waits for its record. */
const endMillis = 2_000;

const dayMillis = 24 * 60 * 60 * 1000;

/** Days of sending that a run remembers: as long as SQS keeps a message, 14 days, and those at both ends. */
const mostDays = 16;

/** An id as SQS makes them. What else a server may send is not worth a statement that fails. */
const plainId = /^[\x20-\x7e]{1,128}$/;

/** What a recording needs. */
export interface RecordingParts {
  /** Not the drain's: its transactions stand in line. */
  readonly database: Database;
  readonly home: LedgerHome;
  readonly queueId: number;
  /** How long the queue keeps a message. */
  readonly retentionSeconds: number;
  /** The name of the table that is drained into, as SQL takes it. */
  readonly table: string;
  readonly clock: Clock;
  readonly log: Context["log"];
  /** The run's receipt as it stands; its outcome is not looked at. */
  readonly soFar: () => Receipt;
  /** Aborted where the run must end at once. */
  readonly forced: AbortSignal;
}

/** A recording under way. It is never in the drain's way, and never fails. */
export interface RunRecording {
  /** Takes note of rejections, and of what the ledger has. */
  onEvent(event: DrainEvent): void;
  /** Records the rest and the run's end. Resolves within two seconds, and at once after a forced stop. */
  end(receipt: Receipt): Promise<void>;
}

/** Begins to record. Where the tables or the permissions are missing, it says so in one line and stops. */
export function recordDrain(parts: RecordingParts): RunRecording {
  return new Recording(parts);
}

class Recording implements RunRecording {
  readonly #parts: RecordingParts;
  readonly #runId = crypto.randomUUID();
  readonly #ending = new AbortController();
  /** Ends whatever is still under way. */
  readonly #abandoned = new AbortController();
  readonly #over: AbortSignal;
  readonly #looping: Promise<void>;
  /** By day, the sending times of the oldest and the newest message that the ledger has. */
  readonly #stored = new Map<number, readonly [oldest: number, newest: number]>();
  #pending: RejectionRecord[] = [];
  #dropped = 0;
  /** Set where there is no use in trying on. */
  #off = false;
  /** Ends the pause when there is a whole batch. */
  #wake = new AbortController();

  constructor(parts: RecordingParts) {
    this.#parts = parts;
    this.#over = AbortSignal.any([this.#abandoned.signal, parts.forced]);
    this.#looping = this.#loop();
  }

  onEvent(event: DrainEvent): void {
    if (event.type === "loaded") for (const sentAtMillis of event.sentAtMillis) this.#remember(sentAtMillis);
    if (event.type !== "rejected" || this.#off) return;
    for (const { rejection, sentAtMillis } of event.messages) {
      if (!plainId.test(rejection.messageId)) continue;
      if (this.#pending.length < mostPending) this.#pending.push({ ...rejection, sentAtMillis });
      else this.#dropped += 1;
    }
    if (this.#pending.length >= batchEntries) this.#wake.abort();
  }

  #remember(sentAtMillis: number): void {
    const day = Math.floor(sentAtMillis / dayMillis);
    const [oldest, newest] = this.#stored.get(day) ?? [sentAtMillis, sentAtMillis];
    this.#stored.set(day, [Math.min(oldest, sentAtMillis), Math.max(newest, sentAtMillis)]);
    if (this.#stored.size > mostDays) this.#stored.delete(Math.min(...this.#stored.keys()));
  }

  async end(receipt: Receipt): Promise<void> {
    const { clock, log } = this.#parts;
    this.#ending.abort();
    await Promise.race([this.#finish(receipt), clock.sleep(endMillis, this.#over)]);
    this.#abandoned.abort(new Error("the recording is over"));
    const missing = this.#dropped + this.#pending.length;
    if (missing > 0) log.info(`${countOf(missing, "rejection")} of this run could not be recorded`);
  }

  async #finish(receipt: Receipt): Promise<void> {
    await this.#looping;
    while (this.#pending.length > 0 && (await this.#flush()));
    if (!this.#off) await this.#recordRun(receipt, receipt.outcome);
  }

  async #loop(): Promise<void> {
    const { clock, soFar } = this.#parts;
    const ended = AbortSignal.any([this.#ending.signal, this.#over]);
    ended.addEventListener("abort", () => this.#wake.abort());
    let runDueMillis = clock.monotonicMillis();
    while (!ended.aborted && !this.#off) {
      this.#wake = new AbortController();
      if (clock.monotonicMillis() >= runDueMillis) {
        runDueMillis = clock.monotonicMillis() + runPauseMillis;
        await this.#recordRun(soFar(), "running");
      }
      if (this.#pending.length < batchEntries) await clock.sleep(pauseMillis, this.#wake.signal);
      // What fails now is tried again after a pause, so that a database that is away is not asked in a circle.
      if (this.#pending.length > 0 && !ended.aborted && !(await this.#flush()))
        await clock.sleep(pauseMillis, ended);
    }
  }

  /** @returns whether the oldest batch is recorded */
  #flush(): Promise<boolean> {
    const { database, home, queueId } = this.#parts;
    const batch = this.#pending.slice(0, batchEntries);
    return this.#try(async () => {
      await recordRejections(database, home, queueId, batch, this.#over);
      this.#pending = this.#pending.slice(batch.length);
    });
  }

  #recordRun(receipt: Receipt, outcome: string): Promise<boolean> {
    const { database, home, queueId, table, retentionSeconds } = this.#parts;
    const stored = { sentAtMillis: [...this.#stored.values()].flat(), retentionSeconds };
    const run = { ...receipt, stored, outcome, runId: this.#runId, version: manifest.version };
    return this.#try(() => recordRun(database, home, { queueId, table }, run, this.#over));
  }

  /** What passes is tried again; what does not is told, once, and not tried any more. */
  async #try(record: () => Promise<void>): Promise<boolean> {
    try {
      await record();
      return true;
    } catch (error) {
      const mayPass = error instanceof EtlError && error.retryable;
      if (!mayPass && !this.#over.aborted && !this.#off) {
        this.#off = true;
        this.#pending = [];
        this.#dropped = 0;
        const hint = error instanceof EtlError && error.hint !== undefined ? `; try: ${error.hint}` : "";
        this.#parts.log.info(`this run is not recorded for etl status${hint}`);
      }
      return false;
    }
  }
}
