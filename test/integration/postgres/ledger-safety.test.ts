import { describe, expect, test } from "bun:test";
import { readTable } from "../../../src/postgres/catalog.ts";
import { requireIntactLedger } from "../../../src/postgres/ledger-inspection.ts";
import { failureOf, openLoginLoader } from "../../support/postgres-database.ts";
import { migratedDatabase } from "../../support/postgres-file.ts";
import { loginMessages } from "../../support/postgres-messages.ts";

const { testDatabase, database } = await migratedDatabase();
const { sql } = testDatabase;

const check = async () => requireIntactLedger(database, await readTable(database, "user_logins"));

describe("a ledger that swallows entries", () => {
  const swallow = (condition: string) =>
    sql.unsafe(`create function swallow() returns trigger language plpgsql as $$
        begin if ${condition} then return null; end if; return new; end $$;
      create trigger swallow before insert on etl_ledger for each row execute function swallow()`);

  test.each([
    ["every one", "true"],
    ["one of many", "new.message_id::text like '%3'"],
  ])("%s ends the load: no message may be taken for stored whose row is not there", async (_, condition) => {
    await swallow(condition);
    const loader = await openLoginLoader(database);
    expect(await failureOf(loader.load(loginMessages(10)))).toMatchObject({
      kind: "config",
      message: expect.stringContaining("swallows entries"),
    });
    const [rows] = await sql`select count(*)::int as count from user_logins`;
    expect(rows?.count).toBe(0);
  });

  test("is none where the entries are there already", async () => {
    const loader = await openLoginLoader(database);
    await loader.load(loginMessages(10));
    await swallow("true");
    expect(await loader.load(loginMessages(10))).toMatchObject({ inserted: 0, duplicates: 10 });
  });
});

describe("before the first receive", () => {
  test("the ledger that a migration makes is good", async () => {
    await check();
  });

  test("one without its key is refused, and the hint mends it", async () => {
    await sql`alter table etl_ledger drop constraint etl_ledger_pkey`;
    const failure = await failureOf(check());
    expect(failure).toMatchObject({ kind: "config", message: expect.stringContaining("has not its key") });
    await sql.unsafe(failure.hint ?? "");
    await check();
  });

  test("one that a crash would empty is refused, and the hint mends it", async () => {
    await sql`alter table etl_ledger set unlogged`;
    const failure = await failureOf(check());
    expect(failure).toMatchObject({ kind: "config", message: expect.stringContaining("is unlogged") });
    await sql.unsafe(failure.hint ?? "");
    await check();
  });
});
