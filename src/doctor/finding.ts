/** What a check comes to: one finding, with what to type where something is wrong. */

import { type ErrorKind, type EtlError, exitCodes } from "../errors.ts";

/** The checks, in the order in which they are told. */
export type CheckName =
  | "settings"
  | "mask key"
  | "identity"
  | "clock"
  | "queue"
  | "read attributes"
  | "receive"
  | "delete"
  | "change visibility"
  | "visibility time-out"
  | "redrive policy"
  | "redrive target"
  | "queue encryption"
  | "rejects queue"
  | "rejects sending"
  | "rejects encryption"
  | "password file"
  | "database"
  | "database TLS"
  | "server version"
  | "writable"
  | "durability"
  | "table"
  | "columns"
  | "table permission"
  | "triggers"
  | "masked rows"
  | "ledger"
  | "ledger permission"
  | "queue in ledger"
  | "records";

/** What one check found. */
export interface Finding {
  readonly check: CheckName;
  /** `skipped` where nothing is known, most often as another check has failed. */
  readonly status: "ok" | "warning" | "failed" | "skipped";
  /** One sentence for a person: no secret, no row value. */
  readonly message: string;
  /** What to type or change next; absent where there is nothing to do. */
  readonly hint?: string;
  /** What a drain that fails so ends with; of `failed` alone. */
  readonly exitCode?: number;
}

/** What a question came to. */
export type Answer<T> = { readonly value: T } | { readonly error: EtlError };

/** All is well. */
export function ok(check: CheckName, message: string): Finding {
  return { check, status: "ok", message };
}

/** A drain works, and somebody may regret it. */
export function warning(check: CheckName, message: string, hint: string): Finding {
  return { check, status: "warning", message, hint };
}

/** Nothing is known, and why. */
export function skipped(check: CheckName, message: string): Finding {
  return { check, status: "skipped", message };
}

/** A drain fails, or would do harm. */
export function failed(check: CheckName, kind: ErrorKind, message: string, hint: string): Finding {
  return { check, status: "failed", message, hint, exitCode: exitCodes[kind] };
}

/** The failure that an error is. */
export function failedBy(check: CheckName, { kind, message, hint }: EtlError): Finding {
  return {
    check,
    status: "failed",
    message,
    ...(hint === undefined ? {} : { hint }),
    exitCode: exitCodes[kind],
  };
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
