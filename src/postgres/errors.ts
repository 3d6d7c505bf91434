/** Translates what goes wrong with the database, once: SQLSTATE to an `EtlError` without the server's own text. */

import postgres from "postgres";
import { EtlError, type EtlErrorParts } from "../errors.ts";
import { commitUnknown } from "../processing/outcome.ts";
import { quoteName } from "./identifier.ts";

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

/** What Postgres said of a row, without its values. */
export interface RowFault {
  /** The SQLSTATE. */
  readonly code: string;
  /** The column that refused it, where Postgres names one. */
  readonly column?: string;
  /** The constraint or unique index that refused it, where Postgres names one. */
  readonly constraint?: string;
}

/** The fields of a server's error that are safe to keep: codes and names, never `message` or `detail`. */
export interface ServerErrorFields {
  readonly code: string;
  readonly column_name?: string | undefined;
  readonly constraint_name?: string | undefined;
  /** The server's function that gave the error. */
  readonly routine?: string | undefined;
}

/** Classes of SQLSTATE that speak of a row's values. */
const rowClasses: Readonly<Record<string, string>> = {
  "22": "data exception: a value that its type, length or encoding does not allow",
  "23": "integrity constraint violation: null, unique, foreign key, check, exclusion",
  "44": "with check option violation: a row outside of what a view may hold",
};

/** Single codes that speak of a row. */
const rowCodes: Readonly<Record<string, string>> = {
  "21000": "a trigger's subquery found several rows for this one",
  "54000": "a value too large for its index",
  P0001: "a trigger raised an exception over this row",
  P0002: "a trigger's strict select found nothing for this row",
  P0003: "a trigger's strict select found too much for this row",
  P0004: "a trigger's assertion failed for this row",
};

/** The function behind PL/pgSQL's `raise`: whatever the code, it is the trigger's own word on the row that it was given. */
const raise = "exec_stmt_raise";

/**
 * Whether a server's error that will not pass by itself is one row's fault, whatever became of the others.
 *
 * A check violation without a constraint's name is a missing partition: the row may be good, and the table not.
 *
 * @see https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export function isRowFault({ code, constraint_name, routine }: ServerErrorFields): boolean {
  if (routine === raise) return true;
  if (code === "23514" && !constraint_name) return false;
  return Object.hasOwn(rowClasses, code.slice(0, 2)) || Object.hasOwn(rowCodes, code);
}

/** What may be told of a refusal. */
export function rowFault({ code, column_name, constraint_name }: ServerErrorFields): RowFault {
  return {
    code,
    ...(column_name ? { column: column_name } : {}),
    ...(constraint_name ? { constraint: constraint_name } : {}),
  };
}

/** Where the connection goes, without a secret. */
interface Destination {
  readonly operation: string;
  readonly address: string;
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ENOENT: "there is no such socket",
  EACCES: "the socket's folder does not let this user in",
  ENOTFOUND: "the host name is not known",
  EAI_AGAIN: "the host name cannot be looked up at the moment",
  EHOSTUNREACH: "there is no way to the host",
  ENETUNREACH: "there is no way to the network",
  ETIMEDOUT: "the host does not answer",
  ECONNRESET: "the connection was reset",
  EPIPE: "the connection was closed",
  CONNECTION_CLOSED: "the connection was closed",
  CONNECTION_DESTROYED: "the connection was closed",
  CONNECTION_ENDED: "the connection was closed",
};

/** Translates an error that did not come from the server: all may pass, so all are retryable. */
export function socketError(error: unknown, { operation, address }: Destination): EtlError {
  const code = errorCode(error);
  const reason = (code && reasons[code]) ?? "the connection failed";
  return new EtlError({
    kind: "unavailable",
    operation,
    message: `the database at ${address} cannot be reached: ${reason}`,
    hint: "check host and port (PGHOST, PGPORT, DATABASE_URL), and that the database runs",
    retryable: true,
    code,
    cause: error,
  });
}

const certificateHints: Readonly<Record<string, Pick<EtlErrorParts, "message" | "hint">>> = {
  CERT_HAS_EXPIRED: {
    message: "the database's certificate has expired",
    hint: "renew the server's certificate",
  },
  CERT_NOT_YET_VALID: {
    message: "the database's certificate is not valid yet",
    hint: "check the clocks of this machine and of the server",
  },
};

/** Translates a failed TLS handshake (operation `encrypt`): what the certificate lacks, or that it broke off. */
export function handshakeError(error: unknown, { address }: Destination): EtlError {
  const operation = "encrypt";
  const code = errorCode(error);
  // OpenSSL's names of verification failures; anything else is the handshake or the socket.
  if (code === undefined || !/CERT|SIGNATURE|ISSUER|VERIF/.test(code)) {
    return new EtlError({
      kind: "unavailable",
      operation,
      message: `the database at ${address} broke off the TLS handshake`,
      hint: "check the TLS versions that the server allows",
      retryable: true,
      code,
      cause: error,
    });
  }
  return new EtlError({
    kind: "config",
    operation,
    message: "the database's certificate is not signed by an authority that is trusted here",
    hint: "set sslrootcert (PGSSLROOTCERT) to the certificate of the authority that signed it",
    ...certificateHints[code],
    code,
    cause: error,
  });
}

function errorCode(error: unknown): string | undefined {
  const code = (error as { readonly code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}
