/** Translates what goes wrong with the database, once: SQLSTATE to an `EtlError` without the server's own text. */

import postgres from "postgres";
import { EtlError, type EtlErrorParts } from "../errors.ts";
import { commitUnknown } from "../processing/outcome.ts";
import { quoteName } from "./identifier.ts";
import { reliedOn } from "./session-settings.ts";

/** What was being done, for the sentence a person reads. */
export interface Circumstance {
  /** Such as `load`. */
  readonly operation: string;
  /** Where the database is, without a secret. */
  readonly address: string;
  readonly user: string;
  readonly database: string;
  /** What a database administrator has to type if a permission is missing. */
  readonly grants?: string | undefined;
}

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
  const { operation, address: resource } = circumstance;
  const { code } = error;
  const { message, ...verdict } = judge(error, circumstance);
  const told = `${message} (SQLSTATE ${code})`;
  return new EtlError({ ...verdict, message: told, operation, resource, code, cause: error });
}

/** What Postgres said of a row, without its values. */
export interface RowFault {
  /** The SQLSTATE. */
  readonly code: string;
  /** The column that refused it, if Postgres names one. */
  readonly column?: string;
  /** The constraint or unique index that refused it, if Postgres names one. */
  readonly constraint?: string;
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
  return { fault: faultOf(cause), isRows: isRowFault(cause) };
}

/**
 * Whether an error that ended a session is the server's own word: it then did nothing of what it had been sent and not
 * answered. A pooler ends a session without knowing that; its errors name no function of the server.
 */
export function isServersOwn(error: Error): boolean {
  return error instanceof postgres.PostgresError && error.routine !== undefined;
}

function faultOf(error: postgres.PostgresError): RowFault {
  const { code, column_name: column, constraint_name: constraint } = error;
  // What a trigger raises may name anything as its column, such as what the row holds.
  if (error.routine === raise) return { code };
  return { code, ...(column && { column }), ...(constraint && { constraint }) };
}

/** How a failure may pass that left its session alive. */
export interface PassingFailure {
  readonly fault: RowFault;
  /**
   * `row`: it may be the row's own, whatever its code says: a trigger raised it, or code that ran for the row failed
   * (XX000, such as a function of an extension). `wait`: it took too long; fewer rows may not. `conflict`: another
   * transaction was favoured, and the same load again is the remedy. `server`: the server's own word on its disk, memory,
   * files or neighbours. It never speaks against a row, though it may meet one row alone: the one that needs another page
   * of a full disk, or a damaged page.
   */
  readonly of: "row" | "wait" | "conflict" | "server";
}

/** Reads an error from {@link databaseError}; undefined if it will not pass by itself, or has ended the session. */
export function passingFailureOf(error: unknown): PassingFailure | undefined {
  if (!(error instanceof EtlError) || !error.retryable) return undefined;
  const { cause } = error;
  if (!(cause instanceof postgres.PostgresError) || endsSession(cause)) return undefined;
  const { code, routine } = cause;
  const fault = faultOf(cause);
  if (routine === raise || code === "XX000") return { fault, of: "row" };
  if (code === "57014" || code === "55P03") return { fault, of: "wait" };
  return { fault, of: code.startsWith("40") ? "conflict" : "server" };
}

/**
 * Whether nothing more can be done on the connection that gave this error. A session that began read only stays so; a
 * trigger that raises that code says nothing of the session.
 */
export function endsSession(error: unknown): boolean {
  if (!(error instanceof postgres.PostgresError) || error.severity !== "ERROR") return true;
  return error.code === "25006" && error.routine !== raise;
}

/**
 * No answer came before our own deadline.
 *
 * @param code {@link commitUnknown} if a commit was among what was sent
 */
export function unanswered({ operation, address }: Circumstance, code?: string): EtlError {
  const hint = "check the network and the load of the database";
  const verdict = unavailable(`the database at ${address} did not answer in time`, hint);
  return new EtlError({ ...verdict, operation, resource: address, code });
}

