/**
 * A world in one thread: the real polling, processing and settling code of several processes, on a simulated clock, network,
 * queue and database, with the faults of a plan. After every step it is checked that no promise is broken.
 */

import { EtlError } from "../../src/errors.ts";
import type { Cell, MappedMessage, Message, Rejection } from "../../src/message/message.ts";
import { type Drain, type DrainEnd, startDrain } from "../../src/polling/drain.ts";
import type { DrainEvent } from "../../src/polling/events.ts";
import type { DeadLetter, DeadLetterQueue, QueueAttributes, Source } from "../../src/polling/ports.ts";
import { commitUnknown, type Failed, type Fate, type Loader } from "../../src/processing/outcome.ts";
import { createProcessor } from "../../src/processing/processor.ts";
import { SimulatedDatabase } from "./database.ts";
import { Kernel, type Owner, randomOf } from "./kernel.ts";
import {
  type CallFault,
  type CallKind,
  calmFromMillis,
  type Fault,
  type Nature,
  type Outage,
  type Plan,
  type ProcessPlan,
} from "./plan.ts";
import { SimulatedQueue, type Stored } from "./queue.ts";

/** How a world ended. */
export interface WorldEnd {
  /** The promise that was broken first; undefined if all were kept. */
  readonly broken: string | undefined;
  readonly steps: number;
  /** Simulated time, in milliseconds. */
  readonly millis: number;
  /** Of everything that happened, in its order. */
  readonly hash: string;
  readonly trace: readonly string[] | undefined;
}

/** A run that begins when things are calm is over within this. */
const longestRunMillis = 60 * 60_000;
/** A message that was rejected may stay away for an hour, and twice. */
const longestWorldMillis = calmFromMillis + 3 * 3_600_000;
const mostSteps = 200_000;

/** How long an error takes that says that nothing is there. */
const refusedMillis = 5;
/** How long a statement may take. */
const statementMillis = 300;
/** How long a client waits for an answer. */
const timeoutMillis = 20_000;
/** Less than the drain takes a queue server to need to see that a poll was cut off. */
const hangUpMillis = 150;

/** For so long every poll is answered with what has been visible, and the queue's own count says so, too. */
const agreedMillis = 1_000;

/** So many in a row that come to nothing make the circuit breaker open. */
const breakerCount = 50;

/** Runs a world to its end, or to its first broken promise. @param traces whether to keep what happened, a line each */
export function runWorld(plan: Plan, traces = false): WorldEnd {
  return new World(plan, traces).run();
}

/** One run of one process: what it was told, and what is true. */
interface Run extends Owner {
  readonly plan: ProcessPlan;
  readonly slot: number;
  readonly graceful: AbortController;
  readonly forced: AbortController;
  readonly startedAtMillis: number;
  drain: Drain | undefined;
  isOver: boolean;
  /** Whether something keeps it from holding its messages: it was paused or killed, or what holds them failed. */
  isUnreliable: boolean;
  /** Whether it may give messages back: it was stopped, something failed, or a limit was reached. */
  mayGiveBack: boolean;
  /** Whether anything went wrong for it. */
  hadTrouble: boolean;
  /** Calls that are not answered, polls aside. */
  openCalls: number;
  stoppedAtMillis: number;
  rejected: number;
  /** What was answered to it. */
  readonly truth: { stored: number; rows: number; deleted: number; released: number };
}

class World {
  readonly #plan: Plan;
  readonly #kernel: Kernel;
  readonly #network: () => number;
  readonly #queue: SimulatedQueue<Run>;
  readonly #database = new SimulatedDatabase();
  readonly #copied = new Set<string>();
  readonly #runs: (Run | undefined)[] = [];
  readonly #callFaults = new Map<string, Extract<Fault, { kind: "call" }>>();
  readonly #calls = new Map<CallKind, number>();
  #runNumber = 0;
  /** Whether there is enough that comes to nothing for a circuit breaker to open. */
  readonly #mayOpen: boolean;
  #broken: string | undefined;

