import { beforeEach, describe, expect, test } from "bun:test";
import postgres from "postgres";
import type { Mapping } from "../../../src/message/mapping.ts";
import { readTable } from "../../../src/postgres/catalog.ts";
import type { Database } from "../../../src/postgres/connect.ts";
import { describeServer, inspectLedger, inspectTable, listTables } from "../../../src/postgres/inspection.ts";
import { registerQueue } from "../../../src/postgres/ledger.ts";
import { createPostgresLoader } from "../../../src/postgres/loader.ts";
import { migrate } from "../../../src/postgres/migrate.ts";
import { recordRejections, recordRun } from "../../../src/postgres/records.ts";
import { reliedOn } from "../../../src/postgres/session-settings.ts";
import { listRejections, lookUpMessages, readStatus } from "../../../src/postgres/status.ts";
import { checkTable } from "../../../src/postgres/table-check.ts";
import { sharedServer, superuser } from "../../support/postgres.ts";
import { counting, failureOf, openUrl } from "../../support/postgres-database.ts";
import { emptyDatabase, withRole } from "../../support/postgres-file.ts";
import { cellsMessage, mappedField } from "../../support/postgres-readings.ts";
import { runRecord } from "../../support/postgres-records.ts";
import { startTransactionPooler } from "../../support/transaction-pooler.ts";

const { testDatabase } = await emptyDatabase();
const { sql } = testDatabase;

/** A name that is read in another way if a backslash in a text is an escape. */
const tableName = String.raw`"it's \"`;
const sqlName = `public.${tableName}`;

const mapping: Mapping = {
  columns: [
    mappedField("meter", "text"),
    mappedField("taken_at", "timestamptz", false),
    mappedField("day", "date", false),
    mappedField("value", "numeric", false),
    mappedField("note", "jsonb", false),
  ],
  conflict: { action: "update", key: ["meter"], newestBy: "taken_at" },
};

/** A backslash, a quote and the word null in a text; a number with all the digits that a float has; nulls. */
const batch = [
  [String.raw`a\'b`, "2026-02-01T03:04:05.678901Z", "2026-02-01", "0.1234567890123456", '{"a":[1.50]}'],
  ["null", null, null, null, null],
  ["c", "2026-01-02T23:59:59Z", "0001-02-03", "-123456789012345680", null],
].map((cells, number) => cellsMessage(number, cells));
const refused = cellsMessage(10, ["d", null, null, "many", null]);
const alone = cellsMessage(11, ["e", null, null, "1", null]);

/** For each setting that etl relies on, another value than the one that it relies on. */
const others: Readonly<Record<keyof typeof reliedOn, string>> = {
  array_nulls: "off",
  client_encoding: "latin1",
  exit_on_error: "on",
  extra_float_digits: "-15",
  quote_all_identifiers: "on",
  row_security: "off",
  session_replication_role: "replica",
  standard_conforming_strings: "off",
  synchronous_commit: "off",
};

beforeEach(async () => {
  const administrator = openUrl(testDatabase.url);
  await migrate(administrator, { ...mapping, conflict: { action: "reject" } }, tableName);
  administrator.close();
  const names = Object.keys(others).join();
  await sql.unsafe(`
    alter table ${sqlName} alter value type float8, alter meter set not null, add primary key (meter), add seen jsonb;
    alter table ${sqlName} enable row level security;
    create policy everyone on ${sqlName} using (true) with check (true);
    create function see() returns trigger language plpgsql set search_path = pg_catalog as $$ begin
      new.seen := (select jsonb_object_agg(name, current_setting(name)) from unnest('{${names}}'::text[]) as name);
      return new; end $$;
    create trigger see before insert on ${sqlName} for each row execute function see();
    drop schema if exists other cascade; create schema other;
    create domain other.text as pg_catalog.varchar(3);
    create function other.to_char(timestamp, pg_catalog.text) returns pg_catalog.text language sql return 'never'`);
});

const grants = (role: string) => `
  grant usage on schema public, other to ${role};
  grant select, insert, update, delete on all tables in schema public to ${role};`;

