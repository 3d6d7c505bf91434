/** `etl doctor`: what is wrong, before the data finds out; and what an administrator has to permit. */

import { runChecks, summaryOf } from "../../doctor/check.ts";
import { checks } from "../../doctor/checks.ts";
import { EtlError } from "../../errors.ts";
import type { SettingFlags } from "../../settings/options.ts";
import { formatFindings, formatSummary } from "../../terminal/findings.ts";
import { jsonLine } from "../../terminal/printable.ts";
import { answerNow } from "../answer.ts";
import type { Context } from "../context.ts";
import { readSettings } from "../settings.ts";
import { systemClock } from "../system-clock.ts";
import { gatherFacts } from "./facts.ts";
import { printGrants, printPolicy } from "./permissions.ts";

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
  if (policy || grants) {
    if (policy && grants) throw oneAtATime();
    await (policy ? printPolicy : printGrants)(context, readSettings(context, flags), json);
    return 0;
  }
  const startedAt = systemClock.monotonicMillis();
  const settings = answerNow(() => readSettings(context, flags));
  const findings = runChecks(checks, await gatherFacts(settings, context));
  const summary = summaryOf(findings);
  // On a terminal both streams are the same screen.
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