  constructor(plan: Plan, traces: boolean) {
    this.#plan = plan;
    this.#kernel = new Kernel(traces);
    this.#mayOpen = plan.messages.filter(({ nature }) => nature !== "good").length >= breakerCount;
    this.#network = randomOf(plan.seed, "network");
    this.#queue = new SimulatedQueue(this.#kernel, plan, randomOf(plan.seed, "queue"), {
      onHandedAgain: (message, run) => this.#checkHandedAgain(message, run),
      onDelete: (message, run) => this.#checkDelete(message, run),
      onRelease: (message, run) => this.#checkRelease(message, run),
    });
    for (const fault of plan.faults)
      if (fault.kind === "call") this.#callFaults.set(`${fault.on} ${fault.nth}`, fault);
  }

  run(): WorldEnd {
    const kernel = this.#kernel;
    for (const sent of this.#plan.messages) kernel.after(sent.atMillis, () => this.#queue.send(sent));
    for (const [slot, process] of this.#plan.processes.entries())
      kernel.after(process.startMillis, () => this.#start(slot));
    for (const fault of this.#plan.faults) this.#schedule(fault);
    kernel.after(calmFromMillis, () => this.#calm());
    while (this.#broken === undefined && this.#step()) {
      this.#checkRuns();
      if (kernel.steps > mostSteps) this.#break(`no end after ${mostSteps} steps`);
      if (kernel.now > longestWorldMillis) break;
      if (kernel.now > calmFromMillis && this.#isSettled && this.#runs.every((run) => run === undefined))
        break;
    }
    if (this.#broken === undefined) this.#checkEnd();
    const { steps, now: millis, hash, trace } = kernel;
    return { broken: this.#broken, steps, millis, hash, trace };
  }

  #step(): boolean {
    try {
      return this.#kernel.step();
    } catch (error) {
      this.#break(String(error));
      return true;
    }
  }

  // Processes

  #start(slot: number): void {
    const plan = this.#plan.processes[slot] as ProcessPlan;
    const { now } = this.#kernel;
    const isCalm = now >= calmFromMillis;
    this.#runNumber += 1;
    const run: Run = {
      ...{ name: `run ${this.#runNumber}`, dead: false, pausedUntil: 0, plan, slot, startedAtMillis: now },
      ...{ graceful: new AbortController(), forced: new AbortController(), drain: undefined, isOver: false },
      ...{
        isUnreliable: false,
        mayGiveBack: plan.maxMessages !== undefined,
        hadTrouble: false,
        openCalls: 0,
        rejected: 0,
      },
      stoppedAtMillis: Number.POSITIVE_INFINITY,
      truth: { stored: 0, rows: 0, deleted: 0, released: 0 },
    };
    this.#runs[slot] = run;
    this.#kernel.note(run.name, `starts in place ${slot}`);
    run.drain = startDrain(
      {
        source: this.#sourceOf(run),
        areStored: async (messages) => messages.map(({ messageId }) => this.#database.ledger.has(messageId)),
        deadLetters: this.#plan.deadLetters ? this.#deadLettersOf(run) : undefined,
        clock: this.#kernel.clockOf(run),
        random: randomOf(this.#plan.seed, run.name),
        runnableMillis: () => 0,
        processor: (retry) => createProcessor({ mapMessage, loader: this.#loaderOf(run), retry }),
        onEvent: (event) => this.#hear(run, event),
      },
      {
        ...plan,
        follow: plan.follow && !isCalm,
        maxMessages: isCalm ? undefined : plan.maxMessages,
        visibilityTimeoutSeconds: this.#plan.visibilitySeconds,
      },
      { graceful: run.graceful.signal, forced: run.forced.signal },
    );
    void run.drain.ended.then((end) => this.#ended(run, end));
  }

  #ended(run: Run, end: DrainEnd): void {
    if (run.dead) return;
    run.isOver = true;
    const counts = run.drain?.counts;
    const why = end.error instanceof EtlError ? ` (${end.error.operation}: ${end.error.message})` : "";
    this.#kernel.note(run.name, `ends: ${end.outcome}${why} ${JSON.stringify(counts)}`);
    if (end.error !== undefined && !(end.error instanceof EtlError))
      this.#break(`a run ended with a bug: ${end.error}`);
    this.#checkRunEnd(run);
    if (end.outcome === "drained") this.#checkDrained(run);
    // Its calls may still be open, as those of a process that ends: nobody hears their answers.
    run.dead = true;
    this.#runs[run.slot] = undefined;
    const isCalm = this.#kernel.now >= calmFromMillis;
    if (isCalm && this.#isSettled) return;
    this.#kernel.after(isCalm ? 300_000 : 1_000 + this.#network() * 3_000, () => this.#start(run.slot));
  }

  #schedule(fault: Fault): void {
    if (fault.kind !== "kill" && fault.kind !== "pause" && fault.kind !== "stop") return;
    this.#kernel.after(fault.atMillis, () => {
      const run = this.#runs[fault.process];
      if (run === undefined) return;
      if (fault.kind === "kill") {
        this.#kernel.note(run.name, "is killed");
        run.dead = true;
        run.isUnreliable = true;
        this.#runs[run.slot] = undefined;
        this.#kernel.after(1_000, () => this.#start(run.slot));
      } else if (fault.kind === "pause") {
        this.#kernel.note(run.name, `is paused for ${fault.millis} ms`);
        run.pausedUntil = Math.max(run.pausedUntil, this.#kernel.now + fault.millis);
        run.isUnreliable = true;
      } else this.#stop(run, fault.forcedAfterMillis);
    });
  }

  #stop(run: Run, forcedAfterMillis?: number): void {
    run.mayGiveBack = true;
    this.#kernel.after(
      0,
      () => {
        this.#kernel.note(run.name, "is stopped");
        run.stoppedAtMillis = Math.min(run.stoppedAtMillis, this.#kernel.now);
        run.graceful.abort();
      },
      run,
    );
    if (forcedAfterMillis === undefined) return;
    this.#kernel.after(
      forcedAfterMillis,
      () => {
        this.#kernel.note(run.name, "is stopped at once");
        run.isUnreliable = true;
        run.forced.abort();
      },
      run,
    );
  }

  /** Nothing goes wrong any more. */
  #calm(): void {
    this.#kernel.note("world", "is calm");
    for (const run of this.#runs) if (run?.plan.follow) this.#stop(run);
  }

  #hear(run: Run, event: DrainEvent): void {
    if (event.type === "tuned") return;
    // What waits behind it in its group is given back, too.
    if (event.type === "postponed") run.rejected += event.messages;
    if (event.type === "rejected") {
      run.rejected += event.messages.length;
      for (const { rejection } of event.messages) {
        const { nature } = (this.#queue.messages[Number(rejection.messageId.slice(1))] as Stored<Run>).sent;
        if (nature === "good" || nature === "late")
          this.#break(`${rejection.messageId} is ${nature} and was rejected (${rejection.reason})`);
      }
    }
    const count =
      "messages" in event
        ? typeof event.messages === "number"
          ? event.messages
          : event.messages.length
        : "";
    this.#kernel.note(run.name, `tells: ${event.type} ${count}`);
  }

  // The network

  #outage(of: "queue" | "database", ...hows: readonly Outage[]): Outage | undefined {
    const { now } = this.#kernel;
    if (now >= calmFromMillis) return undefined;
    for (const fault of this.#plan.faults) {
      const isNow =
        fault.kind === "outage" &&
        fault.of === of &&
        fault.atMillis <= now &&
        now < fault.atMillis + fault.millis;
      if (isNow && hows.includes(fault.how)) return fault.how;
    }
    return undefined;
  }

  #faultOf(kind: CallKind) {
    const nth = this.#calls.get(kind) ?? 0;
    this.#calls.set(kind, nth + 1);
    return this.#kernel.now < calmFromMillis ? this.#callFaults.get(`${kind} ${nth}`) : undefined;
  }

  /**
   * One call: there, its effect, and back.
   *
   * @param effect what it does at the server, when it arrives; hands its answer on when it has one
   * @param how what goes wrong with it at the server
   */
  #call<T>(
    run: Run,
    kind: CallKind,
    effect: (
      answer: (value: T) => void,
      refuse: (error: unknown) => void,
      how: CallFault | undefined,
    ) => void,
  ): Promise<T> {
    const kernel = this.#kernel;
    const of = kind === "load" ? "database" : "queue";
    const wayMillis = () =>
      (this.#network() * (of === "database" ? this.#plan.databaseMillis : this.#plan.queueMillis)) / 2;
    const fault = this.#faultOf(kind);
    if (kind !== "receive") run.openCalls += 1;
    if (fault !== undefined) {
      kernel.note(run.name, `${kind} is ${fault.how}`);
      run.hadTrouble = true;
      if (kind === "hide" || kind === "release") run.isUnreliable = true;
    }
    return new Promise<T>((resolve, reject) => {
      const failIn = (millis: number, error: EtlError) =>
        kernel.after(
          millis,
          () => {
            // Whoever gives up on a service ends the run, and gives back what it holds.
            run.mayGiveBack = true;
            run.hadTrouble = true;
            if (kind === "hide" || kind === "release") run.isUnreliable = true;
            reject(error);
          },
          run,
        );
      const arrive = () => {
        if (this.#outage(of, "down")) return void failIn(refusedMillis, passing(kind, "connection refused"));
        if (this.#outage(of, "refuses") || fault?.how === "throttled")
          return void failIn(wayMillis(), passing(kind, "not now"));
        const changes = kind === "hide" || kind === "release";
        if (fault?.how === "denied" || (changes && this.#outage(of, "no changes")))
          return void failIn(wayMillis(), lasting(kind));
        const isHeard = fault?.how !== "unanswered" && fault?.how !== "late";
        effect(
          (value) => {
            if (isHeard) kernel.after(wayMillis(), () => resolve(value), run);
          },
          (error) => void failIn(wayMillis(), error as EtlError),
          fault?.how,
        );
      };
      const patience = Math.min(fault?.millis ?? timeoutMillis, timeoutMillis);
      if (fault?.how === "lost") failIn(patience, passing(kind, "no answer"));
      else if (fault?.how === "unanswered" || fault?.how === "late") {
        failIn(patience, passing(kind, "no answer", kind === "load"));
        kernel.after(fault.how === "late" ? patience + this.#network() * 30_000 : wayMillis(), arrive);
      } else kernel.after(wayMillis() + (fault?.how === "slow" ? fault.millis : 0), arrive);
    }).finally(() => {
      if (kind !== "receive") run.openCalls -= 1;
    });
  }

  // What a process calls

  #sourceOf(run: Run): Source {
    let requests = 0;
    const settle = (
      kind: CallKind,
      handles: readonly string[],
      settleOne: (handle: string, index: number) => boolean,
    ) => {
      requests += 1;
      return this.#call<readonly boolean[]>(run, kind, (answer, _refuse, how) => {
        const ids = handles.map((handle, index) => {
          if (how === "partial" && index % 2 === 0) {
            this.#queue.find(handle).message.excused = true;
            return false;
          }
          return settleOne(handle, index);
        });
        this.#kernel.note(
          "queue",
          `${kind} of ${run.name}: ${handles.map((handle, index) => handle + (ids[index] ? "" : "!")).join(" ")}`,
        );
        answer(ids);
      }).then((done) => {
        const settled = done.filter((isDone) => isDone).length;
        if (kind === "delete") run.truth.deleted += settled;
        if (kind === "release") run.truth.released += settled;
        if (kind === "hide" && settled < handles.length) run.isUnreliable = true;
        return { settled, failed: handles.length - settled };
      });
    };
    return {
      get requests() {
        return requests;
      },
      receive: ({ maxMessages, waitSeconds, signal }) => {
        requests += 1;
        return this.#receive(run, maxMessages, waitSeconds, signal);
      },
      delete: (handles) => {
        // If the call comes to nothing, they are handed out again.
        for (const handle of handles) this.#queue.find(handle).message.excused ||= this.#mayFail("delete");
        return settle("delete", handles, (handle) => this.#queue.delete(handle, run));
      },
      changeVisibility: (changes) => {
        const isRelease = changes.every(({ timeoutSeconds }) => timeoutSeconds === 0);
        return settle(
          isRelease ? "release" : "hide",
          changes.map(({ receiptHandle }) => receiptHandle),
          (_, index) => this.#queue.changeVisibility(changes[index] as (typeof changes)[number], run),
        );
      },
      attributes: () => {
        requests += 1;
        return this.#call<QueueAttributes>(run, "attributes", (answer) => {
          const { visible, hidden } = this.#queue.depth;
          answer({
            arn: "arn:aws:sqs:eu-west-1:000000000000:simulated",
            visible: this.#network() < 0.1 ? Math.ceil(visible * 2 * this.#network()) : visible,
            inFlight: hidden,
            delayed: 0,
            visibilityTimeoutSeconds: this.#plan.visibilitySeconds,
            retentionSeconds: this.#plan.retentionMillis / 1000,
            fifo: this.#plan.fifo,
          });
        });
      },
    };
  }

  /** Whether the call that is made next meets a fault. */
  #mayFail(kind: CallKind): boolean {
    const nth = this.#calls.get(kind) ?? 0;
    const isPlanned = this.#callFaults.has(`${kind} ${nth}`);
    return (
      this.#kernel.now < calmFromMillis &&
      (isPlanned || this.#outage("queue", "down", "refuses") !== undefined)
    );
  }

  #receive(
    run: Run,
    maxMessages: number,
    waitSeconds: number,
    signal: AbortSignal,
  ): Promise<readonly Message[]> {
    let isCut = false;
    const fault = this.#callFaults.get(`receive ${this.#calls.get("receive") ?? 0}`);
    const isHeard =
      this.#kernel.now >= calmFromMillis || (fault?.how !== "unanswered" && fault?.how !== "late");
    const called = this.#call<readonly Message[]>(run, "receive", (answer) => {
      // Its caller hung up before it arrived.
      if (signal.aborted) return;
      const handed = (messages: readonly Message[]) => {
        signal.removeEventListener("abort", hangUp);
        for (const { messageId } of messages) {
          const { message } = this.#queue.find(`${messageId}#0`);
          // Nobody gets them.
          if (isCut || !isHeard || run.dead || run.isOver) message.excused = true;
        }
        this.#kernel.note(
          "queue",
          `hands ${run.name}${isCut ? " (cut off)" : ""}: ${messages.map(({ receiptHandle }) => receiptHandle).join(" ")}`,
        );
        answer(messages);
      };
      const hangUp = () => {
        isCut = true;
        this.#kernel.after(this.#network() * hangUpMillis, end);
      };
      const end = this.#queue.poll(run, maxMessages, waitSeconds * 1000, handed);
      signal.addEventListener("abort", hangUp);
    });
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const cut = () => {
        isCut = true;
        // An answer that is on its way already finds nobody.
        for (const message of this.#queue.messages)
          if (message.holder === run && this.#isOnItsWay(message, run)) message.excused = true;
        reject(signal.reason);
      };
      signal.addEventListener("abort", cut, { once: true });
      called.then(
        (messages) => {
          signal.removeEventListener("abort", cut);
          for (const { messageId } of messages) this.#arrived.add(`${run.name} ${messageId}`);
          resolve(messages);
        },
        (error) => {
          signal.removeEventListener("abort", cut);
          reject(error);
        },
      );
    });
  }

  /** Messages that have reached the run that they were handed to. */
  readonly #arrived = new Set<string>();

  #isOnItsWay(message: Stored<Run>, run: Run): boolean {
    return !this.#arrived.has(`${run.name} ${message.id}`);
  }

  #loaderOf(run: Run): Loader {
    return {
      load: (batch) => {
        let isSuspect = false;
        return this.#call<readonly (Fate | Failed)[]>(run, "load", (answer, refuse, how) => {
          const { mostMessages = batch.length } = this.#plan;
          const isTooLong = batch.length > mostMessages;
          const millis = isTooLong ? statementMillis : this.#network() * (1 + batch.length);
          this.#kernel.after(millis, () => {
            // Its session is cut while it is at work.
            if (this.#outage("database", "down")) return refuse(passing("load", "session cut", true));
            if (isTooLong) return answer(tookTooLong(batch.length));
            isSuspect = how === "suspect" || this.#outage("database", "suspect") !== undefined;
            const hasConstraint = this.#outage("database", "constraint") !== undefined;
            const ids = batch.map(({ ref }) => ref.messageId);
            const hasPartition = this.#kernel.now >= calmFromMillis;
            const fates = this.#database.commit(batch, { hasConstraint, isSuspect, hasPartition }, (id) =>
              this.#checkOrder(id),
            );
            this.#kernel.note(
              "database",
              `commits of ${run.name}: ${ids.map((id, index) => `${id} ${fates[index]?.kind}`).join(", ")}`,
            );
            answer(fates);
          });
        }).then((fates) => {
          if (isSuspect || fates.some(({ kind }) => kind === "unsettled")) run.mayGiveBack = true;
          for (const fate of fates) {
            if (fate.kind !== "stored") continue;
            run.truth.stored += 1;
            run.truth.rows += fate.rows;
          }
          return fates;
        });
      },
    };
  }

  #deadLettersOf(run: Run): DeadLetterQueue {
    return {
      send: (letters: readonly DeadLetter[]) =>
        this.#call<ReadonlySet<number>>(run, "send", (answer, _refuse, how) => {
          const accepted = [...letters.keys()].filter((index) => how !== "partial" || index % 2 === 1);
          for (const index of accepted) {
            const { messageId } = (letters[index] as DeadLetter).message;
            this.#copied.add(messageId);
            const { nature } = this.#queue.find(`${messageId}#0`).message.sent;
            if (nature === "good" || nature === "late")
              this.#break(`${messageId} is ${nature} and went to the dead-letter queue`);
          }
          this.#kernel.note(
            "dead letters",
            `of ${run.name}: ${accepted.map((index) => letters[index]?.message.messageId).join(" ")}`,
          );
          answer(new Set(accepted));
        }),
    };
  }

  // The promises

  #break(promise: string): void {
    if (this.#broken !== undefined) return;
    this.#broken = promise;
    this.#kernel.note("world", `BROKEN: ${promise}`);
  }

  #checkDelete({ id }: Stored<Run>, run: Run): void {
    if (!this.#database.ledger.has(id) && !this.#copied.has(id))
      this.#break(`${run.name} deleted ${id}, which is neither stored nor copied`);
  }

  #checkRelease(message: Stored<Run>, run: Run): void {
    const isFollower = this.#plan.fifo && run.rejected > 0;
    const hasReason = run.mayGiveBack || this.#mayOpen || isFollower;
    if (!hasReason && isGood(message)) this.#break(`${run.name} gave ${message.id} back for no reason`);
    message.excused = true;
  }

  #checkHandedAgain(message: Stored<Run>, to: Run): void {
    const { id, holder, excused } = message;
    // A request that was answered late, or to nobody, may be handed it all the same.
    if (message.isReleased && holder === to && !to.hadTrouble && !this.#plan.fifo)
      this.#break(`${id} was handed to ${to.name}, which had just given it back`);
    if (!isGood(message) || excused || holder === undefined || holder.isUnreliable) return;
    // Its delete has failed, or was not sent after another one that failed.
    if (holder.hadTrouble && this.#database.ledger.has(id)) return;
    this.#break(`${id} was handed out again, though ${holder.name} held it and nothing was wrong`);
  }

  /** In a FIFO queue, nothing overtakes a message of its group that may still become rows. */
  #checkOrder(id: string): void {
    if (!this.#plan.fifo) return;
    const { message } = this.#queue.find(`${id}#0`);
    for (const earlier of this.#queue.messages) {
      if (earlier === message) return;
      if (earlier.sent.group !== message.sent.group || earlier.place !== "queue") continue;
      const isSettled = this.#database.ledger.has(earlier.id) || this.#copied.has(earlier.id);
      if (!isSettled) this.#break(`${id} overtook ${earlier.id} of its group`);
    }
  }

  /** What holds at every moment. Nothing happens to a run but at its own events. */
  #checkRuns(): void {
    for (const run of this.#runs) {
      if (run?.drain === undefined || run.isOver || run !== this.#kernel.owner) continue;
      const { counts, open } = run.drain;
      const { truth, plan } = run;
      if (open < 0) this.#break(`${run.name} has settled more than it received`);
      // A load whose messages are not all settled yet may have stored some.
      if (counts.inserted > truth.stored || counts.rows > truth.rows)
        this.#break(
          `${run.name} counts ${counts.inserted} messages, ${counts.rows} rows; ${truth.stored}, ${truth.rows} were stored`,
        );
      if (counts.deleted !== truth.deleted)
        this.#break(`${run.name} counts ${counts.deleted} as deleted; ${truth.deleted} were`);
      if (counts.released > truth.released)
        this.#break(`${run.name} counts ${counts.released} as released; ${truth.released} were`);
      const rejections = Object.values(counts.rejections).reduce((sum, count) => sum + count, 0);
      if (rejections !== counts.rejected) this.#break(`${run.name}'s rejections do not add up`);
      // What the circuit breaker holds has given its room back.
      if (plan.maxInFlight !== undefined && open > Math.max(10, plan.maxInFlight) + 2 * breakerCount)
        this.#break(`${run.name} has ${open} messages in flight`);
      const since = Math.max(run.startedAtMillis, calmFromMillis);
      if (this.#kernel.now - since > longestRunMillis) this.#break(`${run.name} does not end`);
    }
  }

  #checkRunEnd(run: Run): void {
    const { counts, open } = run.drain as Drain;
    if (open !== 0) this.#break(`${run.name} ended with ${open} messages open`);
    const { received, inserted, duplicates, rejected, released, unsettled } = counts;
    if (received !== inserted + duplicates + rejected + released + unsettled)
      this.#break(`${run.name}'s receipt does not add up`);
    if (run.isUnreliable) return;
    if (inserted !== run.truth.stored && this.#kernel.now < run.stoppedAtMillis + run.plan.graceMillis)
      this.#break(`${run.name} counts ${inserted} messages; ${run.truth.stored} were stored`);
    if (this.#kernel.now >= run.stoppedAtMillis + run.plan.graceMillis) {
      if (run.openCalls === 0) this.#break(`${run.name} took all of its grace, though nothing was open`);
      run.isUnreliable = true;
      return;
    }
    const left = this.#queue.messages.find(
      (message) =>
        message.holder === run &&
        message.place === "queue" &&
        message.visibleAtMillis > this.#kernel.now &&
        !message.excused &&
        isGood(message) &&
        !this.#database.ledger.has(message.id),
    );
    if (left !== undefined) this.#break(`${run.name} ended and left ${left.id} hidden`);
  }

  /** A queue is drained when there was nothing to receive for a while. */
  #checkDrained(run: Run): void {
    const since = this.#kernel.now - agreedMillis;
    // Of a FIFO queue it takes more to tell since when a message could be received.
    if (this.#plan.fifo || run.hadTrouble || run.pausedUntil > since) return;
    // The queue's count does not tell others from messages that the run itself has left there.
    if (run.rejected > 0) return;
    const left = this.#queue.receivable.find(
      (message) => isGood(message) && Math.max(message.visibleAtMillis, message.sent.atMillis) < since,
    );
    if (left !== undefined)
      this.#break(`${run.name} took the queue for drained, though ${left.id} could be received`);
  }

  /** Whether nothing is left to do but what will always be rejected. */
  get #isSettled(): boolean {
    return this.#queue.messages.every((message) => message.place !== "queue" || this.#isAtItsEnd(message));
  }

  #isAtItsEnd(message: Stored<Run>): boolean {
    const { id, sent } = message;
    // It is rejected only beside rows that are stored, and may be the last.
    if (sent.nature === "raising" || this.#isBlocked(message)) return true;
    if (this.#isCrowdedOut) return true;
    return isRefused(sent.nature) && (this.#refusedStay || this.#copied.has(id));
  }

  /** Groups behind messages that raise can take all the room that `maxInFlight` leaves, as long as nothing else is stored. */
  get #isCrowdedOut(): boolean {
    const isTight = this.#plan.processes.every(({ maxInFlight }) => maxInFlight !== undefined);
    return this.#plan.fifo && isTight && this.#somethingRaises;
  }

  /** Whether a message over which a trigger raises is still in the queue. */
  get #somethingRaises(): boolean {
    return this.#queue.messages.some(({ place, sent }) => sent.nature === "raising" && place === "queue");
  }

  /** Whether what is rejected stays in the queue: it goes back if no row is stored and a message that raises fails the run. */
  get #refusedStay(): boolean {
    return !this.#plan.deadLetters || this.#somethingRaises;
  }

  /** Whether something that stays in the queue is before it in its group. */
  #isBlocked(message: Stored<Run>): boolean {
    if (!this.#plan.fifo) return false;
    return this.#queue.messages.some((earlier, index) => {
      const { nature, group } = earlier.sent;
      const stays = nature === "raising" || (isRefused(nature) && this.#refusedStay);
      const isEarlier = index < this.#queue.messages.indexOf(message) && group === message.sent.group;
      return isEarlier && stays && earlier.place === "queue";
    });
  }

  #checkEnd(): void {
    for (const message of this.#queue.messages) {
      const { id, place, sent } = message;
      const isStored = this.#database.ledger.has(id);
      if (place === "queue" && !this.#isAtItsEnd(message))
        this.#break(`${id}, which is ${sent.nature}, is still in the queue${isStored ? ", and stored" : ""}`);
      if (place === "deleted" && !isStored && !this.#copied.has(id)) this.#break(`${id} is lost`);
    }
  }
}