/**
 * The commit was sent, and whether it happened is not known. To load the same batch again is safe either way.
 *
 * @param cause the last word of the server or the pooler, or how the connection was lost
 */
export function unansweredCommit(circumstance: Circumstance, cause: unknown): EtlError {
  const { operation, address: resource } = circumstance;
  const parts = { operation, resource, code: commitUnknown, cause };
  const lost = databaseError(cause, circumstance);
  const { kind, message, hint } = lost;
  if (!lost.retryable) return new EtlError({ ...parts, kind, message, hint });
  const why =
    lost.cause instanceof postgres.PostgresError ? `${message},` : `the database at ${resource} was lost`;
  const verdict = unavailable(
    `${why} before it answered a commit`,
    "run the same command again: what was committed is recognised",
  );
  return new EtlError({ ...parts, ...verdict });
}

/** The server answered a commit with a rollback. */
export function rolledBack({ operation, address }: Circumstance): EtlError {
  const verdict = temporary(`the database at ${address} rolled back instead of committing`);
  return new EtlError({ ...verdict, operation, resource: address });
}

/** The database was closed by us while it was in use. */
export function closed(address: string): EtlError {
  const message = `the connection to the database at ${address} was closed by etl itself`;
  return new EtlError({ kind: "temporary", operation: "close", resource: address, message });
}

type Verdict = Omit<EtlErrorParts, "operation" | "cause" | "code">;

const config = (message: string, hint: string): Verdict => ({ kind: "config", message, hint });
const permission = (message: string, hint?: string): Verdict => ({ kind: "permission", message, hint });
const unavailable = (message: string, hint = "check that the database is up, and run it again"): Verdict => ({
  ...{ kind: "unavailable", message, hint, retryable: true },
});
const temporary = (message: string, hint = "run it again, which is safe"): Verdict => ({
  ...{ kind: "temporary", message, hint, retryable: true },
});

function judge(error: postgres.PostgresError, circumstance: Circumstance): Verdict {
  const { code } = error;
  const known = verdicts[code] ?? verdicts[code.slice(0, 2)];
  if (known !== undefined) return known(circumstance, error);
  // Before the table's own: of the same classes, some codes speak of a row.
  if (isRowFault(error)) {
    const hint = "check the table's constraints and triggers";
    return { kind: "data", message: "the database refused a value", hint };
  }
  if (tableClasses.includes(code.slice(0, 2))) return ofTable();
  return { kind: "internal", message: "the database answered with an error that etl does not know" };
}

/** The SQLSTATE of an `on conflict` whose unique index is not there. */
const keyMissing = "42P10";

