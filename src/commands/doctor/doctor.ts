/** `etl doctor`: what is wrong, before the data finds out; and what an administrator has to permit. */

import { runChecks, summaryOf } from "../../doctor/check.ts";
import { checks } from "../../doctor/checks.ts";
import { arnByUrl, bucketPlaceholder, iamPolicy, type PolicyQueue } from "../../doctor/iam-policy.ts";
import { EtlError } from "../../errors.ts";
import { openDatabase } from "../../postgres/connect.ts";
import { parseTableName, quoteName, quoteTable } from "../../postgres/identifier.ts";
import { ledgerHome, loadGrantStatements, recordGrants } from "../../postgres/ledger.ts";
import { readLoadNeeds } from "../../postgres/load-needs.ts";
import { findSchema } from "../../postgres/migrate.ts";
import type { SettingFlags } from "../../settings/options.ts";
import type { Settings } from "../../settings/settings.ts";
import { formatFindings, formatSummary } from "../../terminal/findings.ts";
import { jsonLine } from "../../terminal/text.ts";
import { answerOf, askInTime } from "../answer.ts";
import type { Context } from "../context.ts";
import { readSettings } from "../settings.ts";
import { systemClock } from "../system-clock.ts";
import { readDatabaseSettings } from "../table.ts";
import { gatherFacts, openInspection } from "./facts.ts";

/** `etl doctor`. */
interface DoctorOptions extends SettingFlags {
  readonly json: boolean;
  /** Print the IAM policy instead of the checks. */
  readonly policy: boolean;
  /** Print the SQL grants instead of the checks. */
  readonly grants: boolean;
}

/**
 * Checks settings, queue and database as a drain would use them, and changes nothing; or prints what has to be permitted.
 *
 * @returns 0, or the exit code of the first failure; warnings do not fail
 * @throws EtlError if a policy or grants are asked for, and the settings cannot be used
 */
export async function runDoctor(context: Context, options: DoctorOptions): Promise<number> {
  const { json, policy, grants, ...flags } = options;
  const { log, stdout } = context;
  const print = async (text: string) => {
    // On a terminal both streams are the same screen.
    await log.flush();
    await stdout.write(text);
  };
  if (policy && grants) throw oneAtATime();
  if (policy) {
    const statements = await policyFor(context, readSettings(context, flags));
    await print(json ? `${jsonLine({ policy: statements })}\n` : `${JSON.stringify(statements, null, 2)}\n`);
    return 0;
  }
  if (grants) {
    const statements = await grantsFor(context, readSettings(context, flags));
    await print(
      json ? `${jsonLine({ grants: statements })}\n` : statements.map((one) => `${one};\n`).join(""),
    );
    return 0;
  }
  const startedAt = systemClock.monotonicMillis();
  const settings = await answerOf(() => readSettings(context, flags));
  const findings = runChecks(checks, await gatherFacts(settings, context));
  const summary = summaryOf(findings);
  const seconds = Math.round(systemClock.monotonicMillis() - startedAt) / 1000;
  const lines = [...findings.map((finding) => ({ finding })), { summary: { ...summary, seconds } }];
  await print(
    json
      ? lines.map((line) => `${jsonLine(line)}\n`).join("")
      : `${formatFindings(findings, stdout)}\n${formatSummary(summary)}`,
  );
  return summary.exitCode;
}

function oneAtATime(): EtlError {
  return new EtlError({
    kind: "usage",
    operation: "doctor",
    message: "--policy is for AWS and --grants for Postgres: give one of them",
    hint: "etl doctor --policy",
  });
}

/** The IAM policy that a drain needs. The ARN of a queue that does not answer is made from its URL. */
async function policyFor(context: Context, { queue, rejects: { action, deadLetterUrl: url } }: Settings) {
  const { extendedPayloads } = queue;
  const [drained, deadLetters] = await Promise.all([
    policyQueue(queue, context),
    action === "leave" || url === undefined ? undefined : policyQueue({ ...queue, url }, context),
  ]);
  if (extendedPayloads)
    context.log.warn(`replace ${bucketPlaceholder} with the name of the payloads' bucket`);
  return iamPolicy({ queue: drained, deadLetters, extendedPayloads });
}

async function policyQueue(settings: Settings["queue"], { env, log }: Context): Promise<PolicyQueue> {
  const { queue, region, host, describe } = openInspection(settings, { env, log });
  log.status(`asking ${queue.name} …`);
  const answer = await askInTime(host, "")(describe);
  log.status(null);
  if ("value" in answer) return answer.value;
  log.warn(
    `${queue.name} could not be asked, so its ARN is made from its URL, and a KMS key is not in the policy: ${answer.error.message}`,
  );
  return { arn: arnByUrl(queue.path, region) };
}

/** The schema of a table without one, unless somebody changed the search path. */
const usualSchema = "public";

/** The SQL that a drain's user needs. If the database does not answer, that for a table on which nothing else depends. */
async function grantsFor(context: Context, settings: Settings): Promise<readonly string[]> {
  const { log } = context;
  const connection = readDatabaseSettings(settings, context);
  const { mapping } = settings.table;
  const wanted = parseTableName(settings.table.name);
  const database = openDatabase(connection);
  log.status(`asking ${database.address} …`);
  const asked = await askInTime(
    `the database at ${database.address}`,
    "",
  )(async (signal) => {
    const schema = await findSchema(database, wanted, signal);
    const options = { operation: "read needs", signal };
    return { schema, needs: await readLoadNeeds(database, { ...wanted, schema }, mapping, options) };
  });
  database.close();
  log.status(null);
  const { schema, needs } =
    "value" in asked ? asked.value : { schema: wanted.schema ?? usualSchema, needs: [] };
  if ("error" in asked) {
    log.warn(
      `the database could not be asked, so the grants are for ${wanted.name} in the schema ${schema}, without sequences and functions: ${asked.error.message}`,
    );
  }
  const table = { schema, sqlName: quoteTable({ ...wanted, schema }) };
  const home = ledgerHome(table, settings.ledger);
  const { user } = connection;
  const more = needs.filter(({ everybodys }) => !everybodys);
  return [
    ...new Set([
      ...loadGrantStatements(home, user, { table, action: mapping.conflict.action }),
      ...more.map(({ grant }) => `grant ${grant} to ${quoteName(user)}`),
      recordGrants(home, user),
    ]),
  ];
}
