/** Has Postgres judge rows without writing any: what it would refuse, and what it cannot tell. */

import { EtlError } from "../errors.ts";
import type { Mapping } from "../message/mapping.ts";
import type { Row } from "../message/message.ts";
import type { TableDescription } from "./catalog.ts";
import { arrayLiteral, cellSql } from "./column-types.ts";
import type { Database, Transaction } from "./connect.ts";
import { type RowFault, refusalOf } from "./errors.ts";
import { quoteName } from "./identifier.ts";
import { type ForeignKeyRule, readTableRules, type TableRules } from "./table-rules.ts";

/** What Postgres says of one row. */
export type Judgement =
  /** Nothing that was asked refuses it. */
  | { readonly kind: "fits" }
  | { readonly kind: "refused"; readonly fault: RowFault }
  /** No partition takes it. */
  | { readonly kind: "no partition" }
  /** Judging it failed for a reason that is not the row's. */
  | { readonly kind: "unknown" };

/** Judges rows of one table. */
export interface RowCheck {
  /** What a write alone can tell, each by its name, such as `trigger audit`. */
  readonly unknown: readonly string[];
  /**
   * Judges rows that satisfy the limits of their columns.
   *
   * @returns a judgement for each, in order
   * @throws EtlError if the database does not answer
   */
  judge(rows: readonly Row[]): Promise<readonly Judgement[]>;
}

/** Partitions are asked one by one, in one statement: of more than this it would be too long. */
const mostPartitions = 1_000;

/** A rule that reading can hold a row against. */
interface Rule {
  /** Names it to a person if it cannot be held against a row after all. */
  readonly label: string;
  /** True for a row that breaks it, as SQL. */
  readonly broken: string;
  readonly verdict: Judgement;
}

/**
 * Prepares to judge rows as the catalog describes the table. Everything runs in read-only transactions and needs no permission:
 * what the user may not read is not asked, and is named.
 *
 * The server casts each value and evaluates each rule itself. Rules come in the order in which an insert meets them: types and
 * domains, partitions, check constraints, unique keys, foreign keys.
 *
 * @throws EtlError if the database does not answer
 */
export async function openRowCheck(
  database: Database,
  table: TableDescription,
  mapping: Mapping,
): Promise<RowCheck> {
  const options = { operation: "check rows" };
  const readOnly = { ...options, readOnly: true };
  const found = await readTableRules(database, table, mapping.conflict.action, options);
  const { rules, unknown } = sortRules(found, table, mapping);
  const row = rowSql(found, table, mapping);
  const usable = await database.transaction(readOnly, async (transaction) => {
    // Without a row, a statement fails only if the user may not ask it, or it cannot be asked so.
    const works = async (asked: readonly Rule[]) => {
      const [, answer] = await transaction.runTogether([
        { text: "savepoint rule" },
        { text: judgeSql(row, asked), parameters: mapping.columns.map(() => "{}") },
        { text: "rollback to savepoint rule" },
      ]);
      if (mayPass(answer?.error)) throw answer?.error;
      return answer?.error === undefined;
    };
    if (await works(rules)) return rules;
    const working: Rule[] = [];
    for (const rule of rules) {
      if (await works([rule])) working.push(rule);
      else unknown.push(rule.label);
    }
    return working;
  });

  async function judgeOne(transaction: Transaction, row_: Row, error: unknown): Promise<Judgement> {
    const refusal = refusalOf(error);
    if (mayPass(error)) throw error;
    if (refusal === undefined || !refusal.isRows) return { kind: "unknown" };
    // Postgres does not say which value it could not cast: each is cast by itself.
    const cells = await transaction.runTogether(
      mapping.columns.flatMap((_, index) => [
        { text: "rollback to savepoint row" },
        { text: row.cast(index), parameters: [arrayLiteral([row_[index] ?? null])] },
      ]),
    );
    const place = cells.findIndex((answer) => answer.error !== undefined);
    const of = place < 0 ? refusal : refusalOf(cells[place]?.error);
    const column = mapping.columns[(place - 1) / 2]?.column;
    return { kind: "refused", fault: { ...(of ?? refusal).fault, ...(column && { column }) } };
  }

  return {
    unknown,
    async judge(rows) {
      if (rows.length === 0) return [];
      const text = judgeSql(row, usable);
      const statement = (asked: readonly Row[]) => ({
        text,
        parameters: mapping.columns.map((_, index) =>
          arrayLiteral(asked.map((cells) => cells[index] ?? null)),
        ),
      });
      return await database.transaction(readOnly, async (transaction) => {
        const verdict = (fault: string | null | undefined) =>
          fault === null || fault === undefined ? fits : (usable[Number(fault)]?.verdict ?? fits);
        const [, together] = await transaction.runTogether([{ text: "savepoint row" }, statement(rows)]);
        if (together?.error === undefined) return (together?.rows ?? []).map(([fault]) => verdict(fault));
        const judgements: Judgement[] = [];
        for (const one of rows) {
          const [, answer] = await transaction.runTogether([
            { text: "rollback to savepoint row" },
            statement([one]),
          ]);
          judgements.push(
            answer?.error === undefined
              ? verdict(answer?.rows[0]?.[0])
              : await judgeOne(transaction, one, answer.error),
          );
        }
        await transaction.run("rollback to savepoint row");
        return judgements;
      });
    },
  };
}

