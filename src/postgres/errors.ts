/** Translates what goes wrong with the database, once: SQLSTATE to an `EtlError` without the server's own text. */

import postgres from "postgres";
import { EtlError, type EtlErrorParts } from "../errors.ts";
import { commitUnknown } from "../processing/outcome.ts";
import { quoteName } from "./identifier.ts";
import { isRowFault, type RowFault, rowFault } from "./row-errors.ts";
import { socketError } from "./socket-errors.ts";

/** What was being done, for the sentence a person reads. */
export interface Circumstance {
  /** Such as `load`. */
  readonly operation: string;
  /** Where the database is, without a secret. */
  readonly address: string;
  readonly user: string;
  readonly database: string;
  /** What a database administrator has to type where a permission is missing. */
  readonly grants?: string | undefined;
}

type Verdict = Omit<EtlErrorParts, "operation" | "cause" | "code">;

/**
 * Translates an error of the driver, the server or the socket; an `EtlError` is returned as it is.
 *
 * The server's `message` and `detail` quote rows: they stay in `cause`, which nothing prints.
 *
 * @see https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export function databaseError(error: unknown, circumstance: Circumstance): EtlError {
  if (error instanceof EtlError) return error;
  if (!(error instanceof postgres.PostgresError)) return socketError(error, circumstance);
  const { operation } = circumstance;
  return new EtlError({ ...judge(error, circumstance), operation, code: error.code, cause: error });
}

/** What the server refused in a statement. */
interface Refusal {
  readonly fault: RowFault;
  /** Whether it is one row's for certain; otherwise the table or its rights may be the cause, and every row would meet it. */
  readonly isRows: boolean;
}

/** Reads an error from {@link databaseError}; undefined if it is no refusal, or one that may pass by itself. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (!(error instanceof EtlError) || error.retryable) return undefined;
  const { cause } = error;
  if (!(cause instanceof postgres.PostgresError) || endsSession(cause)) return undefined;
  return { fault: rowFault(cause), isRows: isRowFault(cause) };
}

/** Whether nothing more can be said on the connection that gave this error. */
export function endsSession(error: unknown): boolean {
  return !(error instanceof postgres.PostgresError) || error.severity !== "ERROR";
}

/**
 * No answer came before our own deadline.
 *
 * @param code {@link commitUnknown} if a commit was among what was sent
 */
export function unanswered({ operation, address }: Circumstance, code?: string): EtlError {
  return new EtlError({
    kind: "unavailable",
    operation,
    message: `the database at ${address} did not answer in time`,
    hint: "check the network and the load of the database",
    retryable: true,
    code,
  });
}

/** The commit was sent, and whether it happened is not known. To load the same batch again is safe either way. */
export function unansweredCommit({ operation, address }: Circumstance, cause: unknown): EtlError {
  return new EtlError({
    kind: "unavailable",
    operation,
    message: `the database at ${address} was lost before it answered a commit`,
    hint: "run the same command again: what was committed is recognised",
    retryable: true,
    code: commitUnknown,
    cause,
  });
}

/** The server answered a commit with a rollback. */
export function rolledBack({ operation, address }: Circumstance): EtlError {
  return new EtlError({
    kind: "temporary",
    operation,
    message: `the database at ${address} rolled back where it was to commit`,
    hint: "run it again, which is safe",
    retryable: true,
  });
}

/** The database was closed by us while it was in use. */
export function closed(address: string): EtlError {
  return new EtlError({
    kind: "temporary",
    operation: "close",
    message: `the connection to the database at ${address} was closed by etl itself`,
  });
}

function judge(
  { code, routine, where }: Pick<postgres.PostgresError, "code" | "routine" | "where">,
  circumstance: Circumstance,
): Verdict {
  const { address, user, database } = circumstance;
  const exact = verdicts[code];
  if (exact !== undefined) return exact(circumstance, routine);
  switch (code.slice(0, 2)) {
    case "08":
      return unavailable(`the database at ${address} broke off the connection`);
    case "28":
      return {
        kind: "permission",
        message: `the database at ${address} does not let user ${user} in`,
        hint: `check the user (PGUSER), and pg_hba.conf for user ${user}, database ${database} and this host`,
      };
    case "3F":
    case "42":
      // The server tells of a place where it was in a function: the table's own, as etl calls none.
      if (where) return ofTable(code);
      return {
        kind: "config",
        message: "the table or the ledger is not what etl expects",
        hint: "etl migrate",
      };
    case "40":
      return temporary("the database rolled the transaction back in favour of another");
    case "53":
      return unavailable(`the database at ${address} is short of memory, disk or connections`);
    case "57":
    case "58":
    case "XX":
      return unavailable(`the database at ${address} failed or was interrupted`);
    default:
      break;
  }
  // Before the table's own: of the same classes, some codes speak of a row.
  if (isRowFault({ code, routine })) {
    return {
      kind: "data",
      message: `the database refused a value (SQLSTATE ${code})`,
      hint: "check the table's constraints and triggers",
    };
  }
  if (tableClasses.has(code.slice(0, 2))) return ofTable(code);
  return {
    kind: "internal",
    message: `the database answered with SQLSTATE ${code}, which etl does not know`,
  };
}

