/** Rows that no partition takes: which partition is missing, and whether everything that comes would miss it. */

import postgres from "postgres";
import { EtlError } from "../errors.ts";
import type { Mapping } from "../message/mapping.ts";
import type { MappedMessage } from "../message/message.ts";
import type { Postponed } from "../processing/outcome.ts";
import { objectSql, readObjects } from "./catalog.ts";
import type { Database } from "./connect.ts";
import { raises } from "./errors.ts";
import { maxNameBytes, quoteName, quoteTable, type TableName } from "./identifier.ts";

/** How a table that is partitioned keeps its rows apart. */
interface PartitionScheme {
  readonly strategy: "range" | "list" | "hash";
  /** Its key: columns by name; an expression has none and is left out. */
  readonly columns: readonly string[];
  readonly partitions: number;
  /** By a hash: which remainders its partitions take. */
  readonly hashes: readonly { readonly modulus: number; readonly remainder: number }[];
  /** Only if the key is a range of one column that is a time; none of its partitions is then the default one. */
  readonly times?: {
    readonly column: string;
    readonly type: "date" | "timestamp" | "timestamptz";
    /** Seconds since 1970 UTC, the end excluded; a limit that is absent is none. */
    readonly ranges: readonly { readonly from?: number | string; readonly to?: number | string }[];
    /** By the server's clock, in seconds since 1970 UTC. */
    readonly now: number;
  };
}

/**
 * Reads how a table is partitioned.
 *
 * @returns undefined if it is not
 * @throws EtlError if the database does not answer
 */
async function readPartitionScheme(
  database: Database,
  { schema = "public", name }: TableName,
  signal?: AbortSignal,
): Promise<PartitionScheme | undefined> {
  const options = { operation: "read partitions", signal };
  const [scheme] = await readObjects<PartitionScheme>(database, options, [schemeSql, schema, name]);
  return scheme;
}

/** A bound is written by the session that reads it back, so that its time zone and date style do not matter. */
const boundSql = (word: "from" | "to") => `(
          select pg_catalog.date_part('epoch', case key.type
            when 'timestamptz' then limits.text::timestamptz
            else limits.text::timestamp at time zone 'UTC'
          end)
          from (
            select (pg_catalog.regexp_match(
              pg_catalog.pg_get_expr(part.relpartbound, part.oid), '${word.toUpperCase()} \\(''([^'']+)''\\)'
            ))[1] as text
          ) as limits
        )`;

const schemeSql = `
  select ${objectSql({
    strategy: "case p.partstrat when 'r' then 'range' when 'l' then 'list' else 'hash' end",
    columns: `(
      select coalesce(pg_catalog.json_agg(a.attname order by k.place), '[]')
      from pg_catalog.unnest(p.partattrs::int2[]) with ordinality as k (attnum, place)
      join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum
    )`,
    partitions: "(select count(*) from pg_catalog.pg_inherits i where i.inhparent = c.oid)",
    hashes: `(
      select coalesce(pg_catalog.json_agg(${objectSql({ modulus: "h.m[1]::integer", remainder: "h.m[2]::integer" })}), '[]')
      from pg_catalog.pg_inherits i
      join pg_catalog.pg_class part on part.oid = i.inhrelid
      cross join pg_catalog.regexp_matches(
        pg_catalog.pg_get_expr(part.relpartbound, part.oid), 'modulus (\\d+), remainder (\\d+)'
      ) as h (m)
      where i.inhparent = c.oid
    )`,
    times: `(
      select ${objectSql({
        column: "key.name",
        type: "key.type",
        ranges: `(
        select coalesce(pg_catalog.json_agg(${objectSql({ from: boundSql("from"), to: boundSql("to") })}), '[]')
        from pg_catalog.pg_inherits i join pg_catalog.pg_class part on part.oid = i.inhrelid
        where i.inhparent = c.oid
      )`,
        now: "pg_catalog.date_part('epoch', pg_catalog.now())",
      })}
      from (
        select a.attname as name, t.typname as type
        from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid
        where a.attrelid = c.oid and a.attnum = p.partattrs[0]
      ) as key
      where p.partstrat = 'r' and p.partnatts = 1 and p.partdefid = 0
        and key.type in ('date', 'timestamp', 'timestamptz')
    )`,
  })}
  from pg_catalog.pg_partitioned_table p
  join pg_catalog.pg_class c on c.oid = p.partrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $1::text and c.relname = $2::text`;

type Times = NonNullable<PartitionScheme["times"]>;

const inRange = ({ from, to }: Times["ranges"][number], seconds: number) =>
  Number(from ?? Number.NEGATIVE_INFINITY) <= seconds && seconds < Number(to ?? Number.POSITIVE_INFINITY);

/** Whether a partition takes rows of this time, in seconds since 1970 UTC. */
function takesTime({ ranges }: Times, seconds: number): boolean {
  return ranges.some((range) => inRange(range, seconds));
}

const secondsPerDay = 86_400;
const secondsPerHour = 3_600;

