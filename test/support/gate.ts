/** Holds every insert into a table until the test lets it pass: a load in flight, for as long as it is needed. */

import type { Running } from "./binary.ts";
import type { TestDatabase } from "./postgres.ts";

/** The advisory lock that the inserts wait for. */
const lock = 20_261_122;

/** A closed gate. */
export interface Gate {
  /** Resolves when an insert of this run waits before it. */
  reached(by: Pick<Running, "finished">): Promise<void>;
  /** Lets all pass, from now on. */
  open(): Promise<void>;
}

/** Closes a gate before `user_logins`. */
export async function closeGate({ sql }: Pick<TestDatabase, "sql">): Promise<Gate> {
  await sql.unsafe(`
    create or replace function wait_at_gate() returns trigger language plpgsql as $$
      begin perform pg_advisory_xact_lock_shared(${lock}); return new; end $$;
    create or replace trigger gate before insert on user_logins for each row execute function wait_at_gate();
    select pg_advisory_unlock_all();
    select pg_advisory_lock(${lock})`);
  return {
    async reached(by) {
      const waiting = async () => {
        const [found] = await sql`
          select count(*)::int as count from pg_locks
          where locktype = 'advisory' and objid = ${lock} and not granted
            and database = (select oid from pg_database where datname = current_database())`;
        return found?.count > 0;
      };
      let ended = false;
      void by.finished.finally(() => {
        ended = true;
      });
      while (!(await waiting())) {
        if (ended) throw new Error(`etl ended before its first insert\n${(await by.finished).stderr}`);
        await Bun.sleep(5);
      }
    },
    async open() {
      await sql`select pg_advisory_unlock(${lock})`;
    },
  };
}
