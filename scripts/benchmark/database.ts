/** The bench's Postgres: a real one, as durable as it comes, with the tables that the contenders load into. */

import postgres from "postgres";
import { userLogins } from "../../src/message/mapping.ts";
import { migrationSql } from "../../src/postgres/migrate.ts";
import {
  createDatabase,
  type PostgresServer,
  startServer,
  type TestDatabase,
} from "../../test/support/postgres.ts";

/** Postgres's own defaults where the tests' server has others, and the one setting that the audit needs. */
const settings = {
  fsync: "on",
  full_page_writes: "on",
  shared_buffers: "128MB",
  // Tells when each row was committed.
  track_commit_timestamp: "on",
};

/** Ledger entries and rows of the database that has been in use for a day. */
const filledEntries = 10_000_000;

/** In the place where a row's user has the number of its run: no run gets so far. */
const noRun = "ffff";

/** One database with the tables. */
export interface BenchDatabase extends TestDatabase {
  /** Makes it as it was at the beginning, or as near to it as can be, with nothing left to be written to disk. */
  reset(): Promise<void>;
}

/** A server of the bench's own. */
export interface BenchServer {
  /** Tables that every run finds empty. */
  openEmpty(): Promise<BenchDatabase>;
  /** Tables with ten million rows and ledger entries, to which every run adds; takes minutes. */
  openFilled(): Promise<BenchDatabase>;
  /** Its process. */
  readonly pid: number;
  readonly version: string;
  stop(): Promise<void>;
}

/** Starts Postgres on a port of 127.0.0.1 that is free; it ends with this process at the latest. */
export async function startBenchServer(): Promise<BenchServer> {
  const server = await startServer({ settings });
  const open = async () => {
    const database = await createDatabase(server);
    await database.sql.unsafe(migrationSql(userLogins, "user_logins"));
    return database;
  };
  return {
    async openEmpty() {
      const database = await open();
      const reset = async () => {
        await database.sql.unsafe("truncate user_logins, etl_ledger, etl_run");
        await database.sql.unsafe("checkpoint");
      };
      return { ...database, reset };
    },
    async openFilled() {
      const database = await open();
      await fill(database, filledEntries);
      const reset = async () => {
        await database.sql.unsafe("checkpoint");
      };
      return { ...database, reset };
    },
    pid: server.pid(),
    version: await versionOf(server),
    stop: () => server.stop(),
  };
}

async function versionOf(server: PostgresServer): Promise<string> {
  const sql = postgres(server.url(), { max: 1 });
  const [row] = await sql<{ server_version: string }[]>`show server_version`;
  await sql.end();
  return row?.server_version ?? "";
}

/** A day's messages, the last an hour ago; the ledger's key is made after its entries, which is faster. */
async function fill({ sql }: TestDatabase, entries: number): Promise<void> {
  await sql.unsafe(`
    insert into etl_queue (arn, table_name)
      values ('arn:aws:sqs:us-east-1:000000000000:login-queue', 'public.user_logins');
    alter table etl_ledger drop constraint etl_ledger_pkey;
    insert into etl_ledger (sent_at, message_id, queue_id)
      select now() - interval '25 hours' + n * interval '1 day' / ${entries}, gen_random_uuid(), 1
      from generate_series(1, ${entries}) n;
    alter table etl_ledger add primary key (sent_at, message_id, queue_id);
    insert into user_logins (user_id, device_type, masked_ip, masked_device_id, locale, app_version, create_date)
      select overlay(gen_random_uuid()::text placing '${noRun}' from 10), 'android', 'hmac:00000000:' || repeat('a', 64),
        'hmac:00000000:' || repeat('b', 64), 'DE', 131840, current_date - 1
      from generate_series(1, ${entries}) n;
  `);
  await sql.unsafe("vacuum analyze");
}
