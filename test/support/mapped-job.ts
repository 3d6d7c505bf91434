/** Settings files of other jobs than the reference one, and what a table holds after them. */

import { expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { runEtl } from "./binary.ts";
import type { JsonDrain } from "./json-drain.ts";
import type { World } from "./world.ts";

/** The variable that leads `etl` to a settings file. */
export type JobEnv = Readonly<Record<"ETL_CONFIG", string>>;

let files = 0;

/** Writes an `etl.toml` into the world's folder, for its owner alone. */
export function writeJob(world: Pick<World, "folder">, toml: string): JobEnv {
  files += 1;
  const path = join(world.folder, `job-${files}.toml`);
  writeFileSync(path, toml, { mode: 0o600 });
  return { ETL_CONFIG: path };
}

/** Drops what is there and makes the job's table with `etl migrate`. */
export async function makeTable(world: World, job: JobEnv): Promise<void> {
  await world.database.sql.unsafe("drop schema public cascade; create schema public");
  const made = await runEtl(["migrate"], { env: world.env("http://127.0.0.1/1/unused", job) });
  if (made.exitCode !== 0) throw new Error(`etl migrate ended with ${made.exitCode}:\n${made.stderr}`);
}

/** One `[[table.columns]]` entry from its lines. */
export function column(name: string, ...lines: readonly string[]): string {
  return `[[table.columns]]\n${[`name = "${name}"`, ...lines].join("\n")}\n`;
}

/** A row as texts, as Postgres writes them. */
export type TextRow = Readonly<Record<string, string | null>>;

/** What the table holds, as texts. */
export async function textRows(
  world: World,
  table: string,
  except: readonly string[] = [],
): Promise<TextRow[]> {
  const names = (await columnsOf(world, table, except)).map(({ name }) => `"${name}"::text as "${name}"`);
  const rows: TextRow[] = await world.database.sql.unsafe(`select ${names.join(", ")} from ${table}`);
  return rows.map((row) => ({ ...row })).toSorted(byText);
}

/** What a dry run showed, as Postgres would write it if it were in the table. */
export async function shownRows(
  world: World,
  table: string,
  { lines }: JsonDrain,
  except: readonly string[] = [],
): Promise<TextRow[]> {
  const columns = await columnsOf(world, table, except);
  const casts = columns.map(({ name, type }, index) => `$${index + 1}::text::${type}::text as "${name}"`);
  const shown: TextRow[] = [];
  for (const { row } of lines) {
    if (row === undefined) continue;
    expect(Object.keys(row).filter((name) => !except.includes(name))).toEqual(
      columns.map(({ name }) => name),
    );
    const values = columns.map(({ name }) => (row[name] === null ? null : String(row[name])));
    const [written] = await world.database.sql.unsafe(`select ${casts.join(", ")}`, values);
    shown.push({ ...(written as TextRow) });
  }
  return shown.toSorted(byText);
}

function byText(a: TextRow, b: TextRow): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
}

async function columnsOf(world: World, table: string, except: readonly string[]) {
  const columns = (await world.database.sql`
    select attname as name, format_type(atttypid, atttypmod) as type
    from pg_attribute where attrelid = ${table}::regclass and attnum > 0 and not attisdropped
    order by attnum`) as { name: string; type: string }[];
  return columns.filter(({ name }) => !except.includes(name));
}
