/** `etl doctor --policy` and `--grants`: what AWS and the database have to permit, for an administrator. */

import { arnByUrl, bucketPlaceholder, iamPolicy, type PolicyQueue } from "../../doctor/iam-policy.ts";
import { openDatabase } from "../../postgres/connect.ts";
import { parseTableName, quoteTable } from "../../postgres/identifier.ts";
import { loadGrantStatements } from "../../postgres/ledger.ts";
import { findSchema } from "../../postgres/migrate.ts";
import { recordGrants } from "../../postgres/records.ts";
import type { Settings } from "../../settings/settings.ts";
import { resolveEndpoint } from "../../sqs/endpoint.ts";
import { inspectQueue } from "../../sqs/inspection.ts";
import { jsonLine } from "../../terminal/printable.ts";
import { openDeadline } from "../answer.ts";
import type { Context } from "../context.ts";
import { readDatabaseSettings } from "../table.ts";
import { inspectionParts } from "./facts.ts";

/**
 * Prints the IAM policy. The ARN of a queue that does not answer is made from its URL.
 *
 * @param asJson as one object on one line
 * @throws EtlError of kind config if no queue is named, or a URL cannot be used
 */
export async function printPolicy(
  context: Context,
  { queue, rejects: { action, deadLetterUrl: url } }: Settings,
  asJson: boolean,
): Promise<void> {
  const { log, stdout } = context;
  const [drained, deadLetters] = await Promise.all([
    policyQueue(queue, context),
    action === "leave" || url === undefined ? undefined : policyQueue({ ...queue, url }, context),
  ]);
  const { extendedPayloads } = queue;
  if (extendedPayloads) log.warn(`replace ${bucketPlaceholder} with the name of the payloads' bucket`);
  const policy = iamPolicy({ queue: drained, deadLetters, extendedPayloads });
  await log.flush();
  await stdout.write(asJson ? `${jsonLine({ policy })}\n` : `${JSON.stringify(policy, null, 2)}\n`);
}

async function policyQueue(queue: Settings["queue"], context: Context): Promise<PolicyQueue> {
  const { log } = context;
  const parts = inspectionParts(queue, context);
  const { queue: url, region, host } = resolveEndpoint(parts.queue);
  const { signal, ask } = openDeadline(host, "");
  log.status(`asking ${url.name} …`);
  const answer = await ask(inspectQueue(parts).describe(signal));
  log.status(null);
  if ("value" in answer) return answer.value;
  log.warn(
    `${url.name} could not be asked, so its ARN is made from its URL, and a KMS key is not in the policy: ${answer.error.message}`,
  );
  return { arn: arnByUrl(url.path, region) };
}

/** The schema of a table without one, unless somebody changed the search path. */
const usualSchema = "public";

/**
 * Prints the SQL grants. The database is asked only if the table's name does not say its schema, and need not answer.
 *
 * @param asJson as one object on one line
 * @throws EtlError of kind config if the database's settings cannot be used
 */
export async function printGrants(context: Context, settings: Settings, asJson: boolean): Promise<void> {
  const { log, stdout } = context;
  const connection = readDatabaseSettings(settings, context);
  const { schema: named, name } = parseTableName(settings.table.name);
  const schema = named ?? (await schemaOf());
  const home = { schema, sqlName: quoteTable({ schema, name }) };
  const { user } = connection;
  const { action } = settings.table.mapping.conflict;
  const grants = [...loadGrantStatements(home, user, action), recordGrants(home, user)];
  await log.flush();
  await stdout.write(asJson ? `${jsonLine({ grants })}\n` : grants.map((grant) => `${grant};\n`).join(""));

  async function schemaOf(): Promise<string> {
    const database = openDatabase(connection);
    const { signal, ask } = openDeadline(`the database at ${database.address}`, "");
    log.status(`asking ${database.address} …`);
    const answer = await ask(findSchema(database, { name }, signal));
    database.close();
    log.status(null);
    if ("value" in answer) return answer.value;
    log.warn(
      `the database could not be asked, so the grants are for ${name} in the schema ${usualSchema}: ${answer.error.message}`,
    );
    return usualSchema;
  }
}
