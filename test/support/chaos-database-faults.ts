/** What can go wrong with the database: each fault is begun, and mended again. */

import type { ChaosWorld, Way } from "./chaos-world.ts";
import { writer } from "./chaos-world.ts";

/** Where a fault is done. */
export type Place = Pick<ChaosWorld, "postgres" | "database"> & { readonly way: Way };

/** Begins a fault, and gives what mends it. */
type DoFault = (place: Place) => Promise<() => Promise<void>>;

/** Every fault that a run has to outlast, by its name. */
export const databaseFaults = {
  "connections cut": async ({ way: { link } }) => repeated(() => link.cut()),
  "accepts and closes": async ({ way: { link } }) => {
    link.mode = "closing";
    link.cut();
    return async () => {
      link.mode = "open";
    };
  },
  "commits whose answer is lost": async ({ way: { link } }) => {
    link.commitsToLose = 3;
    return async () => {};
  },
  "backends terminated": async ({ database: { sql } }) => repeated(() => terminate(sql)),
  "a backend killed at its commit": async ({ database: { sql }, way: { link } }) => {
    let kills = 3;
    link.onCommit = () => {
      if (kills === 0) return;
      kills -= 1;
      void killBackends(sql);
    };
    return async () => {
      link.onCommit = () => {};
    };
  },
  restart: async ({ postgres }) => {
    const restarted = postgres.restart();
    return () => restarted;
  },
  "read only by its settings": async ({ database: { name, sql } }) => {
    await sql.unsafe(`alter database ${name} set default_transaction_read_only = on`);
    await terminate(sql);
    return async () => {
      await sql.unsafe(`set default_transaction_read_only = off`);
      await sql.unsafe(`alter database ${name} set default_transaction_read_only = off`);
      await terminate(sql);
    };
  },
  "read only as a standby": async ({ postgres, database: { sql } }) => {
    await postgres.restart("standby");
    return async () => {
      await retried(() => sql`select pg_promote()`);
    };
  },
  "out of connections": async ({ database: { sql } }) => {
    await sql.unsafe(`alter role ${writer} connection limit 0`);
    await terminate(sql);
    return async () => {
      await sql.unsafe(`alter role ${writer} connection limit -1`);
    };
  },
  "disk full": async ({ database: { sql } }) => {
    await sql.unsafe(`
      create or replace function fill_disk() returns trigger language plpgsql as $$
        begin raise exception 'no space left on device' using errcode = '53100'; end $$;
      create trigger disk_full before insert on user_logins for each statement execute function fill_disk()`);
    return async () => {
      await sql.unsafe("drop trigger disk_full on user_logins");
    };
  },
  deadlock: async (place) => {
    const mended = deadlock(place);
    return () => mended;
  },
} as const satisfies Readonly<Record<string, DoFault>>;

/** A fault's name. */
export type DatabaseFault = keyof typeof databaseFaults;

/** All names. */
export const databaseFaultNames = Object.keys(databaseFaults) as DatabaseFault[];

type Sql = Place["database"]["sql"];

async function terminate(sql: Sql): Promise<void> {
  await sql`select pg_terminate_backend(pid) from pg_stat_activity where usename = ${writer}`;
}

/** The server takes this for a crash: it ends all sessions, this client's too, and recovers. */
async function killBackends(sql: Sql): Promise<void> {
  const [found] = await sql`select pid from pg_stat_activity where usename = ${writer} and state <> 'idle'`;
  if (found !== undefined) process.kill(found.pid, "SIGKILL");
}

/** Does it every 20 ms until it is mended. */
function repeated(fault: () => unknown): () => Promise<void> {
  const timer = setInterval(() => void fault(), 20);
  return async () => clearInterval(timer);
}

/** Until the server takes connections again. */
async function retried(query: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await query();
      return;
    } catch {
      await Bun.sleep(20);
    }
  }
}

/**
 * Another session has the table, and asks for the ledger as soon as a load has the ledger and waits for the table. This
 * session looks for deadlocks so late that the load is the one to give way.
 */
async function deadlock({ database }: Place): Promise<void> {
  const other = await database.sql.reserve();
  try {
    await other.unsafe("begin; set local deadlock_timeout = '1min'; lock table user_logins in share mode");
    for (;;) {
      const [waiting] = await other`
        select 1 as one from pg_locks where relation = 'user_logins'::regclass and not granted`;
      if (waiting !== undefined) break;
      await Bun.sleep(5);
    }
    await other.unsafe("lock table etl_ledger in share mode; commit");
  } finally {
    other.release();
  }
}
