/** The ledger's own names, and the small number that stands for a queue in it. */

import { EtlError } from "../errors.ts";
import type { Conflict } from "../message/mapping.ts";
import { shellQuoted } from "../text/shell-quoted.ts";
import type { TableDescription } from "./catalog.ts";
import type { Database } from "./connect.ts";
import { quoteName, quoteTable } from "./identifier.ts";

/** What is needed of a table to find its ledger: the schema that both are in. */
export type LedgerHome = Pick<TableDescription, "schema" | "sqlName">;

/** The tables of etl's own, which lie beside the table that rows go to. */
export const ownTables: readonly string[] = ["etl_queue", "etl_ledger", "etl_run", "etl_rejection"];

/** The ledger's name as SQL takes it. */
export function ledgerName({ schema }: LedgerHome): string {
  return quoteTable({ schema, name: "etl_ledger" });
}

/** The name of the ledger's list of queues as SQL takes it. */
export function queueListName({ schema }: LedgerHome): string {
  return quoteTable({ schema, name: "etl_queue" });
}

/** What a user needs on the table itself, by what becomes of a row that meets another one. */
export const neededPrivileges: Readonly<Record<Conflict["action"], readonly string[]>> = {
  reject: ["insert"],
  ignore: ["select", "insert"],
  update: ["select", "insert", "update"],
};

/** The statements that let a user load into a table, and prune its ledger. */
export function loadGrantStatements(
  table: LedgerHome,
  user: string,
  action: Conflict["action"] = "reject",
): readonly string[] {
  const grantee = quoteName(user);
  return [
    `grant usage on schema ${quoteName(table.schema)} to ${grantee}`,
    `grant ${neededPrivileges[action].join(", ")} on ${table.sqlName} to ${grantee}`,
    `grant select, insert, delete on ${ledgerName(table)} to ${grantee}`,
    `grant select, insert on ${queueListName(table)} to ${grantee}`,
  ];
}

/** What an administrator types to let a user load into a table, and prune its ledger: one line. */
export function loadGrants(table: LedgerHome, user: string, action?: Conflict["action"]): string {
  return loadGrantStatements(table, user, action).join("; ");
}

/**
 * Finds a queue's number, or gives it one. It goes by the ARN: two URLs of one queue must not store a message twice.
 *
 * @throws EtlError `config` where there is no ledger in the table's schema
 */
export async function registerQueue(database: Database, table: LedgerHome, arn: string): Promise<number> {
  const list = queueListName(table);
  const options = { operation: "register queue", grants: loadGrants(table, database.user) };
  return await database.transaction(options, async (transaction) => {
    const [ledger] = await transaction.run("select pg_catalog.to_regclass($1::text) is not null as present", [
      ledgerName(table),
    ]);
    if (ledger?.present !== true) throw missingLedger(table);
    const find = async () => {
      const [queue] = await transaction.run(`select queue_id from ${list} where arn = $1`, [arn]);
      return queue?.queue_id as number | undefined;
    };
    const known = await find();
    if (known !== undefined) return known;
    await transaction.run(`insert into ${list} (arn) values ($1) on conflict do nothing`, [arn]);
    return (await find()) as number;
  });
}

function missingLedger({ schema, sqlName }: LedgerHome): EtlError {
  return new EtlError({
    kind: "config",
    operation: "register queue",
    message: `schema ${schema} has no ledger, which keeps redelivered messages from being stored twice`,
    hint: `etl migrate --table ${shellQuoted(sqlName)}`,
  });
}
