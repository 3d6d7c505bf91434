import { afterAll, beforeAll, expect, test } from "bun:test";
import fc from "fast-check";
import { compileMapping, type MapperParts } from "../../src/message/mapper.ts";
import { userLogins } from "../../src/message/mapping.ts";
import { createMasker } from "../../src/message/mask.ts";
import type { ColumnLimits, MappedMessage } from "../../src/message/message.ts";
import { isRefusal } from "../../src/message/message.ts";
import { columnLimits, readTable } from "../../src/postgres/catalog.ts";
import type { Database } from "../../src/postgres/connect.ts";
import { migrate } from "../../src/postgres/migrate.ts";
import { printFigures } from "../support/chaos-audit.ts";
import { hostileBody } from "../support/chaos-bodies.ts";
import { chaosSeed, createChance } from "../support/chaos-chance.ts";
import { createDatabase, type TestDatabase } from "../support/postgres.ts";
import { openLoginLoader, openUrl } from "../support/postgres-database.ts";
import { loginEvent } from "../support/world.ts";

const seed = chaosSeed();
const masker = createMasker({ defaultMethod: "hmac", key: new Uint8Array(32).fill(7) });

const partsWith = (limits: ColumnLimits): MapperParts => ({
  masker,
  limits,
  body: { envelope: "none", encoding: "none" },
  now: () => 0,
});
let testDatabase: TestDatabase;
let database: Database;
beforeAll(async () => {
  testDatabase = await createDatabase();
  database = openUrl(testDatabase.url);
  await migrate(database, userLogins, "user_logins");
}, 30_000);
afterAll(async () => {
  database.close();
  await testDatabase.drop();
});

function messageOf(number: number, body: string) {
  return {
    messageId: `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`,
    receiptHandle: `handle-${number}`,
    sentAtMillis: Date.UTC(2026, 0, 2) + number,
    receiveCount: 1,
    body,
    bodyIntact: true,
  };
}

test("12,000 hostile bodies: each is a row or a reason, and nothing is thrown", () => {
  const map = compileMapping(userLogins, partsWith(new Map()));
  const outcomes = { rows: 0, reasons: 0 };
  fc.assert(
    fc.property(hostileBody, (body) => {
      const outcome = map(messageOf(1, body));
      if (!isRefusal(outcome)) {
        outcomes.rows += 1;
        expect(outcome.rows[0]).toHaveLength(userLogins.columns.length);
        return;
      }
      outcomes.reasons += 1;
      expect(outcome.messageId).toBe(messageOf(1, body).messageId);
      expect(outcome.reason).toMatch(/^[a-z0-9_]+$/);
    }),
    { numRuns: 12_000, seed },
  );
  printFigures("hostile bodies, mapped", outcomes);
  expect(outcomes.rows).toBeGreaterThan(500);
  expect(outcomes.reasons).toBeGreaterThan(500);
}, 60_000);

test("3,000 hostile bodies into a table that refuses much, each beside a good neighbour: every neighbour is loaded", async () => {
  // Stricter than the mapping knows: what it lets through, the table refuses for its data, row by row.
  await testDatabase.sql.unsafe(`
    alter table user_logins
      alter column locale type char(2),
      add constraint known_device check (device_type ~ '^[a-z]*$'),
      add constraint one_of_each unique (user_id, create_date)`);
  const table = await readTable(database, "user_logins");
  // Without limits, so that lengths, too, are for Postgres to refuse.
  const mappers = [
    compileMapping(userLogins, partsWith(columnLimits(table))),
    compileMapping(userLogins, partsWith(new Map())),
  ];
  const loader = await openLoginLoader(database);
  const chance = createChance(seed);
  const bodies = fc.sample(hostileBody, { numRuns: 3_000, seed });
  const counts = { rows: 0, "refused by the mapping": 0, "refused by Postgres": 0, neighbours: 0 };
  for (let start = 0; start < bodies.length; ) {
    const size = chance.between(1, 120);
    const batch: MappedMessage[] = [];
    for (const [offset, body] of bodies.slice(start, start + size).entries()) {
      const number = 2 * (start + offset);
      const hostile = chance.pick(mappers)(messageOf(number, body));
      if (isRefusal(hostile)) counts["refused by the mapping"] += 1;
      else batch.push(hostile);
      const neighbour = mappers[0]?.(messageOf(number + 1, loginEvent({ user_id: `neighbour-${number}` })));
      if (neighbour === undefined || isRefusal(neighbour)) throw new Error("a good neighbour is refused");
      batch.push(neighbour);
      counts.neighbours += 1;
    }
    start += size;
    const { inserted, duplicates, rejections } = await loader.load(batch);
    expect(duplicates).toBe(0);
    expect(inserted + rejections.length).toBe(batch.length);
    counts.rows += inserted;
    counts["refused by Postgres"] += rejections.length;
  }
  const [found] = await testDatabase.sql`
    select count(*)::int as rows, count(*) filter (where user_id like 'neighbour-%')::int as neighbours
    from user_logins`;
  printFigures("hostile bodies, loaded", counts);
  expect(found).toEqual({ rows: counts.rows, neighbours: bodies.length });
  expect(counts["refused by Postgres"]).toBeGreaterThan(100);
  expect(counts.rows - counts.neighbours).toBeGreaterThan(20);
}, 60_000);