/** A calendar span in UTC: when that of a time begins, when the next one does, both in seconds since 1970, and its name. */
interface Span {
  start(seconds: number): number;
  end(seconds: number): number;
  name(seconds: number): string;
}

const day: Span = {
  start: (seconds) => Math.floor(seconds / secondsPerDay) * secondsPerDay,
  end: (seconds) => day.start(seconds) + secondsPerDay,
  name: dayOf,
};

/** What is said of a time that a sender gave: the day can be personal, such as a date of birth. */
const month: Span = {
  start: (seconds) => monthAfter(seconds, 0),
  end: (seconds) => monthAfter(seconds, 1),
  name: (seconds) => dayOf(seconds).slice(0, "YYYY-MM".length),
};

function monthAfter(seconds: number, months: number): number {
  const date = new Date(seconds * 1000);
  // Not `Date.UTC`, which takes the year 50 for 1950.
  return new Date(0).setUTCFullYear(date.getUTCFullYear(), date.getUTCMonth() + months, 1) / 1000;
}

/** The statements that make partitions for these times, a span at the least each, in the gaps between those that are there. */
function partitionsFor(table: TableName, times: Times, missing: readonly number[], span: Span): string {
  const gaps = new Map<string, { first: number; last: number; floor: number; ceiling: number }>();
  for (const seconds of missing) {
    if (takesTime(times, seconds)) continue;
    const floor = Math.max(...times.ranges.map(({ to }) => Number(to)).filter((to) => to <= seconds));
    const ceiling = Math.min(
      ...times.ranges.map(({ from }) => Number(from)).filter((from) => from > seconds),
    );
    const gap = gaps.get(`${floor}`) ?? { first: seconds, last: seconds, floor, ceiling };
    gaps.set(`${floor}`, {
      ...gap,
      first: Math.min(gap.first, seconds),
      last: Math.max(gap.last, seconds),
    });
  }
  return [...gaps.values()]
    .map(({ first, last, floor, ceiling }) => {
      const from = Math.max(span.start(first), floor);
      const to = Math.min(span.end(last), ceiling);
      const name = `_${dayOf(from).replaceAll("-", "")}${from % secondsPerDay === 0 ? "" : `_${from % secondsPerDay}`}`;
      const bounds = `from ('${boundOf(from, times.type)}') to ('${boundOf(to, times.type)}')`;
      return `create table ${partitionName(table, name)} partition of ${quoteTable(table)} for values ${bounds}`;
    })
    .join("; ");
}

/** Postgres would cut off the end of a name that is too long, and with it what tells partitions apart. */
function partitionName({ schema, name }: TableName, suffix: string): string {
  const room = maxNameBytes - suffix.length;
  const start = Array.from(name).filter((_, index, letters) => {
    return Buffer.byteLength(letters.slice(0, index + 1).join("")) <= room;
  });
  return quoteTable({ ...(schema !== undefined && { schema }), name: start.join("") + suffix });
}

function boundOf(seconds: number, type: Times["type"]): string {
  if (type === "date") return dayOf(seconds);
  const time = new Date(seconds * 1000)
    .toISOString()
    .replace("T", " ")
    .replace(/\.000Z$/, "Z");
  return type === "timestamptz" ? time.replace("Z", "+00") : time.replace("Z", "");
}

function dayOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, "YYYY-MM-DD".length);
}

/** What to type to make partitions that take what no other does. */
function otherPartition(table: TableName, { strategy, hashes }: PartitionScheme): string {
  const partition = (name: string, rest: string) =>
    `create table ${partitionName(table, `_${name}`)} partition of ${quoteTable(table)} ${rest}`;
  if (strategy !== "hash") return partition("default", "default");
  const modulus = Math.max(1, ...hashes.map((one) => one.modulus));
  const missing = Array.from({ length: modulus }, (_, remainder) => remainder).filter(
    (remainder) => !hashes.some((one) => remainder % one.modulus === one.remainder),
  );
  return missing
    .map((remainder) =>
      partition(`h${remainder}`, `for values with (modulus ${modulus}, remainder ${remainder})`),
    )
    .join("; ");
}

/** Which rows the partitions of a table take, and the statements that make what is missing. */
export interface PartitionCover {
  readonly count: number;
  /** The key, if it is a time. The two below say something only then. */
  readonly column?: string | undefined;
  /** If there is none at all. */
  readonly makeFirst?: string | undefined;
  /** If none takes the present time. */
  readonly makePresent?: string | undefined;
  /** If none takes some hour between the present and the time so many seconds ago. */
  readonly makeLate?: string | undefined;
}

/**
 * Asks which times the partitions of a table take.
 *
 * @param seconds how far back; if it is not known, only the present is looked at
 * @returns undefined if the table is not partitioned
 * @throws EtlError if the database does not answer
 */
