/** What can go wrong with the database: each fault is begun, and mended again. */

import type { Sql } from "postgres";
import type { Admin } from "./chaos-admin.ts";
import type { ChaosWorld, Way } from "./chaos-world.ts";
import { writer } from "./chaos-world.ts";

/** Where a fault is done. */
export type Place = Pick<ChaosWorld, "postgres" | "admin" | "databaseName"> & { readonly way: Way };

/** Begins a fault, and gives what mends it. */
type DoFault = (place: Place) => Promise<() => Promise<void>>;

const longestDeadlockMillis = 10_000;

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
  "backends terminated": async ({ admin }) => repeated(() => terminate(admin)),
  "a backend killed at its commit": async ({ admin, way: { link } }) => {
    const kills: Promise<void>[] = [];
    link.onCommit = () => {
      if (kills.length >= 3) return;
      const kill = killBackend(admin);
      kill.catch(() => {}); // it is awaited when the fault is mended
      kills.push(kill);
    };
    return async () => {
      link.onCommit = () => {};
      await Promise.all(kills);
    };
  },
  restart: async ({ postgres }) => {
    const restarted = postgres.restart();
    return () => restarted;
  },
  "read only by its settings": async ({ admin, databaseName }) => {
    await admin.query(`alter database ${databaseName} set default_transaction_read_only = on`);
    await terminate(admin);
    return async () => {
      await admin.query(
        `begin read write; alter database ${databaseName} reset default_transaction_read_only; commit`,
      );
      await terminate(admin);
    };
  },
  "read only as a standby": async ({ postgres, admin }) => {
    await postgres.restart("standby");
    return async () => {
      // Asked again if its answer is lost, it would fail.
      await admin.query("select case when pg_is_in_recovery() then pg_promote() end");
    };
  },
  "out of connections": async ({ admin }) => {
    await admin.query(`alter role ${writer} connection limit 0`);
    await terminate(admin);
    return async () => {
      await admin.query(`alter role ${writer} connection limit -1`);
    };
  },
  "disk full": async ({ admin }) => {
    await admin.query(`
      create or replace function fill_disk() returns trigger language plpgsql as $$
        begin raise exception 'no space left on device' using errcode = '53100'; end $$;
      create trigger disk_full before insert on user_logins for each statement execute function fill_disk()`);
    return async () => {
      await admin.query("drop trigger disk_full on user_logins");
    };
  },
  deadlock: async ({ admin }) => {
    const other = admin.session();
    // Where the server is just recovering from a crash, this session is lost, and there is no deadlock.
    const over = Promise.race([deadlock(other).catch(() => {}), Bun.sleep(longestDeadlockMillis)]);
    return async () => {
      await over;
      await other.end({ timeout: 0 }).catch(() => {});
    };
  },
} as const satisfies Readonly<Record<string, DoFault>>;

/** What the server says to `etl` while the fault lasts, where it says anything. */
export const refusals: Partial<Record<DatabaseFault, string>> = {
  "backends terminated": "57P01",
  "read only by its settings": "25006",
  "read only as a standby": "25006",
  "out of connections": "53300",
  "disk full": "53100",
  deadlock: "40P01",
};

/** A fault's name. */
export type DatabaseFault = keyof typeof databaseFaults;

/** All names. */
export const databaseFaultNames = Object.keys(databaseFaults) as DatabaseFault[];

async function terminate(admin: Admin): Promise<void> {
  await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where usename = '${writer}'`);
}

/** The server takes this for a crash: it ends all sessions and recovers. */
async function killBackend(admin: Admin): Promise<void> {
  const [found] = await admin.query(`
    select pid from pg_stat_activity where usename = '${writer}' order by query_start desc limit 1`);
  if (found === undefined) return;
  try {
    process.kill(found.pid as number, "SIGKILL");
  } catch (error) {
    // It has ended by itself since it was asked for: another backend is killed at the next commit.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Does it every 20 ms until it is mended. */
function repeated(fault: () => unknown): () => Promise<void> {
  const timer = setInterval(() => void fault(), 20);
  return async () => clearInterval(timer);
}

/**
 * Another session has the table, and asks for the ledger as soon as a load has the ledger and waits for the table. This
 * session looks for deadlocks so late that the load is the one to give way.
 */
async function deadlock(other: Sql): Promise<void> {
  await other.unsafe("begin; set local deadlock_timeout = '1min'; lock table user_logins in share mode");
  for (;;) {
    const [waiting] = await other`
      select 1 as one from pg_locks where relation = 'user_logins'::regclass and not granted`;
    if (waiting !== undefined) break;
    await Bun.sleep(5);
  }
  await other.unsafe("lock table etl_ledger in share mode; commit");
}
