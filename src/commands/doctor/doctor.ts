/** `etl doctor`: what is wrong, before the data finds out; and what an administrator has to permit. */

import { summaryOf } from "../../doctor/finding.ts";
import { EtlError } from "../../errors.ts";
import type { SettingFlags } from "../../settings/options.ts";
import { formatFindings, formatSummary } from "../../terminal/findings.ts";
import { jsonLine } from "../../terminal/text.ts";
import type { Context } from "../context.ts";
import { readSettings } from "../settings.ts";
import { systemClock } from "../system-clock.ts";
import { answerNow } from "./answer.ts";
import { allFindings } from "./findings.ts";
import { printGrants } from "./grants.ts";
import { printPolicy } from "./policy.ts";

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
 * @throws EtlError where a policy or grants are asked for, and the settings cannot be read
 */
export async function runDoctor(context: Context, options: DoctorOptions): Promise<number> {
  const { json, policy, grants, ...flags } = options;
  if (policy && grants) throw oneAtATime();
  if (policy) return await printPolicy(context, readSettings(context, flags), json);
  if (grants) return await printGrants(context, readSettings(context, flags), json);
  const startedAt = systemClock.monotonicMillis();
  const findings = await allFindings(
    answerNow(() => readSettings(context, flags)),
    context,
  );
  const summary = summaryOf(findings);
  // On a terminal both streams end up in one place.
  await context.log.flush();
  const { stdout } = context;
  if (json) {
    const seconds = Math.round(systemClock.monotonicMillis() - startedAt) / 1000;
    const lines = [...findings.map((finding) => ({ finding })), { summary: { ...summary, seconds } }];
    await stdout.write(lines.map((line) => `${jsonLine(line)}\n`).join(""));
  } else {
    await stdout.write(`${formatFindings(findings, stdout)}\n${formatSummary(summary)}`);
  }
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
