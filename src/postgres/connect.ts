/** The database as the rest of the program uses it: transactions, each statement under a deadline of our own. */

import type { EtlError } from "../errors.ts";
import { type Client, openClient, type ResultRow } from "./client.ts";
import type { ConnectionSettings } from "./connection-settings.ts";
import { addressOf, type Encryption } from "./dial.ts";
import {
  type Circumstance,
  closed,
  databaseError,
  endsSession,
  rolledBack,
  unanswered,
  unansweredCommit,
} from "./errors.ts";
import type { TlsMode } from "./tls.ts";

/** How long the database may take. */
export interface Deadlines {
  /** For a connection to be let in, TLS and password included. */
  readonly connectTimeoutMillis: number;
  /** For the answer to one statement. The server is told to give up a little earlier, so that its locks are gone. */
  readonly statementTimeoutMillis: number;
}

/** Deadlines for a drain. */
const defaultDeadlines: Deadlines = { connectTimeoutMillis: 10_000, statementTimeoutMillis: 60_000 };

/** What a transaction is for. */
interface TransactionOptions {
  /** Names it in errors, such as `load`. */
  readonly operation: string;
  /** The server then refuses to write. @defaultValue false */
  readonly readOnly?: boolean;
  /** What an administrator has to type where the user lacks a permission. */
  readonly grants?: string;
  /** Ends it at once, by closing the connection; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** An open transaction. */
export interface Transaction {
  /**
   * Runs one statement, or several without parameters.
   *
   * @throws EtlError; after one, only a rollback to a savepoint goes on
   */
  run(text: string, parameters?: readonly (string | number)[]): Promise<readonly ResultRow[]>;
}

/** A database that is connected to when it is first used, and again after the connection was lost. */
export interface Database {
  /** Host and port, or a socket's path; without a secret. */
  readonly address: string;
  readonly name: string;
  readonly user: string;
  /**
   * Runs the work in a transaction of its own: read committed, whatever the role's default is, and durable at its
   * commit. It is rolled back where the work throws. One transaction is open at a time; others wait.
   *
   * Everything it sets lives in the transaction, so that a pooler in transaction mode changes nothing.
   *
   * @throws EtlError what the work throws; `retryable` where the connection was lost or a deadline passed. Where a
   * commit was not answered, it may have happened.
   */
  transaction<T>(options: TransactionOptions, work: (transaction: Transaction) => Promise<T>): Promise<T>;
  /** Ends the connection, and a transaction that is open with it. Never waits for the server. */
  close(): void;
}

/** Makes a database of the settings; connects at the first transaction. */
export function openDatabase(
  settings: ConnectionSettings,
  deadlines: Deadlines = defaultDeadlines,
): Database {
  const address = addressOf(settings);
  const closing = new AbortController();
  let client: Client | undefined;
  let lastInLine: Promise<unknown> = Promise.resolve();

  async function attempt<T>(
    { operation, readOnly = false, grants, signal }: TransactionOptions,
    work: (transaction: Transaction) => Promise<T>,
  ): Promise<T> {
    const circumstance = { operation, address, user: settings.user, database: settings.database, grants };
    const stop = signal === undefined ? closing.signal : AbortSignal.any([closing.signal, signal]);
    stop.throwIfAborted();
    if (client === undefined || !client.alive)
      client = await connect(settings, deadlines, circumstance, stop);
    const session = client;
    const statement = (text: string, parameters?: readonly (string | number)[]) =>
      underDeadline(session, () => session.run(text, parameters), deadlines, circumstance, stop);
    try {
      await statement(beginning(readOnly, deadlines));
      const result = await work({
        run: async (text, parameters) => (await statement(text, parameters)).rows,
      });
      await commit(session, () => statement("commit"), circumstance);
      return result;
    } catch (error) {
      // A rollback that fails takes the connection with it, and the server then rolls back by itself.
      if (session.alive) await statement("rollback").catch(() => session.destroy());
      throw error;
    }
  }

  return {
    address,
    name: settings.database,
    user: settings.user,
    transaction(options, work) {
      const turn = lastInLine.then(() => attempt(options, work));
      lastInLine = turn.catch(() => {});
      return turn;
    },
    close() {
      closing.abort(closed(address));
      client?.destroy();
    },
  };
}

/** How each mode goes about it, in turn; the next is tried where the server refuses the one before. */
const attempts: Readonly<Record<TlsMode, readonly Encryption[]>> = {
  disable: ["none"],
  allow: ["none", "always"],
  prefer: ["if-offered", "none"],
  require: ["always"],
  "verify-ca": ["always"],
  "verify-full": ["always"],
};

async function connect(
  settings: ConnectionSettings,
  { connectTimeoutMillis }: Deadlines,
  circumstance: Circumstance,
  stop: AbortSignal,
): Promise<Client> {
  const connecting = { ...circumstance, operation: "connect" };
  const late = AbortSignal.timeout(settings.connectTimeoutMillis ?? connectTimeoutMillis);
  const signal = AbortSignal.any([stop, late]);
  let refusal: EtlError | undefined;
  for (const encryption of attempts[settings.tls.mode]) {
    try {
      return await openClient(settings, encryption, signal);
    } catch (error) {
      if (stop.aborted) throw stop.reason;
      if (late.aborted) throw unanswered(connecting);
      const failure = databaseError(error, connecting);
      // A second way that leads to the door, and not through it, says more than a first that does not lead there.
      if (refusal === undefined || failure.kind === "permission") refusal = failure;
      if (!refusesEncryption(failure)) break;
    }
  }
  throw refusal;
}

/** Either the handshake broke off, or `pg_hba.conf` has no line for a user who comes so (28000). */
function refusesEncryption({ code, operation }: EtlError): boolean {
  return code === "28000" || operation === "encrypt";
}

/**
 * All of it ends with the transaction: nothing of it is left in a session that a pooler gives to someone else.
 *
 * To write is not asked for: a standby refuses that with 0A000, which means many things, and the write itself with
 * 25006; and `default_transaction_read_only` is an administrator's way to say that nothing may be written now.
 */
function beginning(readOnly: boolean, { statementTimeoutMillis }: Deadlines): string {
  const serverMillis = Math.ceil(statementTimeoutMillis * 0.9);
  return `
    begin isolation level read committed${readOnly ? " read only" : ""};
    set local synchronous_commit = on;
    set local statement_timeout = ${serverMillis};
    set local idle_in_transaction_session_timeout = ${serverMillis}`;
}

/** Whatever ends the wait closes the connection, so that no late answer is taken for that of another statement. */
async function underDeadline<T>(
  session: Client,
  run: () => Promise<T>,
  { statementTimeoutMillis }: Deadlines,
  circumstance: Circumstance,
  stop: AbortSignal,
): Promise<T> {
  const end = Promise.withResolvers<never>();
  const giveUp = (reason: unknown) => {
    end.reject(reason);
    session.destroy();
  };
  const abort = () => giveUp(stop.reason);
  const timer = setTimeout(() => giveUp(unanswered(circumstance)), statementTimeoutMillis);
  stop.addEventListener("abort", abort);
  try {
    if (stop.aborted) throw stop.reason;
    return await Promise.race([run(), end.promise]);
  } catch (error) {
    if (endsSession(error)) session.destroy();
    throw stop.aborted ? stop.reason : databaseError(error, circumstance);
  } finally {
    clearTimeout(timer);
    stop.removeEventListener("abort", abort);
  }
}

/** Only an answer that says so commits: to a transaction that has failed, the server answers a commit by rolling back. */
async function commit(
  session: Client,
  statement: () => Promise<{ readonly command: string }>,
  circumstance: Circumstance,
): Promise<void> {
  const { command } = await statement().catch((error: unknown) => {
    throw session.alive ? error : unansweredCommit(circumstance, error);
  });
  if (command !== "COMMIT") throw rolledBack(circumstance);
}
