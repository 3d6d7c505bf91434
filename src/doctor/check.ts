/**
 * What a check is, and the runner of all checks.
 *
 * To add a check, add an entry to `queueChecks` or `databaseChecks`, after the checks that it needs. If it looks at
 * something that nobody asks for yet, add that to `Facts`, and ask for it in `commands/doctor/facts.ts`.
 */

import { type ErrorKind, EtlError, exitCodes } from "../errors.ts";
import type { Facts } from "./facts.ts";

/** What one check found. */
export interface Finding {
  readonly check: string;
  /** `skipped` if nothing is known, most often because another check failed. */
  readonly status: "ok" | "warning" | "failed" | "skipped";
  /** One sentence for a person: no secret, no row value. */
  readonly message: string;
  /** What to type or change next; absent if there is nothing to do. */
  readonly hint?: string;
  /** What a drain that fails like this exits with; only if the check failed. */
  readonly exitCode?: number;
}

/** What a check returns. */
export interface Outcome extends Omit<Finding, "check"> {
  /** Whether the checks that need this one are skipped. @defaultValue only if it failed */
  readonly stops?: boolean;
}

/** One thing that a drain needs. */
export interface Check {
  /** Known to readers of `etl doctor --json`: do not rename it. */
  readonly name: string;
  /** Earlier checks, by name. If one of them failed, or was skipped for its needs, this one is skipped. */
  readonly needs: readonly string[];
  /** Whether there is anything to check; if not, nothing is reported. @defaultValue always */
  readonly applies?: (facts: Facts) => boolean;
  /** Judges the facts. An `EtlError` that it throws, as {@link known} does, is a failure of the check. */
  readonly run: (facts: Facts) => Outcome;
}

/** The answer to a question, or the error that came instead. */
export type Answer<T> = { readonly value: T } | { readonly error: EtlError };

/**
 * The answer's value.
 *
 * @throws EtlError the answer's error
 */
export function known<T>(answer: Answer<T> | undefined): T {
  if (answer === undefined)
    throw new Error("a check looks at something that was not asked for: see its needs");
  if ("error" in answer) throw answer.error;
  return answer.value;
}

/** Nothing is wrong. */
export function ok(message: string): Outcome {
  return { status: "ok", message };
}

/** A drain works, but somebody may regret it. */
export function warning(message: string, hint: string): Outcome {
  return { status: "warning", message, hint };
}

/** Nothing is known, for this reason. */
export function skipped(message: string): Outcome {
  return { status: "skipped", message };
}

/** A drain fails, or does harm. */
export function failed(kind: ErrorKind, message: string, hint: string): Outcome {
  return { status: "failed", message, hint, exitCode: exitCodes[kind] };
}

/** As {@link failed}, but the checks that need this one can run. */
export function flawed(kind: ErrorKind, message: string, hint: string): Outcome {
  return { ...failed(kind, message, hint), stops: false };
}

/** The failure that an error is. */
export function failedBy({ message, hint, exitCode }: EtlError): Outcome {
  return { status: "failed", message, ...(hint === undefined ? {} : { hint }), exitCode };
}

/** Runs the checks in order, each after those that it needs. Throws nothing but bugs. */
export function runChecks(checks: readonly Check[], facts: Facts): readonly Finding[] {
  /** The checks that stop others, and the failed check that is the reason. */
  const stopped = new Map<string, string>();
  const findings: Finding[] = [];
  for (const check of checks) {
    if (check.applies?.(facts) === false) continue;
    const { name } = check;
    const reason = check.needs.map((need) => stopped.get(need)).find((failure) => failure !== undefined);
    const outcome = reason === undefined ? outcomeOf(check, facts) : skipped(`needs "${reason}"`);
    const { stops = reason !== undefined || outcome.status === "failed", ...finding } = outcome;
    if (stops) stopped.set(name, reason ?? name);
    findings.push({ check: name, ...finding });
  }
  return findings;
}

function outcomeOf({ run }: Check, facts: Facts): Outcome {
  try {
    return run(facts);
  } catch (error) {
    if (error instanceof EtlError) return failedBy(error);
    throw error;
  }
}

/** How many findings there are of each status, and what the doctor exits with. */
export interface Summary {
  readonly ok: number;
  readonly warnings: number;
  readonly failed: number;
  readonly skipped: number;
  /** 0, or that of the first failure. Warnings do not fail. */
  readonly exitCode: number;
}

/** Adds the findings up. */
export function summaryOf(findings: readonly Finding[]): Summary {
  const count = (status: Finding["status"]) => findings.filter((finding) => finding.status === status).length;
  return {
    ok: count("ok"),
    warnings: count("warning"),
    failed: count("failed"),
    skipped: count("skipped"),
    exitCode: findings.find(({ status }) => status === "failed")?.exitCode ?? 0,
  };
}
