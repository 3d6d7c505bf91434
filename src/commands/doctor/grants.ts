/** `etl doctor --grants`: the SQL that lets the database user load, for whoever may grant it. */

import { openDatabase } from "../../postgres/connect.ts";
import { parseTableName, quoteTable } from "../../postgres/identifier.ts";
import { ledgerHome, loadGrantStatements, recordGrants } from "../../postgres/ledger.ts";
import { findSchema } from "../../postgres/migrate.ts";
import type { Settings } from "../../settings/settings.ts";
import { jsonLine } from "../../terminal/printable.ts";
import type { Context } from "../context.ts";
import { readDatabaseSettings } from "../table.ts";
import { answerOf, openDeadline } from "./answer.ts";

/** Where a table without a schema is, as long as nobody has changed the search path. */
const usualSchema = "public";

/**
 * Prints the grants. The database is asked only where a table's name leaves its schema open, and need not answer.
 *
 * @param asJson as one object on one line
 * @returns 0
 * @throws EtlError of kind config where the database's settings cannot be used
 */
export async function printGrants(
  context: Context,
  settings: Pick<Settings, "database" | "table" | "ledger">,
  asJson: boolean,
): Promise<number> {
  const { log, stdout } = context;
  const connection = readDatabaseSettings(settings, context);
  const wanted = parseTableName(settings.table.name);
  const schema = wanted.schema ?? (await schemaOf(wanted.name, connection, log));
  const table = { schema, sqlName: quoteTable({ schema, name: wanted.name }) };
  const home = ledgerHome(table, settings.ledger);
  const { user } = connection;
  const { action } = settings.table.mapping.conflict;
  const grants = [...loadGrantStatements(home, user, { table, action }), recordGrants(home, user)];
  await log.flush();
  await stdout.write(asJson ? `${jsonLine({ grants })}\n` : grants.map((grant) => `${grant};\n`).join(""));
  return 0;
}

async function schemaOf(
  name: string,
  connection: Parameters<typeof openDatabase>[0],
  log: Context["log"],
): Promise<string> {
  const database = openDatabase(connection);
  const deadline = openDeadline(`the database at ${database.address}`, "");
  log.status(`asking ${database.address} …`);
  const answer = await answerOf(findSchema(database, { name }, deadline.signal));
  deadline.end();
  database.close();
  log.status(null);
  if ("value" in answer) return answer.value;
  log.warn(
    `the database could not be asked, so ${name} is taken to be in the schema ${usualSchema}: ${answer.error.message}`,
  );
  return usualSchema;
}
