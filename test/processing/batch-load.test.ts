import { describe, expect, test } from "bun:test";
import { EtlError } from "../../src/errors.ts";
import type { MappedMessage } from "../../src/message/message.ts";
import { batchLoads } from "../../src/processing/batch-load.ts";
import { commitUnknown, type Failed, type Fate, type Outcome } from "../../src/processing/outcome.ts";
import { SkippingClock, turn } from "../support/memory-ports.ts";

const passing = (code: string, kind: "temporary" | "unavailable" = "temporary") =>
  new EtlError({ kind, operation: "load", message: "not now", retryable: true, code });

const batchOf = (...names: string[]): MappedMessage[] =>
  names.map((messageId) => ({
    ref: { messageId, receiptHandle: messageId, sentAtMillis: 0, receiveCount: 1 },
    rows: [],
  }));

const stored: Fate = { kind: "stored", rows: 1 };
const reason = "sqlstate_XX000" as const;

/** What the table says of a message whose row may be at fault, or only the server. */
function failedAlone(messageId: string, besideStored: boolean, isRows = true): Failed {
  const rejection = { messageId, reason, path: "" };
  const alone = { besideStored, ...(isRows && { rejection }) };
  return { kind: "unsettled", error: passing("XX000"), mayBeStored: false, alone };
}

type Table = (name: string, batch: readonly string[]) => Fate | Failed;

/** Loads into a table that says this of each message; a load takes `millis` for each. */
function loadsInto(
  table: Table,
  { giveUpAfterMillis = 60_000, millisOf = 1, random = (): number => 0.5 } = {},
) {
  const clock = new SkippingClock();
  const tried: string[][] = [];
  const told: string[] = [];
  const pace = { millisOf };
  const loads = batchLoads(
    {
      async load(batch) {
        const names = batch.map(({ ref }) => ref.messageId);
        tried.push(names);
        clock.millis += pace.millisOf * names.length;
        return names.map((name) => table(name, names));
      },
    },
    {
      ...{ clock, random, giveUpAfterMillis, signal: new AbortController().signal },
      onTrouble: ({ message }) => told.push(message),
      onRecovery: (operation) => told.push(`${operation} works`),
    },
  );
  return {
    ...{ clock, tried, told, pace, loads },
    load: async (...names: string[]) => await loads.load(batchOf(...names)),
    /** With what comes later. */
    async loadAll(...names: string[]): Promise<Outcome[]> {
      const outcomes = await loads.load(batchOf(...names));
      return await Promise.all(outcomes.map((one) => (one.kind === "delayed" ? one.outcome : one)));
    },
  };
}

const rejected = (messageId: string) => ({
  ...{ kind: "rejected", by: "table", isProven: true },
  rejection: { messageId, reason, path: "" },
});

describe("an error that may pass, of one row", () => {
  test("rejects it after five failures alone, if the table took others beside it", async () => {
    const it = loadsInto((name, { length }) => (name === "bad" ? failedAlone(name, length > 1) : stored));
    expect(await it.loadAll("a", "bad", "b")).toEqual([stored, rejected("bad"), stored] as Outcome[]);
    expect(it.tried).toEqual([["a", "bad", "b"], ["bad"], ["bad"], ["bad"], ["bad"]]);
    // 100, 200, 400 and 800 ms at half of the jitter.
    expect(it.clock.pauses).toEqual([100, 200, 400, 800]);
    expect(it.told).toEqual([]);
  });

  test("keeps none of the others waiting, nor the next load", async () => {
    const it = loadsInto((name, { length }) => (name === "bad" ? failedAlone(name, length > 1) : stored));
    const [first, delayed] = await it.load("a", "bad");
    expect([first, delayed?.kind]).toEqual([stored, "delayed"]);
    expect(it.tried.length).toBe(1);
    expect(await it.load("b")).toEqual([stored]);
  });

  test("stores it if it passes in time", async () => {
    let failures = 4;
    const it = loadsInto((name) => (name === "bad" && failures-- > 0 ? failedAlone(name, true) : stored));
    expect(await it.loadAll("a", "bad")).toEqual([stored, stored]);
  });

  test("counts failures in a row, alone, and with one reason", async () => {
    const others = (name: string, reason: `sqlstate_${string}`): Failed => ({
      ...failedAlone(name, true),
      alone: { besideStored: true, rejection: { messageId: name, reason, path: "" } },
    });
    const away: Failed = { kind: "unsettled", error: passing("08006", "unavailable"), mayBeStored: true };
    const answers = [
      ...Array.from({ length: 4 }, () => failedAlone("bad", true)),
      away,
      ...Array.from({ length: 4 }, () => failedAlone("bad", true)),
      ...Array.from({ length: 4 }, () => others("bad", "sqlstate_40001")),
      stored,
    ];
    const it = loadsInto((name) => (name === "bad" ? (answers.shift() as Fate | Failed) : stored));
    expect(await it.loadAll("a", "bad")).toEqual([stored, stored]);
    expect(answers).toEqual([]);
  });

  test("that comes by itself is told, and rejects it once other loads have stored rows meanwhile", async () => {
    const it = loadsInto((name) => (name === "bad" ? failedAlone(name, false) : stored));
    const [delayed] = await it.load("bad");
    if (delayed?.kind !== "delayed") throw new Error("it is settled already");
    expect(await it.load("a")).toEqual([stored]);
    expect(await delayed.outcome).toEqual(rejected("bad") as Outcome);
    expect(it.told[0]).toBe("not now");
  });
});

