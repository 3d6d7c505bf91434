/** The database as the rest of the program uses it: transactions, each statement under a deadline of our own. */

import type { EtlError } from "../errors.ts";
import { commitUnknown } from "../processing/outcome.ts";
import {
  addressOf,
  type Client,
  ConnectionLost,
  type Encryption,
  openClient,
  type ResultRow,
} from "./client.ts";
import type { ConnectionSettings, TlsMode } from "./connection-settings.ts";
import {
  type Circumstance,
  closed,
  databaseError,
  endsSession,
  isServersOwn,
  rolledBack,
  unanswered,
  unansweredCommit,
} from "./errors.ts";
import { beginning } from "./session-settings.ts";
import type { Answer, Statement } from "./wire.ts";

/** How long the database may take. */
export interface Deadlines {
  /** For a connection to be let in, TLS and password included. */
  readonly connectTimeoutMillis: number;
  /**
   * For the answer to one statement; to the next of those that were sent together, it begins anew. The server is told to
   * give up a little earlier, so that its locks are gone.
   */
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
  /**
   * Sends statements together, in one round trip; each runs whatever becomes of those before it.
   *
   * @returns an answer for each; the error of one that failed is an EtlError
   */
  runTogether(statements: readonly Statement[]): Promise<readonly Answer[]>;
}

/** A database that is connected to when it is first used, and again after a connection was lost. */
export interface Database {
  /** Host and port, or a socket's path; without a secret. */
  readonly address: string;
  readonly name: string;
  readonly user: string;
  /**
   * Runs the work in a transaction of its own: read committed, whatever the role's default is, and durable at its
   * commit. It is rolled back if the work throws. As many are open at a time as there are connections; others wait.
   *
   * What it relies on is set in the transaction: settings of a role, or of a pooler's session, change nothing.
   *
   * @throws EtlError what the work throws; `retryable` where the connection was lost or a deadline passed. Where a
   * commit was not answered, it may have happened.
   */
  transaction<T>(options: TransactionOptions, work: (transaction: Transaction) => Promise<T>): Promise<T>;
  /**
   * Runs one statement in such a transaction of its own, in one round trip: its commit is sent along. If the connection is
   * lost, what the statement wrote is nearly always of unknown outcome, as its commit was sent and not answered.
   *
   * @throws EtlError as `transaction` does
   */
  runOnce(options: TransactionOptions, statement: Statement): Promise<Answer["rows"]>;
  /**
   * Runs parts in such a transaction of their own, in one round trip, each kept or undone by itself: the commit that is sent
   * along holds those that succeeded.
   *
   * @param before statements without parameters that come first, separated by semicolons
   * @returns an answer for each part; the error of one that failed is an EtlError
   * @throws EtlError as `runOnce` does; nothing of the parts is stored then, unless the commit was not answered
   */
  runParts(
    options: TransactionOptions,
    before: string,
    parts: readonly Statement[],
  ): Promise<readonly Answer[]>;
  /** Ends the connections, and transactions that are open with them. Never waits for the server. */
  close(): void;
}

/**
 * Makes a database of the settings; connects at the first transaction.
 *
 * @param connections how many may be open at a time, and with them transactions
 */
export function openDatabase(
  settings: ConnectionSettings,
  deadlines: Deadlines = defaultDeadlines,
  connections = 1,
): Database {
  const address = addressOf(settings);
  /** The server gives up a little before we do. */
  const serverMillis = Math.ceil(deadlines.statementTimeoutMillis * 0.9);
  const closing = new AbortController();
  const clients = new Set<Client>();
  /** The last one used is used next: a slow hour needs no more connections than it has transactions at a time. */
  const idle: Client[] = [];
  const waiting: (() => void)[] = [];
  let inUse = 0;

  /** Runs the work with a connection that nobody else uses meanwhile. */
  async function withClient<T>(
    { operation, grants, signal }: TransactionOptions,
    work: (session: Session) => Promise<T>,
  ): Promise<T> {
    if (inUse === connections) await new Promise<void>((resolve) => waiting.push(resolve));
    else inUse += 1;
    let client: Client | undefined;
    try {
      const circumstance = { operation, address, user: settings.user, database: settings.database, grants };
      const stop = signal === undefined ? closing.signal : AbortSignal.any([closing.signal, signal]);
      stop.throwIfAborted();
      do client = idle.pop();
      while (client !== undefined && !client.alive);
      client ??= await connect(settings, deadlines, circumstance, stop);
      clients.add(client);
      const session = client;
      return await work({
        client: session,
        circumstance,
        answer: (run, lateCode) => {
          const late = { millis: deadlines.statementTimeoutMillis, code: lateCode };
          return underDeadline(session, run, late, circumstance, stop);
        },
      });
    } finally {
      if (client?.alive) idle.push(client);
      else if (client !== undefined) clients.delete(client);
      const next = waiting.shift();
      if (next === undefined) inUse -= 1;
      else next();
    }
  }

  return {
    address,
    name: settings.database,
    user: settings.user,
    transaction(options, work) {
      return withClient(options, async ({ client, circumstance, answer }) => {
        const run = (text: string, parameters?: readonly (string | number)[]) =>
          answer(() => client.run(text, parameters));
        try {
          await run(beginning(options.readOnly ?? false, serverMillis));
          const result = await work({
            run: async (text, parameters) => (await run(text, parameters)).rows,
            runTogether: async (statements) => {
              const answers = await answer(() => client.runTogether(statements));
              return answers.map((one) => translated(one, circumstance));
            },
          });
          await commit(client, () => run("commit"), circumstance);
          return result;
        } catch (error) {
          // A rollback that fails takes the connection with it, and the server then rolls back by itself.
          if (client.alive) await run("rollback").catch(() => client.destroy());
          throw error;
        }
      });
    },
    runOnce(options, statement) {
      return withClient(options, async (session) => {
        const answers = await runTransaction(session, options, serverMillis, [statement]);
        return answers[0]?.rows ?? [];
      });
    },
    runParts(options, before, parts) {
      return withClient(options, async (session) => {
        const answers = await runTransaction(session, options, serverMillis, inParts(before, parts));
        return answersOfParts(answers).map((answer): Answer => {
          if (answer.error === undefined) return answer;
          if (endsSession(answer.error)) session.client.destroy();
          return translated(answer, session.circumstance);
        });
      });
    },
    close() {
      closing.abort(closed(address));
      for (const client of clients) client.destroy();
    },
  };
}

