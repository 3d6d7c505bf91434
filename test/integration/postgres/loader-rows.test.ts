import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Conflict } from "../../../src/message/mapping.ts";
import type { MappedMessage, Row } from "../../../src/message/message.ts";
import { openDatabase } from "../../../src/postgres/connect.ts";
import { migrate } from "../../../src/postgres/migrate.ts";
import { settingsOf } from "../../support/postgres-database.ts";
import { emptyDatabase } from "../../support/postgres-file.ts";
import {
  cellsMessage,
  newestReading,
  openLoader,
  reading,
  readings,
} from "../../support/postgres-readings.ts";

const { testDatabase, database } = await emptyDatabase();
const { sql } = testDatabase;

async function open(conflict: Conflict = { action: "reject" }) {
  const mapping = readings(conflict);
  await migrate(database, conflict.action === "reject" ? mapping : newestReading, "reading");
  return (await openLoader(database, mapping)).loader;
}

/** A message with a row for each meter. */
function readingOf(number: number, ...meters: readonly string[]): MappedMessage {
  const { ref } = cellsMessage(number, []);
  return {
    ref,
    rows: meters.map((meter) => [meter, "2026-01-02T00:00:00Z", String(number)] as unknown as Row),
  };
}

const bad = (number: number): MappedMessage => {
  const message = readingOf(number, "a", "b");
  return { ...message, rows: [message.rows[0] as Row, ["b", null, "none"] as unknown as Row] };
};

async function stored(): Promise<string[]> {
  const rows = await sql`select meter || '=' || value as cell from reading order by value, meter`;
  return rows.map(({ cell }) => cell as string);
}

describe("a message with several rows", () => {
  test("is stored with all of them, beside messages with one and with none", async () => {
    const loader = await open();
    const batch = [readingOf(1, "a", "b", "c"), readingOf(2, "d"), readingOf(3)];
    expect(await loader.load(batch)).toEqual([
      { kind: "stored", rows: 3 },
      { kind: "stored", rows: 1 },
      { kind: "stored", rows: 0 },
    ]);
    expect(await stored()).toEqual(["a=1", "b=1", "c=1", "d=2"]);
  });

  test("is known as a whole when it comes again", async () => {
    const loader = await open();
    const batch = [readingOf(1, "a", "b"), readingOf(2), readingOf(3, "c")];
    await loader.load(batch.slice(0, 2));
    expect(await loader.load(batch)).toEqual([
      { kind: "duplicate" },
      { kind: "duplicate" },
      { kind: "stored", rows: 1 },
    ]);
    expect(await stored()).toEqual(["a=1", "b=1", "c=3"]);
  });

  test("is rejected as a whole for one bad row, and costs no other message", async () => {
    const loader = await open();
    expect(await loader.load([readingOf(1, "a", "b"), bad(2), readingOf(3, "c")])).toMatchObject([
      { kind: "stored", rows: 2 },
      { kind: "rejected", by: "table", rejection: { reason: "sqlstate_22P02" } },
      { kind: "stored", rows: 1 },
    ]);
    expect(await stored()).toEqual(["a=1", "b=1", "c=3"]);
  });

  test("keeps what its key lets in: the rest of its rows count as left out", async () => {
    const loader = await open({ action: "ignore", key: ["meter"] });
    await loader.load([readingOf(1, "a")]);
    const batch = [readingOf(2, "a", "b"), readingOf(3, "a"), readingOf(4, "b", "c", "c")];
    expect(await loader.load(batch)).toEqual([
      { kind: "stored", rows: 1 },
      { kind: "superseded" },
      { kind: "stored", rows: 1 },
    ]);
    expect(await stored()).toEqual(["a=1", "b=2", "c=4"]);
  });
});

