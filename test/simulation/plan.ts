/** What a world is made of, drawn from one seed: its queue, messages and processes, and the list of its faults. */

import { randomOf } from "./kernel.ts";

/** What becomes of a message's body. */
export type Nature =
  | "good"
  /** The mapping rejects it. */
  | "bad"
  /** The table refuses its rows, always. */
  | "refused"
  /** The table refuses its rows while a constraint is on. */
  | "doubtful"
  /** A trigger raises an error for its rows, always, that says that it may pass. */
  | "raising"
  /** No partition takes its rows until things are calm. */
  | "late";

/** A message that is sent into the queue. */
export interface Sent {
  readonly nature: Nature;
  readonly rows: number;
  /** When it is sent, in milliseconds since the start. */
  readonly atMillis: number;
  /** Of a FIFO queue. */
  readonly group: string | undefined;
}

/** How a process drains. It begins again when a run has ended, as a timer or an orchestrator has it. */
export interface ProcessPlan {
  readonly batchSize: number;
  readonly receivers: number | undefined;
  readonly connections: number | undefined;
  readonly maxInFlight: number | undefined;
  readonly maxMessages: number | undefined;
  readonly waitSeconds: number;
  readonly follow: boolean;
  readonly giveUpAfterMillis: number;
  readonly graceMillis: number;
  readonly startMillis: number;
}

/** A call of a process to the queue, the database or the dead-letter queue. */
export type CallKind = "receive" | "delete" | "hide" | "release" | "attributes" | "load" | "send";

/** What goes wrong with a call. */
export type CallFault =
  /** The request never arrives. */
  | "lost"
  /** It takes effect, and the answer never arrives. */
  | "unanswered"
  /** It takes effect when its caller has long given up waiting. */
  | "late"
  /** The server refuses it this time. */
  | "throttled"
  /** The server refuses it for good: the run ends. */
  | "denied"
  /** It takes long. */
  | "slow"
  /** Some entries of the batch fail. */
  | "partial"
  /** A load: every row is refused, by what may be the table's own fault. */
  | "suspect";

/** Something that goes wrong, and nothing else of the world with it. */
export type Fault =
  | {
      readonly kind: "call";
      readonly on: CallKind;
      readonly nth: number;
      readonly how: CallFault;
      readonly millis: number;
    }
  | { readonly kind: "kill"; readonly process: number; readonly atMillis: number }
  | { readonly kind: "pause"; readonly process: number; readonly atMillis: number; readonly millis: number }
  /** A first signal, and perhaps a second one so much later. */
  | {
      readonly kind: "stop";
      readonly process: number;
      readonly atMillis: number;
      readonly forcedAfterMillis: number | undefined;
    }
  | {
      readonly kind: "outage";
      readonly of: "database" | "queue";
      readonly how: Outage;
      readonly atMillis: number;
      readonly millis: number;
    }
  /** The queue hands a message out a second time while it is hidden. */
  | { readonly kind: "duplicate"; readonly nth: number };

/** How a server is away for a while. */
export type Outage =
  /** Sessions are cut, and nothing arrives. */
  | "down"
  /** Everything is refused, and may pass. */
  | "refuses"
  /** The database: every row is refused, by what may be the table's own fault. */
  | "suspect"
  /** The database: what is doubtful is refused. The constraint is off otherwise. */
  | "constraint"
  /** The queue: no visibility can be changed, and that will not pass. */
  | "no changes";

/** A whole world. */
export interface Plan {
  readonly seed: number;
  readonly fifo: boolean;
  readonly messages: readonly Sent[];
  readonly visibilitySeconds: number;
  readonly maxReceiveCount: number | undefined;
  readonly retentionMillis: number;
  readonly deadLetters: boolean;
  readonly processes: readonly ProcessPlan[];
  /** Of a call, there and back, at most. */
  readonly queueMillis: number;
  readonly databaseMillis: number;
  /** The most messages of a load that the table takes before its statement times out. */
  readonly mostMessages?: number | undefined;
  readonly faults: readonly Fault[];
}

/** Until then things go wrong; after it nothing does any more. */
export const calmFromMillis = 30_000;

/** About as many calls of a kind as a world makes while something may go wrong. */
const usualCalls: Readonly<Record<CallKind, number>> = {
  ...{ receive: 30, delete: 8, hide: 6, release: 5, attributes: 5, load: 15, send: 3 },
};