/** A connection in use. */
interface Session {
  readonly client: Client;
  readonly circumstance: Circumstance;
  /**
   * Waits for an answer, no longer than the deadline, which begins anew whenever `run` calls what it is given; then it
   * rejects with an error of the code `lateCode`.
   */
  answer<T>(run: (progress: () => void) => Promise<T>, lateCode?: string): Promise<T>;
}

const savepoint = "savepoint part";

/**
 * A part, and what keeps it or undoes it without waiting for its answer. If it succeeds, a second savepoint hides the one
 * before it, and the rollback undoes nothing. If it fails, the server refuses to set the savepoint, and the rollback goes to
 * the one before the part.
 *
 * @see https://www.postgresql.org/docs/current/sql-savepoint.html
 */
function keptOrUndone(part: Statement): readonly Statement[] {
  return [part, { text: savepoint }, { text: `rollback to ${savepoint}` }];
}

/** The statements that run parts within a transaction, each kept or undone by itself. @param before what comes first */
export function inParts(before: string, parts: readonly Statement[]): readonly Statement[] {
  return [{ text: [before, savepoint].join("; ") }, ...parts.flatMap(keptOrUndone)];
}

/** Of the answers to {@link inParts} one for each part, with its error if it was undone. */
export function answersOfParts([, ...answers]: readonly Answer[]): readonly Answer[] {
  return Array.from({ length: answers.length / 3 }, (_, index): Answer => {
    const [done, kept] = answers.slice(3 * index) as [Answer, Answer];
    // Without its savepoint the part has been undone.
    const error = done.error ?? kept.error;
    return error === undefined ? done : { ...done, error };
  });
}

/** Runs a whole transaction in one flush. It stores nothing if `begin`, the first statement or the commit fails. */
async function runTransaction(
  { client, circumstance, answer }: Session,
  { readOnly = false }: TransactionOptions,
  serverMillis: number,
  statements: readonly Statement[],
): Promise<readonly Answer[]> {
  const flush = [{ text: beginning(readOnly, serverMillis) }, ...statements, { text: "commit" }];
  const answers = await answer(
    (progress) =>
      client.runTogether(flush, progress).catch((error: unknown) => {
        throw ofLostTransaction(error, circumstance, flush.length, readOnly);
      }),
    readOnly ? undefined : commitUnknown,
  );
  const [begun, first, ...others] = answers;
  const committed = others.at(-1);
  // After a failure that nothing undoes, the server answers the commit with a rollback.
  const error = begun?.error ?? first?.error ?? committed?.error;
  if (error !== undefined) {
    if (endsSession(error)) client.destroy();
    throw databaseError(error, circumstance);
  }
  if (committed?.command !== "COMMIT") throw rolledBack(circumstance);
  return answers.slice(1, -1);
}

function translated(answer: Answer, circumstance: Circumstance): Answer {
  return answer.error === undefined
    ? answer
    : { ...answer, error: databaseError(answer.error, circumstance) };
}

/**
 * Nothing was committed if there was nothing to commit, the transaction failed at its beginning, or the server ended the
 * session before it came to the commit; otherwise nobody knows.
 */
function ofLostTransaction(
  error: unknown,
  circumstance: Circumstance,
  statements: number,
  readOnly: boolean,
): unknown {
  if (!(error instanceof ConnectionLost)) return error;
  const { answers, failure } = error;
  const reason = answers[0]?.error ?? answers[1]?.error;
  if (reason !== undefined || readOnly) return reason ?? failure ?? error;
  if (failure !== undefined && answers.length < statements - 1 && isServersOwn(failure)) return failure;
  return unansweredCommit(circumstance, failure ?? error);
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

/** Whatever ends the wait closes the connection, so that no late answer is taken for that of another statement. */
async function underDeadline<T>(
  client: Client,
  run: (progress: () => void) => Promise<T>,
  late: { readonly millis: number; readonly code: string | undefined },
  circumstance: Circumstance,
  stop: AbortSignal,
): Promise<T> {
  const end = Promise.withResolvers<never>();
  const giveUp = (reason: unknown) => {
    end.reject(reason);
    client.destroy();
  };
  const abort = () => giveUp(stop.reason);
  const timer = setTimeout(() => giveUp(unanswered(circumstance, late.code)), late.millis);
  stop.addEventListener("abort", abort);
  try {
    if (stop.aborted) throw stop.reason;
    return await Promise.race([run(() => timer.refresh()), end.promise]);
  } catch (error) {
    if (endsSession(error)) client.destroy();
    if (stop.aborted) throw stop.reason;
    const reason = error instanceof ConnectionLost ? (error.failure ?? error) : error;
    throw databaseError(reason, circumstance);
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
