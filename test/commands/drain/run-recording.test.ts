import { beforeEach, describe, expect, test } from "bun:test";
import { recordDrain } from "../../../src/commands/drain/run-recording.ts";
import { EtlError } from "../../../src/errors.ts";
import type { Receipt } from "../../../src/polling/receipt.ts";
import type { Database } from "../../../src/postgres/connect.ts";
import { registerQueue } from "../../../src/postgres/ledger.ts";
import { SkippingClock } from "../../support/memory-ports.ts";
import { migratedDatabase } from "../../support/postgres-file.ts";

const home = { schema: "public", sqlName: "public.user_logins" };
const { testDatabase, database } = await migratedDatabase();
const { sql } = testDatabase;
let queueId: number;
beforeEach(async () => {
  queueId = await registerQueue(
    database,
    home,
    { arn: "arn:aws:sqs:eu-west-1:000000000000:login-queue", retentionSeconds: 345_600 },
    home,
  );
});

const receipt: Receipt = {
  ...{
    queue: "login-queue",
    table: "user_logins",
    dryRun: false,
    outcome: "drained",
    requests: 9,
    seconds: 3,
  },
  ...{ received: 5, inserted: 3, rows: 3, duplicates: 0, rejected: 2, released: 0, unsettled: 0, deleted: 3 },
  rejections: { field_missing: 2 },
  ...{ mapped: 0, absent: {}, unmapped: {} },
};

function open(parts: { database?: Database; forced?: AbortSignal } = {}) {
  const told: string[] = [];
  const clock = new SkippingClock(-1);
  const recording = recordDrain({
    ...{
      database,
      home,
      table: home.sqlName,
      queueId,
      retentionSeconds: 345_600,
      clock,
      forced: new AbortController().signal,
    },
    log: {
      info: (text: string) => void told.push(text),
      warn() {},
      status() {},
      isBehind: () => false,
      async flush() {},
      configure() {},
    },
    soFar: () => ({ ...receipt, inserted: 1 }),
    ...parts,
  });
  const reject = (count: number, from = 0) => {
    for (let number = from; number < from + count; number += 1) {
      const rejection = { messageId: `message-${number}`, reason: "field_missing", path: "ip" } as const;
      recording.onEvent({ type: "rejected", messages: [{ rejection, sentAtMillis: 1_700_000_000_000 }] });
    }
  };
  return { recording, clock, told, reject };
}

/** Where nothing is listened for but the signal, as in a network that swallows everything. */
const silent: Database = {
  ...database,
  runOnce: ({ signal }) =>
    new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason))),
};

const countRejections = async () =>
  ((await sql`select count(*)::int as messages from etl_rejection`)[0]?.messages ?? 0) as number;

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await Bun.sleep(5);
}

describe("what is recorded", () => {
  test("the rejections that are left, and the run, at its end", async () => {
    const { recording, reject, told } = open();
    reject(1_203);
    await recording.end(receipt);
    expect(await countRejections()).toBe(1_203);
    expect([
      ...(await sql`select outcome, inserted::int, rejections->>'field_missing' as missing from etl_run`),
    ]).toEqual([{ outcome: "drained", inserted: 3, missing: "2" }]);
    expect(told).toEqual([]);
  });

  test("five hundred at once, and fewer after a second", async () => {
    const { recording, reject, clock } = open();
    reject(500);
    await until(async () => (await countRejections()) === 500);
    reject(3, 500);
    await until(async () => {
      clock.advance(1_000);
      return (await countRejections()) === 503;
    });
    await recording.end(receipt);
  });

  test("that a run is there, at once; how far it is; and then its end, in one row", async () => {
    const { recording } = open();
    const rows = () => sql`select outcome, inserted::int from etl_run`;
    await until(async () => (await rows()).length > 0);
    expect([...(await rows())]).toEqual([{ outcome: "running", inserted: 1 }]);
    await recording.end(receipt);
    expect([...(await rows())]).toEqual([{ outcome: "drained", inserted: 3 }]);
  });

  test("the oldest and the newest message that was stored of each of the last 16 days", async () => {
    const { recording } = open();
    const noon = (day: number, millis: number) => Date.UTC(2026, 0, day, 12) + millis;
    const days = Array.from({ length: 17 }, (_, index) => 17 - index);
    const sentAtMillis = days.flatMap((day) => [2, 3, 1].map((millis) => noon(day, millis)));
    recording.onEvent({ type: "loaded", messages: 51, rows: 51, millis: 1, sentAtMillis });
    await recording.end(receipt);
    const [run] = await sql`
      select array(select (extract(epoch from sent_at) * 1000)::float8 from unnest(stored_sent_at) as sent_at order by 1)
        as times, retention_seconds
      from etl_run`;
    const kept = days.toReversed().slice(1);
    expect([...(run?.times ?? [])]).toEqual(kept.flatMap((day) => [noon(day, 1), noon(day, 3)]));
    expect(run?.retention_seconds).toBe(345_600);
  });

  test("no id that no queue gives", async () => {
    const { recording, told } = open();
    for (const messageId of ["", "a\u0000b", "x".repeat(200), "\u202e"]) {
      const rejection = { messageId, reason: "text_nul", path: "" } as const;
      recording.onEvent({ type: "rejected", messages: [{ rejection, sentAtMillis: 1 }] });
    }
    await recording.end(receipt);
    expect([await countRejections(), told]).toEqual([0, []]);
  });
});

describe("what stands in the way", () => {
  test("tables that are not there are told of once", async () => {
    await sql.unsafe("drop table etl_run, etl_rejection");
    const { recording, reject, told } = open();
    reject(700);
    await until(async () => told.length > 0);
    reject(700);
    await recording.end(receipt);
    expect(told).toEqual(["this run is not recorded for etl status; try: etl migrate"]);
  });

  test("what passes is tried again", async () => {
    let failures = 2;
    const shaky: Database = {
      ...database,
      runOnce(options, statement) {
        failures -= 1;
        if (failures < 0) return database.runOnce(options, statement);
        throw new EtlError({ kind: "unavailable", operation: "x", message: "away", retryable: true });
      },
    };
    const { recording, reject, clock, told } = open({ database: shaky });
    reject(4);
    await until(async () => {
      clock.advance(1_000);
      return (await countRejections()) === 4;
    });
    await recording.end(receipt);
    expect([failures < 0, told]).toEqual([true, []]);
  });

  test("a database that is silent is waited for two seconds", async () => {
    const { recording, reject, clock, told } = open({ database: silent });
    reject(700);
    let ended = false;
    const end = recording.end(receipt).then(() => {
      ended = true;
    });
    clock.advance(1_999);
    await Bun.sleep(20);
    expect(ended).toBe(false);
    clock.advance(1);
    await end;
    expect(told).toEqual(["700 rejections of this run could not be recorded"]);
  });

  test("no more than 10,000 wait for a database that stands still", async () => {
    const still = Promise.withResolvers<void>();
    const slow: Database = {
      ...database,
      runOnce: (options, statement) => still.promise.then(() => database.runOnce(options, statement)),
    };
    const { recording, reject, told } = open({ database: slow });
    reject(10_700);
    still.resolve();
    await recording.end(receipt);
    expect(await countRejections()).toBe(10_000);
    expect(told).toEqual(["700 rejections of this run could not be recorded"]);
  });

  test("a forced stop is not held up at all", async () => {
    const forced = new AbortController();
    const { recording, reject } = open({ database: silent, forced: forced.signal });
    reject(3);
    const end = recording.end(receipt);
    forced.abort();
    await end;
  });
});