describe("an error that may pass, and may be the server's", () => {
  test("rejects nothing of a batch of which everything fails: it is tried until the time is over", async () => {
    for (const names of [["a"], ["a", "b", "c"]]) {
      const it = loadsInto((name) => failedAlone(name, false), { giveUpAfterMillis: 60_000 });
      for (const outcome of await it.loadAll(...names))
        expect(outcome).toMatchObject({ kind: "unsettled", error: { exitCode: 75 }, mayBeStored: false });
      expect(it.tried.length).toBeGreaterThan(10);
      expect(it.told).toEqual(["not now"]);
    }
  });

  test("does not let a load that began before the failure speak for the server", async () => {
    const release = Promise.withResolvers<void>();
    const clock = new SkippingClock();
    const retry = { clock, random: () => 0.5, giveUpAfterMillis: 60_000 };
    const signal = new AbortController().signal;
    const loads = batchLoads(
      {
        async load(batch) {
          clock.millis += 1;
          if (batch[0]?.ref.messageId !== "early") return [failedAlone("late", false)];
          await release.promise;
          return [stored];
        },
      },
      { ...retry, signal, onTrouble() {}, onRecovery() {} },
    );
    const early = loads.load(batchOf("early"));
    const [late] = await loads.load(batchOf("late"));
    release.resolve();
    expect(await early).toEqual([stored]);
    if (late?.kind !== "delayed") throw new Error("it is settled already");
    expect(await late.outcome).toMatchObject({ kind: "unsettled" });
  });

  test("never rejects if it is the server's own word, and costs no other message", async () => {
    const it = loadsInto((name) => (name === "big" ? failedAlone(name, true, false) : stored));
    expect(await it.loadAll("a", "big", "b")).toMatchObject([stored, { kind: "unsettled" }, stored]);
    expect(it.tried.length).toBeGreaterThan(10);
    expect(it.told).toEqual(["not now"]);
  });

  test("holds back further loads once several groups fail for the server's sake", async () => {
    let isOver = false;
    const it = loadsInto((name) => (isOver ? stored : failedAlone(name, false, false)), {
      giveUpAfterMillis: Number.POSITIVE_INFINITY,
    });
    const kinds: (string | undefined)[] = [];
    for (let group = 0; group < 4; group += 1) kinds.push((await it.load(`${group}`))[0]?.kind);
    expect(kinds).toEqual(Array(4).fill("delayed"));
    const fifth = it.load("5");
    isOver = true;
    expect(await fifth).toEqual([stored]);
  });

  test("keeps the doubt of an unanswered commit of a part, whatever comes later", async () => {
    const lost: Failed = { kind: "unsettled", error: passing(commitUnknown), mayBeStored: true };
    let loads = 0;
    const it = loadsInto(
      (name) => (name === "a" ? stored : loads++ === 0 ? lost : { ...lost, mayBeStored: false }),
      { giveUpAfterMillis: 1000 },
    );
    expect(await it.loadAll("a", "b")).toMatchObject([stored, { kind: "unsettled", mayBeStored: true }]);
  });
});