/** What a drain stores, and what every other command reads of it. */
async function storedAndRead(database: Database): Promise<unknown> {
  const table = await readTable(database, tableName);
  checkTable(table, mapping, "hmac");
  const arn = "arn:aws:sqs:eu-west-1:000000000000:readings";
  const retentionSeconds = 345_600;
  const register = () => registerQueue(database, table, { arn, retentionSeconds }, table);
  const queueId = await register();
  const { load } = counting(createPostgresLoader(database, { table, mapping, ledger: table, queueId }));
  const loads = [await load(batch), await load([refused, alone]), await load(batch)];
  const sentAtMillis = batch.map(({ ref }) => ref.sentAtMillis);
  const { runId } = runRecord({ runId: "0b0b0b0b-1111-4222-8333-444444444444" });
  await recordRun(
    database,
    table,
    { queueId, table: sqlName },
    runRecord({ runId, stored: { sentAtMillis, retentionSeconds } }),
  );
  const rejection = { reason: "sqlstate_22P02" as const, path: "", column: "value", ...refused.ref };
  await recordRejections(database, table, queueId, [rejection]);
  const of = { queue: arn, table: sqlName };
  const { signal } = new AbortController();
  const messages = [...batch, refused].map(({ ref }) => ref);
  const read = {
    loads,
    number: await register(),
    table,
    server: await describeServer(database, signal),
    tables: await listTables(database, signal),
    access: await inspectTable(database, table, mapping, signal),
    ledger: await inspectLedger(database, table, table, { arn, retentionSeconds }, signal),
    status: await readStatus(database, table, { ...of, runs: 3 }),
    rejections: await listRejections(database, table, { ...of, limit: 3 }),
    known: await lookUpMessages(database, table, of, messages),
    rows: [...(await sql.unsafe(`select * from ${sqlName} order by meter collate "C"`))],
  };
  // What is of this minute differs from run to run.
  const comparable = (_: string, value: unknown) =>
    typeof value === "string" && Math.abs(Date.now() - Date.parse(value)) < 60_000 ? "just now" : value;
  return JSON.parse(JSON.stringify(read), comparable);
}

/** The same of a role with these settings, on tables that are as empty as at first. */
async function withSettings(role: string, url: string, settings: Readonly<Record<string, string>>) {
  const truncated = `truncate ${sqlName}, etl_ledger, etl_queue, etl_run, etl_rejection restart identity`;
  const changes = Object.entries(settings).map(
    ([name, value]) => `alter role ${role} set ${name} = ${value}`,
  );
  await sql.unsafe([truncated, `alter role ${role} reset all`, ...changes].join("; "));
  const database = openUrl(url);
  try {
    return await storedAndRead(database);
  } finally {
    database.close();
  }
}

describe("whatever a role's settings are, the same rows are stored and the same is read", () => {
  test.each([
    ...Object.entries(others),
    ["search_path", "other, public, pg_catalog"],
    ["search_path", '"$user", public, "other" ,"pg_catalog", public'],
  ])("%s = %s", async (name, value) => {
    await withRole(testDatabase, grants, async ({ role, url }) => {
      if (name === "session_replication_role") await sql.unsafe(`alter role ${role} superuser`);
      const expected = await withSettings(role, url, {});
      expect(expected).toMatchObject({ loads: [{ inserted: 3 }, { inserted: 1 }, { duplicates: 3 }] });
      expect(await withSettings(role, url, { [name]: value })).toEqual(expected);
    });
  });

  test("every setting that etl does not rely on, changed at once", async () => {
    // Timeouts and read only transactions end a statement, and change none.
    const settings = await sql`
      select name, case vartype
        when 'bool' then case setting when 'on' then 'off' else 'on' end
        when 'enum' then coalesce((select value from unnest(enumvals) as value where value <> setting limit 1), setting)
        else min_val end as value
      from pg_settings
      where context in ('user', 'superuser') and vartype <> 'string' and name not in ${sql(Object.keys(reliedOn))}
        and name !~ '_timeout$|^transaction_|_read_only$'`;
    expect(settings.length).toBeGreaterThan(100);
    const changed = Object.fromEntries(settings.map(({ name, value }) => [name, `'${value}'`]));
    const texts = {
      DateStyle: "'SQL, DMY'",
      TimeZone: "'Asia/Kathmandu'",
      timezone_abbreviations: "'India'",
    };
    await withRole(testDatabase, grants, async ({ role, url }) => {
      const expected = await withSettings(role, url, {});
      expect(await withSettings(role, url, { ...changed, ...texts })).toEqual(expected);
    });
  });

  test("what another client of a pooler has left in the session", async () => {
    const { port, socketFolder } = await sharedServer();
    const pooler = await startTransactionPooler({
      ...{ socketPath: `${socketFolder}/.s.PGSQL.${port}`, database: testDatabase.name, sessions: 1 },
      user: superuser,
    });
    const url = Object.assign(new URL(testDatabase.url), { port: String(pooler.port) }).href;
    const expected = await withSettings(superuser, url, {});
    const other = postgres(url, { max: 1, prepare: false, fetch_types: false });
    const left = Object.entries({ ...others, search_path: "other, public, pg_catalog" });
    await other.unsafe(left.map(([name, value]) => `set ${name} = ${value}`).join("; "));
    await other.end();
    expect(await withSettings(superuser, url, {})).toEqual(expected);
    await pooler.stop();
  });
});

test("a user for whom triggers and foreign keys are off, and who may not turn them on, is refused, and the hint mends it", async () => {
  await withRole(testDatabase, grants, async ({ role, url }) => {
    await sql.unsafe(`alter role ${role} set session_replication_role = replica`);
    const refusing = openUrl(url);
    const failure = await failureOf(storedAndRead(refusing));
    refusing.close();
    expect(failure).toMatchObject({ kind: "config", retryable: false, code: "42501" });
    expect(failure.message).toContain("triggers and foreign keys are off");
    await sql.unsafe(failure.hint ?? "");
    const mended = openUrl(url);
    expect(await storedAndRead(mended)).toMatchObject({ loads: [{ inserted: 3 }, {}, {}] });
    mended.close();
  });
});