function ofTable(code: string): Verdict {
  return {
    kind: "config",
    message: `what the table does when a row is inserted failed (SQLSTATE ${code})`,
    hint: "check the table's triggers, and the functions in its defaults and constraints",
  };
}

/** Classes that only a trigger, a default or a constraint of the table can be the cause of in our statements. */
const tableClasses: ReadonlySet<string> = new Set([
  "09",
  "27",
  "2D",
  "2F",
  "3B",
  "38",
  "39",
  "54",
  "55",
  "HV",
  "P0",
]);

/** The server's own functions, by which it tells two errors of one SQLSTATE apart. */
const routines = { connect: "CheckMyDatabase", rowSecurity: "ExecWithCheckOptions" };

const verdicts: Readonly<Record<string, (circumstance: Circumstance, routine: string) => Verdict>> = {
  "0A000": () => ({
    kind: "config",
    message: "the table has a rule, or is of a kind, that rows cannot be loaded through",
    hint: "drop the table's rules (psql: \\d+ shows them), or give another --table",
  }),
  "23514": () => ({
    kind: "config",
    message: "the table has no partition for a row",
    hint: "create the missing partition; nothing of this batch was stored",
  }),
  "25006": ({ address }) => ({
    ...unavailable(`the database at ${address} is read only`),
    hint: "check that this is the primary and not a standby (PGHOST), and default_transaction_read_only",
  }),
  "25P03": () => temporary("the database ended a transaction that had been idle"),
  "28P01": ({ address, user }) => ({
    kind: "permission",
    message: `the database at ${address} refused the password of user ${user}`,
    hint: "check the password in --database-url, DATABASE_URL, PGPASSWORD or the password file",
  }),
  "3D000": ({ address, database }) => ({
    kind: "config",
    message: `there is no database ${database} at ${address}`,
    hint: `check the name (PGDATABASE), or: createdb ${database}`,
  }),
  "3F000": () => ({
    kind: "config",
    message: "the schema to work in does not exist",
    hint: "create the schema, or give --table another one",
  }),
  "42501": (circumstance, routine) => ({ kind: "permission", ...lacking(circumstance, routine) }),
  "53100": ({ address }) => ({
    ...unavailable(`the disk of the database at ${address} is full`),
    hint: "free disk space; nothing is lost meanwhile",
  }),
  "53300": ({ address }) => ({
    ...unavailable(`the database at ${address} has no connection left`),
    hint: "raise max_connections, or close other connections",
  }),
  "55P03": () => temporary("the table is locked by another session"),
  "55006": () => temporary("the database is in use by another session"),
  "57014": () => temporary("the database took too long over a statement"),
};

function lacking(
  { user, database, grants }: Circumstance,
  routine: string,
): Pick<Verdict, "message" | "hint"> {
  switch (routine) {
    case routines.connect:
      return {
        message: `user ${user} may not connect to the database ${database}`,
        hint: `grant connect on database ${quoteName(database)} to ${quoteName(user)}`,
      };
    case routines.rowSecurity:
      return {
        message: `the table's row security policies do not let user ${user} insert a row`,
        hint: "add a policy that lets this user insert every row (psql: \\d shows the table's policies)",
      };
    default:
      return { message: `user ${user} lacks a permission in the database`, hint: grants };
  }
}

function unavailable(message: string): Verdict {
  return {
    kind: "unavailable",
    message,
    hint: "check that the database is up, and run it again",
    retryable: true,
  };
}

function temporary(message: string): Verdict {
  return { kind: "temporary", message, hint: "run it again, which is safe", retryable: true };
}