/** Whether it is rejected, always. */
function isRefused(nature: Nature): boolean {
  return nature === "bad" || nature === "refused";
}

function isGood({ sent: { nature } }: Stored<Run>): boolean {
  return nature === "good";
}

function mapMessage({ body, bodyIntact, ...ref }: Message): MappedMessage | Rejection {
  const [nature = "", rows = "1"] = body.split(" ");
  // The circuit breaker holds messages of another shape after the first row, too.
  const reason = rows === "1" ? "body_not_json" : "nothing_mapped";
  if (nature === "bad") return { messageId: ref.messageId, reason, path: "" };
  return { ref, rows: Array.from({ length: Number(rows) }, () => [nature as Cell]) };
}

function passing(operation: string, message: string, isCommitInDoubt = false): EtlError {
  const code = isCommitInDoubt ? commitUnknown : undefined;
  return new EtlError({ kind: "unavailable", operation, message, retryable: true, code });
}

function tookTooLong(messages: number): readonly Failed[] {
  const error = passing("load", "the statement took too long");
  return Array.from({ length: messages }, () => {
    return { kind: "unsettled", error, mayBeStored: false, tooManyMessages: messages };
  });
}

function lasting(operation: string): EtlError {
  return new EtlError({ kind: "permission", operation, message: "denied", retryable: false });
}