describe("a table that is slow", () => {
  const late = (messages: number): Failed => ({
    ...{ kind: "unsettled", error: passing("57014"), mayBeStored: false, tooManyMessages: messages },
    ...(messages === 1 && { alone: { besideStored: false } }),
  });
  const names = (count: number) => Array.from({ length: count }, (_, index) => `m${index}`);

  test("gets loads of a quarter of the size, and the size is remembered", async () => {
    // 150 ms a row, and 54 s at most.
    const it = loadsInto((_, { length }) => (length > 360 ? late(length) : stored), { millisOf: 150 });
    expect(await it.loadAll(...names(500))).toEqual(Array(500).fill(stored));
    expect(await it.loadAll(...names(500))).toEqual(Array(500).fill(stored));
    expect(it.tried.map(({ length }) => length)).toEqual([500, ...Array(8).fill(125)]);
    expect(it.loads.mostMessages).toBe(125);
  });

  test("and every message is told its own outcome, in whichever order they were loaded", async () => {
    const fate = (name: string): Fate => ({ kind: "stored", rows: Number(name.slice(1)) });
    const it = loadsInto((name, { length }) => (length > 40 ? late(length) : fate(name)));
    expect(await it.loadAll(...names(100))).toEqual(names(100).map(fate));
  });

  test("gets larger loads again when it is fast", async () => {
    let isSlow = true;
    const it = loadsInto((_, { length }) => (isSlow && length > 100 ? late(length) : stored));
    await it.loadAll(...names(400));
    isSlow = false;
    it.pace.millisOf = 0.01;
    expect(it.loads.mostMessages).toBeLessThan(200);
    for (let load = 0; load < 6; load += 1) await it.loadAll(...names(400));
    expect(it.loads.mostMessages).toBeGreaterThan(400);
  });

  test("of which nothing is taken is asked twice a try, not once a message", async () => {
    const it = loadsInto((_, { length }) => late(length), { giveUpAfterMillis: 5_000, millisOf: 10 });
    for (const outcome of await it.loadAll(...names(64)))
      expect(outcome).toMatchObject({ kind: "unsettled" });
    expect(it.tried.length).toBeLessThan(64);
  });

  test("keeps its loads as large as they are while messages that wait for locks are tried again, one by one", async () => {
    const locked = ["m7", "m8", "m40"];
    const isLocked = (batch: readonly string[]) => locked.some((name) => batch.includes(name));
    let number = 0;
    const random = () => {
      number = (number + 0.37) % 1;
      return number;
    };
    const options = { millisOf: 0.01, giveUpAfterMillis: 10_000_000, random };
    const it = loadsInto((_, batch) => {
      if (!isLocked(batch)) return stored;
      it.clock.millis += 54_000 / batch.length;
      return late(batch.length);
    }, options);
    const outcomes = await it.load(...names(64));
    expect(outcomes.filter(({ kind }) => kind === "delayed").length).toBe(3);
    const before = it.tried.length;
    for (let load = 0; load < 20; load += 1) await it.loadAll(...names(100).map((name) => `later-${name}`));
    expect(it.loads.mostMessages).toBeGreaterThan(100);
    while (it.tried.filter((batch) => batch[0] === "m40").length < 10) await turn();
    const again = it.tried.slice(before).filter(isLocked);
    expect(again.map(({ length }) => length)).toEqual(Array(again.length).fill(1));
    expect(new Set(again.flat())).toEqual(new Set(locked));
    expect(it.loads.mostMessages).toBeGreaterThan(100);
  });

  test("because of one message that waits for a lock stores the others, and rejects none", async () => {
    const it = loadsInto((_, batch) => (batch.includes("m7") ? late(batch.length) : stored), {
      millisOf: 0.01,
    });
    const outcomes = await it.loadAll(...names(64));
    const kinds = outcomes.map(({ kind }, index) => [index, kind] as const);
    expect(kinds.filter(([, kind]) => kind !== "stored")).toEqual([[7, "unsettled"]]);
  });
});
