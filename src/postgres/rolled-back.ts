/** Work that writes, in one transaction that is rolled back: what it would come to, and nothing of it stays. */

import { answersOfParts, type Database, inParts, type Transaction } from "./connect.ts";
import type { Answer, Statement } from "./wire.ts";

/** Thrown to have the transaction rolled back. */
const undo = new Error("rolled back on purpose");

/**
 * Gives the work a database whose transactions are parts of one that is rolled back at its end. Constraints that are checked at
 * the commit are checked at the end of each part.
 *
 * @returns what the work returns
 * @throws EtlError what the work throws, or as `Database.transaction` does
 */
export async function rolledBack<T>(
  database: Database,
  options: Parameters<Database["transaction"]>[0],
  work: (database: Database) => Promise<T>,
): Promise<T> {
  let result: { readonly of: T } | undefined;
  try {
    await database.transaction(options, async (transaction) => {
      result = { of: await work(within(database, transaction)) };
      throw undo;
    });
  } catch (error) {
    if (error !== undo) throw error;
  }
  return (result as { readonly of: T }).of;
}

const begin = { text: "savepoint whole" };
const end = { text: "set constraints all immediate; release savepoint whole" };

/** What would be a transaction of its own is a part: of one that failed nothing is left, and the next one can run. */
function within(database: Database, transaction: Transaction): Database {
  async function part<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      // A connection that is lost has rolled back everything.
      await transaction.run("rollback to savepoint whole; release savepoint whole").catch(() => {});
      throw error;
    }
  }
  return {
    address: database.address,
    name: database.name,
    user: database.user,
    transaction: (_, work) =>
      part(async () => {
        await transaction.run(begin.text);
        const result = await work(transaction);
        await transaction.run(end.text);
        return result;
      }),
    runOnce: (_, statement: Statement): Promise<Answer["rows"]> =>
      part(async () => {
        const answers = await transaction.runTogether([begin, statement, end]);
        const failed = answers.find(({ error }) => error !== undefined);
        if (failed !== undefined) throw failed.error;
        return answers[1]?.rows ?? [];
      }),
    runParts: (_, before, parts) =>
      part(async () => {
        const answers = await transaction.runTogether([begin, ...inParts(before, parts), end]);
        const failed = [answers[0], answers[1], answers.at(-1)].find((answer) => answer?.error !== undefined);
        if (failed !== undefined) throw failed.error;
        return answersOfParts(answers.slice(1, -1));
      }),
    close() {},
  };
}