/** Whether the database could not answer. A rule that wants to write in a transaction that only reads will never be able to. */
function mayPass(error: unknown): boolean {
  return error instanceof EtlError && error.retryable && error.code !== "25006";
}

const fits: Judgement = { kind: "fits" };

/** Which rules reading can hold a row against, and what it cannot know. */
function sortRules(found: TableRules, table: TableDescription, mapping: Mapping) {
  const rules: Rule[] = [];
  const known = new Set(knownColumns(found, mapping));
  const unknown = found.triggers.map(({ name }) => `trigger ${name}`);
  if (found.rowSecurity) unknown.push("row level security policies");
  // What a trigger makes of a row is what the rules behind it are held against.
  const rewritten = found.triggers.some(({ rewrites }) => rewrites);
  const add = (rule: Rule, columns: readonly string[], canBeAsked = true) => {
    if (canBeAsked && !rewritten && columns.every((column) => known.has(column))) rules.push(rule);
    else unknown.push(rule.label);
  };
  for (const { volatileChecks } of found.columns)
    unknown.push(...volatileChecks.map((name) => `check constraint ${name}`));
  if (found.partitions !== undefined) {
    const { partitions } = found;
    const taken = partitions.map((constraint) => `(${constraint ?? true})`);
    const broken = taken.length === 0 ? "true" : `(${taken.join(" or ")}) is not true`;
    const canBeAsked = partitions.length <= mostPartitions;
    add(
      { label: "partitions", broken, verdict: { kind: "no partition" } },
      found.partitionColumns,
      canBeAsked,
    );
  }
  for (const { name, expression, columns, volatile } of found.checks) {
    const rule = refusedBy("check constraint", name, "23514", columns, `(${expression}) is false`);
    add(rule, columns, !volatile);
  }
  unknown.push(...found.partitionChecks.map((name) => `check constraint ${name}`));
  const readable = new Map(table.columns.map((column) => [column.name, column.readable]));
  for (const { name, columns, defect } of table.uniqueIndexes) {
    // A row that conflicts is left out or updated where the mapping says so, and is no rejection.
    if (mapping.conflict.action !== "reject") break;
    const equal = found.nullsEqual.includes(name) ? "is not distinct from" : "=";
    const same = columns.map(
      (column) => `"etl other".${quoteName(column)} ${equal} "etl row".${quoteName(column)}`,
    );
    const broken = `exists (select from ${table.sqlName} as "etl other" where ${same.join(" and ")})`;
    const canBeAsked =
      defect === undefined && !found.rowSecurity && columns.every((column) => readable.get(column) === true);
    add(refusedBy("unique index", name, "23505", columns, broken), columns, canBeAsked);
  }
  for (const key of found.foreignKeys) {
    const rule = refusedBy("foreign key", key.name, "23503", key.columns, orphanSql(key));
    add(rule, key.columns, key.hidden === undefined);
  }
  return { rules, unknown: [...new Set(unknown)] };
}

