/** The part of the load that a conflict decides: which rows go in, in which order, and what becomes of the others. */

import type { Mapping } from "../message/mapping.ts";
import type { TableDescription } from "./catalog.ts";
import { cellName } from "./cell.ts";
import type { ConflictPlan } from "./conflict.ts";
import { quoteName } from "./identifier.ts";

/** SQL to build the load from. It reads `candidate`: the typed cells of messages that are new to the ledger, and `place`. */
export interface ConflictSql {
  /** The common table expressions up to `loaded`, which has a row for each that the table took. */
  readonly loaded: string;
  /** How to tell rows that a trigger swallowed from rows that were rightly left out; absent where the counts say it, or nothing can. */
  readonly doubt?: {
    /** The places among which there may be swallowed rows, from 0, as JSON; null where there are none. */
    readonly places: string;
    /** Whether a candidate is neither in the table nor rightly left out. */
    readonly swallowed: string;
  };
}

/** Writes the SQL of a plan. */
export function conflictSql(
  table: TableDescription,
  { columns }: Pick<Mapping, "columns">,
  plan: ConflictPlan,
): ConflictSql {
  const cellOf = (name: string) => cellName(columns.findIndex(({ column }) => column === name));
  const list = (names: readonly string[]) => names.map(quoteName).join(", ");
  const names = columns.map(({ column }) => column);
  const into = `${table.sqlName} as stored (${list(names)})`;
  const cells = names.map(cellOf).join(", ");
  const sameRow = (key: readonly string[]) =>
    key.map((name) => `stored.${quoteName(name)} = candidate.${cellOf(name)}`).join(" and ");
  switch (plan.action) {
    case "reject":
      return {
        loaded: `loaded as (
  insert into ${into} select ${cells} from candidate order by place returning 1
)`,
      };
    case "ignore": {
      const { key, order } = plan;
      const loaded = `loaded as (
  insert into ${into}
  select ${cells} from candidate
  order by ${[...order.map(cellOf), "place"].join(", ")}
  on conflict ${key === undefined ? "" : `(${list(key)})`} do nothing
  returning 1
)`;
      if (key === undefined) return { loaded };
      const there = `select from ${table.sqlName} as stored where ${sameRow(key)}`;
      const swallowed = `exists (select from candidate where not exists (${there}))`;
      return { loaded, doubt: { places: placesSql(table, "candidate"), swallowed } };
    }
    case "update": {
      const { key, newestBy } = plan;
      const [newest, cell, keyCells] = [quoteName(newestBy), cellOf(newestBy), key.map(cellOf).join(", ")];
      const others = names.filter((name) => !key.includes(name));
      const changes = (others.length > 0 ? others : [newestBy]).map(quoteName);
      return {
        // A null loses to every time, so the first of several stays, as it does where they come one by one.
        loaded: `newest as (
  select distinct on (${keyCells}) *
  from candidate
  order by ${keyCells}, ${cell} desc nulls last, case when ${cell} is null then -place else place end desc
), loaded as (
  insert into ${into}
  select ${cells} from newest
  order by ${keyCells}
  on conflict (${list(key)}) do update
  set ${changes.map((name) => `${name} = excluded.${name}`).join(", ")}
  where excluded.${newest} >= stored.${newest} or (excluded.${newest} is not null and stored.${newest} is null)
  returning 1
)`,
        doubt: {
          places: placesSql(table, "newest"),
          swallowed: `exists (
  select from candidate
  left join ${table.sqlName} as stored on ${sameRow(key)}
  where stored.${quoteName(key[0] as string)} is null
  or candidate.${cell} > stored.${newest} or (candidate.${cell} is not null and stored.${newest} is null)
)`,
        },
      };
    }
  }
}

/**
 * Only a trigger for each row before its change can swallow one, of the table or of a partition. It is looked for where
 * the counts differ and at no other time; bits of its type are 1 for each row, 2 for before.
 *
 * @see https://www.postgresql.org/docs/current/catalog-pg-trigger.html
 */
function placesSql({ sqlName }: TableDescription, tried: "candidate" | "newest"): string {
  const table = `${sqlLiteral(sqlName)}::regclass`;
  return `case when (select count(*) from loaded) < (select count(*) from ${tried}) and exists (
    select from pg_catalog.pg_trigger
    where tgtype & 3 = 3 and not tgisinternal
    and (tgrelid = ${table} or tgrelid in (select relid from pg_catalog.pg_partition_tree(${table})))
  ) then (select json_agg(place - 1)::text from ${tried}) end`;
}

/** Writes a text into SQL, where no parameter can stand. */
export function sqlLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
