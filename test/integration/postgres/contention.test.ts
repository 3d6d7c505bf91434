import { describe, expect, test } from "bun:test";
import type { Conflict } from "../../../src/message/mapping.ts";
import { migrate } from "../../../src/postgres/migrate.ts";
import { createChance } from "../../support/chaos-chance.ts";
import { openUrl } from "../../support/postgres-database.ts";
import { emptyDatabase } from "../../support/postgres-file.ts";
import { newestReading, openLoader, reading, readings } from "../../support/postgres-readings.ts";

const { testDatabase, database } = await emptyDatabase();
const { sql } = testDatabase;

const batchSize = 200;
const metersPerRound = 120;
const start = Date.UTC(2026, 0, 1);

/**
 * Two loaders load at once, round after round: the same keys in two orders, every round new ones. In every fourth round, both
 * have been handed the same messages, and wait for each other's ledger entries before they come to the keys.
 */
async function contend(conflict: Conflict, badRows: boolean) {
  await migrate(database, newestReading, "reading");
  const mapping = readings(conflict);
  const chance = createChance(4711);
  const pair = [openUrl(testDatabase.url), openUrl(testDatabase.url)];
  const loaders = await Promise.all(pair.map((each) => openLoader(each, mapping)));
  const message = (round: number, number: number) => {
    const takenAt = new Date(start + ((number * 7919) % 100_003) * 1000).toISOString();
    const bad = badRows && number % 150 === 7;
    return reading(
      number,
      `meter-${round}-${(number * 31) % metersPerRound}`,
      takenAt,
      bad ? "none" : String(number),
    );
  };
  const shuffled = <T>(items: readonly T[]) =>
    items
      .map((item) => [chance.next(), item] as const)
      .toSorted(([a], [b]) => a - b)
      .map(([, item]) => item);
  const rounds = badRows ? 10 : 60;
  const newest = new Map<string, string>();
  const sums = { inserted: 0, duplicates: 0, rejections: 0 };
  for (let round = 0; round < rounds; round += 1) {
    const side = (number: number) =>
      Array.from({ length: batchSize }, (_, index) =>
        message(round, (round * 2 + number) * batchSize + index),
      );
    const batches = [side(0), side(round % 4 === 3 ? 0 : 1)];
    for (const {
      rows: [row],
    } of batches.flat()) {
      const [meter = "", takenAt = "", value] = row as unknown as readonly string[];
      if (value !== "none" && takenAt > (newest.get(meter) ?? "")) newest.set(meter, takenAt);
    }
    const results = await Promise.all(
      loaders.map((loader, number) => loader.load(shuffled(batches[number] ?? []))),
    );
    for (const { inserted, duplicates, rejections } of results) {
      sums.inserted += inserted;
      sums.duplicates += duplicates;
      sums.rejections += rejections.length;
    }
  }
  for (const each of pair) each.close();
  const rows = await sql`
    select meter, to_char(taken_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as taken_at from reading`;
  const stored = new Map(rows.map(({ meter, taken_at }) => [meter as string, taken_at as string]));
  return { sums, stored, newest, messages: rounds * batchSize * 2 };
}

describe("two processes with the same keys do not deadlock, and no message is counted twice", () => {
  for (const badRows of [false, true]) {
    const what = badRows ? "bad rows among them" : "good rows alone";
    test(`update, ${what}`, async () => {
      const conflict = { action: "update", key: ["meter"], newestBy: "taken_at" } as const;
      const { sums, stored, newest, messages } = await contend(conflict, badRows);
      expect(sums.inserted + sums.duplicates + sums.rejections).toBe(messages);
      expect(sums.rejections > 0).toBe(badRows);
      expect(stored).toEqual(newest);
    });
    test(`ignore, ${what}`, async () => {
      const { sums, stored, newest, messages } = await contend({ action: "ignore" }, badRows);
      expect(sums.inserted).toBe(newest.size);
      expect(sums.inserted + sums.duplicates + sums.rejections).toBe(messages);
      expect(stored.size).toBe(newest.size);
    });
  }
  test("reject, some keys of each batch in the other", async () => {
    await migrate(database, newestReading, "reading");
    const pair = [openUrl(testDatabase.url), openUrl(testDatabase.url)];
    const loaders = await Promise.all(pair.map((each) => openLoader(each, readings({ action: "reject" }))));
    for (let round = 0; round < 10; round += 1) {
      /** One bad row sends the batch into halves, which come to the keys of both in two directions. */
      const side = (first: number, step: 1 | -1) =>
        Array.from({ length: 60 }, (_, index) => {
          const meter = `meter-${round}-${first + step * index}`;
          return reading(round * 200 + first + index, meter, null, index === 50 ? "none" : "1");
        });
      const results = await Promise.all([loaders[0]?.load(side(0, 1)), loaders[1]?.load(side(99, -1))]);
      expect(results.map((result) => result?.inserted).toSorted()).toEqual([41, 59]);
    }
    for (const each of pair) each.close();
  });
});