describe("which messages a conflict leaves out is told of each", () => {
  test("of an update: the newest of a key goes in, wherever in the batch it stands", async () => {
    const loader = await open(newestReading.conflict);
    await loader.load([reading(1, "old", "2026-01-09T00:00:00Z")]);
    const batch = [
      reading(2, "a", "2026-01-03T00:00:00Z"),
      reading(3, "old", "2026-01-01T00:00:00Z"),
      reading(4, "a", "2026-01-01T00:00:00Z"),
      reading(5, "b", null),
    ];
    expect((await loader.load(batch)).map(({ kind }) => kind)).toEqual([
      ...(["stored", "superseded", "superseded", "stored"] as const),
    ]);
  });

  test("and with any messages, the rows told of are the rows in the table", async () => {
    const meter = fc.constantFrom("a", "b", "c", "d");
    const time = fc.option(fc.constantFrom("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"), { nil: null });
    const messages = fc.array(fc.array(fc.tuple(meter, time), { maxLength: 3 }), { maxLength: 12 });
    const conflicts = [{ action: "ignore", key: ["meter"] }, newestReading.conflict] as const;
    const loaders = [await open(conflicts[0]), await open(conflicts[1])];
    let number = 0;
    await fc.assert(
      fc.asyncProperty(messages, fc.nat(1), async (batch, which) => {
        await sql`truncate reading`;
        const rows = batch.map((some): MappedMessage => {
          number += 1;
          const { ref } = cellsMessage(number, []);
          return { ref, rows: some.map(([name, at]) => [name, at, String(number)] as unknown as Row) };
        });
        const first = number - rows.length + 1;
        const fates = (await loaders[which]?.load(rows)) ?? [];
        const found = await sql`select value, count(*)::int as count from reading group by value`;
        const counts = new Map(found.map(({ value, count }) => [value as number, count as number]));
        const told = fates.map((fate) => (fate.kind === "stored" ? fate.rows : 0));
        expect(told).toEqual(rows.map((_, index) => counts.get(first + index) ?? 0));
      }),
      { numRuns: 60 },
    );
  }, 20_000);
});

describe("a load is one transaction, whose counts are compared before its commit", () => {
  test("a row that a trigger swallows leaves nothing behind", async () => {
    const loader = await open();
    await sql.unsafe(`create function pick() returns trigger language plpgsql as $$
        begin if new.meter = 'b' then return null; end if; return new; end $$;
      create trigger pick before insert on reading for each row execute function pick()`);
    await expect(loader.load([readingOf(1, "a", "b")])).rejects.toMatchObject({ code: "rows_swallowed" });
    expect(await stored()).toEqual([]);
    expect((await sql`select from etl_ledger`).length).toBe(0);
    await sql`drop trigger pick on reading`;
    expect(await loader.load([readingOf(1, "a", "b")])).toEqual([{ kind: "stored", rows: 2 }]);
  });
});

test("as many loads run at a time as there are connections, and each message is stored once", async () => {
  await open();
  const several = openDatabase(settingsOf(testDatabase.url), undefined, 4);
  const { loader } = await openLoader(several, readings({ action: "reject" }));
  // The trigger lets go when four sessions have been inside it at the same time, and not before.
  await sql.unsafe(`create sequence met;
    create function meet() returns trigger language plpgsql as $$ begin
      perform pg_advisory_xact_lock_shared(42);
      for try in 1..500 loop
        if (select count(*) from pg_locks where locktype = 'advisory' and objid = 42 and granted) >= 4 then
          perform nextval('met');
        end if;
        exit when (select is_called from met);
        perform pg_sleep(0.01);
        if try = 500 then raise exception 'the loads did not meet'; end if;
      end loop;
      return null; end $$;
    create trigger meet after insert on reading for each statement execute function meet()`);
  const batch = (from: number) => Array.from({ length: 5 }, (_, index) => readingOf(from + index, "a"));
  const fates = await Promise.all([0, 5, 10, 15].map((from) => loader.load(batch(from))));
  expect(fates.flat()).toEqual(Array(20).fill({ kind: "stored", rows: 1 }));
  await sql`drop trigger meet on reading`;
  const again = await Promise.all([0, 0, 0, 0, 10, 10].map((from) => loader.load(batch(from))));
  expect(again.flat()).toEqual(Array(30).fill({ kind: "duplicate" }));
  several.close();
}, 20_000);
