/** The whole set-up, from the first question to the plan. It writes nothing itself. */

import { goBack, setupError } from "./asker.ts";
import { chooseDatabase, chooseTable } from "./database-questions.ts";
import { findFields } from "./fields.ts";
import { createJournal } from "./journal.ts";
import { chooseMapping } from "./mapping-questions.ts";
import type { Plan, Session, Start } from "./ports.ts";
import { chooseQueue } from "./queue-questions.ts";
import { showFields } from "./review.ts";

/**
 * Asks for a queue, a database, a table and a mapping, and checks each answer. A person can go back by a question.
 *
 * @returns what to write, with the database still open
 * @throws EtlError if something is wrong that no other answer mends; the reason of the abort if the person backs out;
 * {@link goBack} if the person goes back from the first question
 */
export async function setUp(session: Session): Promise<Plan> {
  if (!session.asker.isPerson) requireAnswers(session.start);
  const journal = createJournal(session);
  let plan: Plan | undefined;
  try {
    while (plan === undefined) {
      try {
        plan = await interview(journal.session);
      } catch (error) {
        if (error !== goBack || !journal.back()) throw error;
      }
    }
    return plan;
  } finally {
    journal.close(plan?.database);
  }
}

async function interview(session: Session): Promise<Plan> {
  const { asker, start } = session;
  const queue = await chooseQueue(session);
  const { bodies, unlike } = queue.sample;
  const found = findFields(bodies);
  if (found.of > 0) await showFields(asker, found);
  else await asker.warn("the queue gave no message to learn from");
  if (unlike > 0) {
    await asker.tell(`Left out of it: ${unlike} of ${bodies.length + unlike} messages with other fields`);
  }
  const { databaseAnswer, database } = await chooseDatabase(session);
  const table = await chooseTable(session, database, queue.name);
  if (found.of === 0 && !(table.isFiles && start.mapping)) {
    throw setupError(
      "the queue gave no message, and etl proposes a mapping from messages",
      "send one message to the queue and run etl init again, or write the columns yourself: etl config example",
    );
  }
  const { mapping, key } = await chooseMapping({ ...session, queue, database, table, found });
  // The sample ends here.
  const { url, body, extendedPayloads } = queue;
  const agreed = { url, body, extendedPayloads };
  return { queue: agreed, databaseAnswer, database, table: table.name, mapping, key };
}

/** Asks for everything that nobody can guess at once, before a message is received. */
function requireAnswers({ given, queue, databaseFrom, table }: Start): void {
  const missing = [
    ...((given.queueUrl ?? queue.url) === undefined ? ["--queue-url URL"] : []),
    ...((given.databaseUrl ?? databaseFrom) === undefined ? ["--database-url URL"] : []),
    ...((given.table ?? table) === undefined ? ["--table NAME"] : []),
  ];
  if (missing.length === 0) return;
  const hint = `give ${missing.join(" and ")}`;
  throw setupError("nobody is here to ask, and some answers are missing", hint, "usage");
}