/** What an error means, by its SQLSTATE or, for want of that, by the SQLSTATE's class. */
const verdicts: Readonly<Record<string, (on: Circumstance, error: postgres.PostgresError) => Verdict>> = {
  "08": ({ address }) => unavailable(`the database at ${address} broke off the connection`),
  "08P01": ofPooler,
  "0A000": () =>
    config(
      "the table has a rule, or is of a kind, that rows cannot be loaded through",
      "drop the table's rules (psql: \\d+ shows them), or give another --table",
    ),
  "23514": () =>
    config(
      "a row belongs to another partition than the one that is loaded into",
      "give the partitioned table itself as --table",
    ),
  "25006": ({ address }) =>
    unavailable(
      `the database at ${address} is read only`,
      "check that this is the primary and not a standby (PGHOST), and default_transaction_read_only",
    ),
  "25P03": () =>
    temporary("the database ended a transaction that had been idle for idle_in_transaction_session_timeout"),
  "25P04": ({ user, database }) =>
    temporary(
      "the database ended a transaction that took longer than transaction_timeout",
      set(user, database, "transaction_timeout", "'10min'"),
    ),
  "28": ({ address, user, database }) =>
    permission(
      `the database at ${address} does not let user ${user} in`,
      `check the user (PGUSER), and pg_hba.conf for user ${user}, database ${database} and this host`,
    ),
  "28P01": ({ address, user }) =>
    permission(
      `the database at ${address} refused the password of user ${user}`,
      "check the password in --database-url, DATABASE_URL, PGPASSWORD or the password file",
    ),
  "3D000": ({ address, database }) =>
    config(
      `there is no database ${database} at ${address}`,
      `check the name (PGDATABASE), or: createdb ${database}`,
    ),
  "3F": notAsExpected,
  "3F000": () =>
    config("the schema to work in does not exist", "create the schema, or give --table another one"),
  "40": () => temporary("the database rolled the transaction back in favour of another"),
  "42": notAsExpected,
  "42501": lacking,
  "53": ({ address }) => unavailable(`the database at ${address} is short of memory, disk or connections`),
  "53100": ({ address }) =>
    unavailable(
      `the disk of the database at ${address} is full`,
      "free disk space; nothing is lost meanwhile",
    ),
  "53300": ({ address, user }) =>
    unavailable(
      `the database at ${address} has no connection left for user ${user}`,
      "raise max_connections, or the connection limit of user and database, or close other connections",
    ),
  "55P03": () => temporary("the table is locked by another session"),
  "55006": () => temporary("the database is in use by another session"),
  "57": interrupted,
  "57014": () => temporary("the database took too long over a statement"),
  "57P01": ({ address }) =>
    unavailable(
      `the database at ${address} ended the session: it shuts down, or an administrator ended the session`,
    ),
  "57P02": ({ address }) =>
    unavailable(`the database at ${address} ended the session, because another session crashed`),
  "57P03": ({ address }) =>
    unavailable(
      `the database at ${address} takes no connections now: it starts, shuts down or recovers`,
      "wait until it is up, and run it again",
    ),
  "57P04": ({ address, database }) =>
    unavailable(`the database at ${address} ended the session, because ${database} was dropped`),
  "57P05": ({ address }) =>
    unavailable(
      `the database at ${address} ended a session that had been idle for idle_session_timeout`,
      "run it again, which is safe",
    ),
  "58": interrupted,
  XX: interrupted,
};

function interrupted({ address }: Circumstance): Verdict {
  return unavailable(`the database at ${address} failed or was interrupted`);
}

/** pgbouncer has one SQLSTATE for all that it says itself, in words that it does not translate. */
function ofPooler({ address, database }: Circumstance, { message }: postgres.PostgresError): Verdict {
  if (message.includes("statement pooling mode")) {
    return config(
      `the pooler at ${address} is in statement mode, which allows no transactions`,
      `set pool_mode = transaction for ${database} in pgbouncer.ini and reload pgbouncer, or connect to the database itself`,
    );
  }
  return unavailable(`the database or the pooler at ${address} broke off the connection`);
}

/** What an administrator types; it takes the place of what is set for the role, for the database or in a file. */
function set(user: string, database: string, name: string, value: string): string {
  return `alter role ${quoteName(user)} in database ${quoteName(database)} set ${name} = ${value}`;
}

function notAsExpected(_: Circumstance, { code, where }: postgres.PostgresError): Verdict {
  // The server names a place if it was in a function: the table's own, as etl calls none.
  if (where) return ofTable();
  if (code === keyMissing) return config("a unique key that etl relies on is not there", "etl doctor");
  return config("the table or the ledger is not what etl expects", "etl migrate");
}