export async function readPartitionCover(
  database: Database,
  table: TableName,
  seconds: number | undefined,
  signal: AbortSignal,
): Promise<PartitionCover | undefined> {
  const scheme = await readPartitionScheme(database, table, signal);
  if (scheme === undefined) return undefined;
  const { partitions: count, times } = scheme;
  if (times === undefined) return { count, ...(count === 0 && { makeFirst: otherPartition(table, scheme) }) };
  const { now, column } = times;
  const present = takesTime(times, now) ? undefined : partitionsFor(table, times, [now], day);
  const late: number[] = [];
  for (let ago = seconds ?? 0; ago > 0; ago -= secondsPerHour)
    if (!takesTime(times, now - ago)) late.push(now - ago);
  return {
    count,
    column,
    makeFirst: count === 0 ? present : undefined,
    makePresent: present,
    makeLate: late.length === 0 ? undefined : partitionsFor(table, times, late, day),
  };
}

/** The table, or the partition of it, that has no partition for a row, if that is what an error from `databaseError` says. */
export function withoutPartition(error: unknown): TableName | undefined {
  if (!(error instanceof EtlError)) return undefined;
  const { cause } = error;
  if (!(cause instanceof postgres.PostgresError) || cause.code !== "23514" || raises(cause)) return undefined;
  const { constraint_name: constraint, schema_name: schema, table_name: name } = cause;
  return constraint || !schema || !name ? undefined : { schema, name };
}

/** So many messages are remembered; beyond, the count says less than there are. */
const remembered = 100_000;

/** The messages of a run that no partition takes. Each stays in the queue until there is one. */
export class PartitionGaps {
  readonly #database: Database;
  readonly #mapping: Mapping;
  /** Per message the seconds since 1970 UTC of its rows; empty if the key is no time, or not from the message. */
  readonly #messages = new Map<string, readonly number[]>();
  #last: { readonly table: TableName; readonly scheme: PartitionScheme } | undefined;

  constructor(database: Database, mapping: Mapping) {
    this.#database = database;
    this.#mapping = mapping;
  }

  /**
   * Remembers messages whose rows have no partition.
   *
   * @param messages each with what has no partition for it: the table, or a partition that is divided further
   * @returns for each its fate; undefined if that is not a partitioned table: then the row breaks another rule
   * @throws EtlError if the database does not answer
   */
  async add(
    messages: readonly (readonly [MappedMessage, TableName])[],
  ): Promise<readonly (Postponed | undefined)[]> {
    const schemes = new Map<string, PartitionScheme | undefined>();
    const isLate: (boolean | undefined)[] = [];
    for (const [{ ref, rows }, table] of messages) {
      const name = quoteTable(table);
      // Read anew at each call: somebody may be making partitions meanwhile.
      if (!schemes.has(name)) schemes.set(name, await readPartitionScheme(this.#database, table));
      const scheme = schemes.get(name);
      if (scheme === undefined) {
        isLate.push(undefined);
        continue;
      }
      const { times } = scheme;
      const index = this.#mapping.columns.findIndex(({ column }) => column === times?.column);
      const seconds = rows.map((row) => Date.parse(row[index] ?? "") / 1000);
      const missing = seconds.filter((one) => times && !Number.isNaN(one) && !takesTime(times, one));
      if (this.#messages.size < remembered) this.#messages.set(ref.messageId, missing);
      this.#last = { table, scheme };
      isLate.push(times !== undefined && takesTime(times, times.now));
    }
    const suspect = isLate.includes(false) ? this.error : undefined;
    return isLate.map((late) =>
      late === undefined ? undefined : late ? { kind: "postponed" } : { kind: "postponed", suspect },
    );
  }

  /** Forgets a message that has been stored after all. */
  remove(messageId: string): void {
    this.#messages.delete(messageId);
  }

  /** How many messages there are. */
  get size(): number {
    return this.#messages.size;
  }

  /** What is missing, of kind config; undefined if nothing is. */
  get error(): EtlError | undefined {
    if (this.#last === undefined || this.#messages.size === 0) return undefined;
    const { table, scheme } = this.#last;
    const { times, columns } = scheme;
    const missing = [...this.#messages.values()].flat().toSorted((a, b) => a - b);
    const [first, last] = [missing[0], missing.at(-1)];
    const sqlName = quoteTable(table);
    let where = columns.length === 0 ? "" : ` (partitioned by ${columns.map(quoteName).join(", ")})`;
    let hint = otherPartition(table, scheme);
    if (times !== undefined && first !== undefined && last !== undefined) {
      const column = this.#mapping.columns.find((one) => one.column === times.column);
      const span = column?.source.in === "message" ? day : month;
      const [from, to] = [span.name(first), span.name(last)];
      where = ` (${quoteName(times.column)} ${from === to ? from : `${from} to ${to}`}, UTC)`;
      hint = partitionsFor(table, times, missing, span);
    }
    const count = this.#messages.size;
    const subject = count === 1 ? "the row of 1 message" : `the rows of ${count} messages`;
    return new EtlError({
      kind: "config",
      operation: "load",
      message: `${sqlName} has no partition for ${subject}${where}: ${count === 1 ? "it stays" : "they stay"} in the queue`,
      hint,
      code: "23514",
      resource: sqlName,
    });
  }
}