/** A constraint over one column names it. */
function refusedBy(
  what: string,
  name: string,
  code: string,
  columns: readonly string[],
  broken: string,
): Rule {
  const [column, ...others] = columns;
  const fault = { code, constraint: name, ...(column !== undefined && others.length === 0 && { column }) };
  return { label: `${what} ${name}`, broken, verdict: { kind: "refused", fault } };
}

function orphanSql({ from, columns, keys, operators, full }: ForeignKeyRule): string {
  const cells = columns.map((column) => `"etl row".${quoteName(column)}`);
  const same = cells.map((cell, index) => {
    return `"etl other".${quoteName(keys[index] as string)} ${operators[index]} ${cell}`;
  });
  const missing = `not exists (select from ${from} as "etl other" where ${same.join(" and ")})`;
  const present = cells.map((cell) => `${cell} is not null`).join(" and ");
  const partly = full ? ` or (num_nulls(${cells.join(", ")}) between 1 and ${cells.length - 1})` : "";
  return `((${present}) and ${missing})${partly}`;
}

/** The columns whose value is known before a write. */
function knownColumns({ columns }: TableRules, mapping: Mapping): readonly string[] {
  const mapped = new Set(mapping.columns.map(({ column }) => column));
  return columns.flatMap(({ name, volatile }) => (mapped.has(name) || !volatile ? [name] : []));
}

/** A row as an insert would make it. */
interface RowSql {
  /** The rows of the parameters, as `from` takes them, with the columns of the table that are known. */
  readonly rows: string;
  /** The mapped columns. */
  readonly cells: readonly string[];
  /** Casts the values of one mapped column, the parameter, alone. */
  cast(index: number): string;
}

function rowSql(found: TableRules, table: TableDescription, mapping: Mapping): RowSql {
  const types = new Map(found.columns.map(({ name, type }) => [name, type]));
  const cells = mapping.columns.map(
    (mapped, index) => `(${cellSql(table, mapped, `v${index + 1}`)})::${types.get(mapped.column)}`,
  );
  const names = mapping.columns.map(({ column }) => quoteName(column));
  const known = new Set(knownColumns(found, mapping));
  const mapped = new Set(mapping.columns.map(({ column }) => column));
  const others = found.columns.filter(({ name }) => known.has(name) && !mapped.has(name));
  const made = ({ name, type, expression = "null" }: TableRules["columns"][number]) =>
    `(${expression})::${type} as ${quoteName(name)}`;
  const bound = mapping.columns.map((_, index) => `$${index + 1}::text[]`).join(", ");
  const values = mapping.columns.map((_, index) => `v${index + 1}`).join(", ");
  const given = [
    ...cells.map((cell, index) => `${cell} as ${names[index]}`),
    ...others.filter(({ generated }) => !generated).map(made),
  ];
  const generated = others.filter((column) => column.generated).map(made);
  // Without the offset the planner would take out the casts of columns that no rule looks at.
  return {
    cells: names,
    rows: `(
  select ${["*", ...generated].join(", ")} from (
    select "etl place", ${given.join(", ")}
    from unnest(${bound}) with ordinality as bound (${values}, "etl place") offset 0
  ) as given
) as "etl row"`,
    cast: (index) =>
      `select (${cells[index]})::text is null from unnest($1::text[]) as bound (v${index + 1})`,
  };
}

/** Gives for each row the place of the first rule that it breaks, or null. The length has every cell cast, and sends none. */
function judgeSql({ rows, cells }: RowSql, rules: readonly Rule[]): string {
  const cases = rules.map(({ broken }, index) => `when ${broken} then ${index}`);
  const fault = cases.length === 0 ? "null" : `case ${cases.join(" ")} end`;
  return `
select ${fault} as fault, length(row(${cells.join(", ")})::text) as size
from ${rows}
order by "etl place"`;
}