/** The server's own functions tell errors of this one SQLSTATE apart. */
function lacking(
  { user, database, grants }: Circumstance,
  { routine, where }: postgres.PostgresError,
): Verdict {
  // One of several functions, depending on the server's version. With a place, it is the table's trigger that sets one.
  if (routine?.startsWith("set_config") && !where) {
    return config(
      `triggers and foreign keys are off for user ${user}: session_replication_role is replica`,
      set(user, database, "session_replication_role", reliedOn.session_replication_role),
    );
  }
  switch (routine) {
    case "CheckMyDatabase":
      return permission(
        `user ${user} may not connect to the database ${database}`,
        `grant connect on database ${quoteName(database)} to ${quoteName(user)}`,
      );
    case "ExecWithCheckOptions":
      return permission(
        `the table's row security policies do not let user ${user} insert a row`,
        "add a policy that lets this user insert every row (psql: \\d shows the table's policies)",
      );
    default:
      return permission(`user ${user} lacks a permission in the database`, grants);
  }
}

function ofTable(): Verdict {
  return config(
    "what the table does when a row is inserted failed",
    "check the table's triggers, and the functions in its defaults and constraints",
  );
}

/** Classes that only a trigger, a default or a constraint of the table can be the cause of in our statements. */
const tableClasses = "09 27 2D 2F 3B 38 39 54 55 HV P0".split(" ");

/** SQLSTATEs, and classes of them, that speak of a row's values. */
const rowFaults: Readonly<Record<string, string>> = {
  "21000": "a trigger's subquery found several rows for this one",
  "22": "data exception: a value that its type, length or encoding does not allow",
  "23": "integrity constraint violation: null, unique, foreign key, check, exclusion",
  "44": "with check option violation: a row outside of what a view may hold",
  "54000": "a value too large for its index",
  P0001: "a trigger raised an exception over this row",
  P0002: "a trigger's strict select found nothing for this row",
  P0003: "a trigger's strict select found too much for this row",
  P0004: "a trigger's assertion failed for this row",
};

/** The function behind PL/pgSQL's `raise`: whatever the code, it is the trigger's own word on the row that it was given. */
const raise = "exec_stmt_raise";

/** Whether a trigger or function raised the error itself. */
export function raises({ routine }: postgres.PostgresError): boolean {
  return routine === raise;
}

/**
 * Whether a server's error that will not pass by itself is one row's fault, whatever became of the others. A check violation
 * without a constraint's name is a missing partition: the row may be good, and the table not.
 */
function isRowFault(error: postgres.PostgresError): boolean {
  const { code, constraint_name } = error;
  if (raises(error)) return true;
  if (code === "23514" && !constraint_name) return false;
  return [code, code.slice(0, 2)].some((known) => Object.hasOwn(rowFaults, known));
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
  const hint = "check host and port (PGHOST, PGPORT, DATABASE_URL), and that the database runs";
  const verdict = unavailable(`the database at ${address} cannot be reached: ${reason}`, hint);
  return new EtlError({ ...verdict, operation, resource: address, code, cause: error });
}

const certificateFaults: Readonly<Record<string, Verdict>> = {
  CERT_HAS_EXPIRED: config("the database's certificate has expired", "renew the server's certificate"),
  CERT_NOT_YET_VALID: config(
    "the database's certificate is not valid yet",
    "check the clocks of this machine and of the server",
  ),
};

/** Translates a failed TLS handshake (operation `encrypt`): what the certificate lacks, or that it broke off. */
export function handshakeError(error: unknown, { address }: Destination): EtlError {
  const code = errorCode(error);
  // OpenSSL's names of verification failures; anything else is the handshake or the socket.
  const isCertificate = code !== undefined && /CERT|SIGNATURE|ISSUER|VERIF/.test(code);
  const verdict = isCertificate
    ? (certificateFaults[code] ??
      config(
        "the database's certificate is not signed by an authority that is trusted here",
        "set sslrootcert (PGSSLROOTCERT) to the certificate of the authority that signed it",
      ))
    : unavailable(
        `the database at ${address} broke off the TLS handshake`,
        "check the TLS versions that the server allows",
      );
  return new EtlError({ ...verdict, operation: "encrypt", resource: address, code, cause: error });
}

function errorCode(error: unknown): string | undefined {
  const code = (error as { readonly code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}