/** Draws a world. */
export function planOf(seed: number): Plan {
  const random = randomOf(seed, "plan");
  const whole = (least: number, most: number) => least + Math.floor(random() * (most - least + 1));
  const oneOf = <T>(...values: readonly T[]) => values[Math.floor(random() * values.length)] as T;
  const chance = (share: number) => random() < share;
  const maybe = <T>(share: number, value: () => T) => (chance(share) ? value() : undefined);

  const fifo = chance(0.25);
  const [bad, refused, doubtful] = [oneOf(0, 0, 0, 0.1, 0.9, 1), oneOf(0, 0, 0.1, 0.5), oneOf(0, 0, 0.2)];
  const raising = oneOf(0, 0, 0, 0.1, 0.5);
  const natures = (): Nature =>
    chance(bad)
      ? "bad"
      : chance(refused)
        ? "refused"
        : chance(doubtful)
          ? "doubtful"
          : chance(raising)
            ? "raising"
            : "good";
  // Drawn by themselves, so that the rest of a world is as it is without them.
  const late = randomOf(seed, "late");
  const lateShare = late() < 0.2 ? 0.3 : 0;
  const spread = oneOf(0, 0, 0, 5_000, 20_000);
  const groups = whole(1, 5);
  const rows = oneOf("one", "one", "any");
  const messages = Array.from(
    {
      length: oneOf(
        whole(0, 6),
        whole(0, 12),
        whole(0, 12),
        whole(5, 30),
        chance(0.2) ? whole(30, 120) : whole(0, 6),
      ),
    },
    (): Sent => ({
      nature: natures(),
      rows: rows === "one" ? 1 : whole(0, 3),
      atMillis: Math.floor(random() * spread),
      group: fifo ? `group-${whole(1, groups)}` : undefined,
    }),
  )
    .map((sent) =>
      sent.nature === "good" && late() < lateShare ? { ...sent, nature: "late" as const } : sent,
    )
    .toSorted((one, other) => one.atMillis - other.atMillis);
  const processes = Array.from(
    { length: oneOf(1, 1, 1, 2, 2, 3, 4) },
    (): ProcessPlan => ({
      batchSize: whole(1, 30),
      receivers: maybe(0.5, () => whole(1, 6)),
      connections: maybe(0.5, () => whole(1, 8)),
      maxInFlight: maybe(0.4, () => whole(1, 60)),
      maxMessages: maybe(0.1, () => whole(1, 40)),
      waitSeconds: oneOf(0, 1, 3, 20),
      follow: chance(0.4),
      giveUpAfterMillis: whole(2, 30) * 1000,
      graceMillis: whole(3, 20) * 1000,
      startMillis: whole(0, 2_000),
    }),
  );
  const moment = () => Math.floor(random() ** 2 * calmFromMillis);
  const aCall = (on: CallKind): Fault => ({
    kind: "call",
    on,
    nth: Math.floor(random() ** 2 * usualCalls[on]),
    how:
      on === "load" && chance(0.2)
        ? "suspect"
        : oneOf<CallFault>(
            "lost",
            "unanswered",
            "late",
            "throttled",
            "slow",
            "slow",
            "partial",
            chance(0.2) ? "denied" : "lost",
          ),
    millis: whole(1, 40_000),
  });
  const aFault = (): Fault => {
    const process = whole(0, processes.length - 1);
    const atMillis = moment();
    const kind = oneOf("call", "call", "call", "call", "kill", "pause", "stop", "outage", "duplicate");
    switch (kind) {
      case "kill":
        return { kind, process, atMillis };
      case "pause":
        return { kind, process, atMillis, millis: whole(100, 50_000) };
      case "stop":
        return { kind, process, atMillis, forcedAfterMillis: maybe(0.3, () => whole(0, 4_000)) };
      case "outage": {
        const how = oneOf<Outage>("down", "refuses", "suspect", "constraint", "constraint", "no changes");
        const of =
          how === "no changes"
            ? "queue"
            : how === "down" || how === "refuses"
              ? oneOf("queue", "database")
              : "database";
        return { kind, of, how, atMillis, millis: chance(0.5) ? whole(1, 500) : whole(100, 30_000) };
      }
      case "duplicate":
        return { kind, nth: whole(0, 60) };
      default:
        return aCall(
          oneOf(
            "receive",
            "receive",
            "delete",
            "hide",
            "release",
            "attributes",
            "load",
            "load",
            "load",
            "send",
          ),
        );
    }
  };
  return {
    seed,
    fifo,
    messages,
    visibilitySeconds: oneOf(2, 4, 10, 30),
    maxReceiveCount: maybe(0.3, () => whole(2, 6)),
    retentionMillis: chance(0.1) ? whole(20, 90) * 1000 : 4 * 24 * 3600 * 1000,
    deadLetters: chance(0.5),
    processes,
    queueMillis: whole(1, 60),
    databaseMillis: whole(1, 60),
    mostMessages: maybe(0.1, () => whole(1, 10)),
    faults: Array.from({ length: oneOf(0, 1, 2, 4, 8, 16) }, aFault),
  };
}
