/** The set-up as a whole: from the first question to what is to be written. It writes nothing itself. */

import { EtlError } from "../errors.ts";
import type { Mapping } from "../message/mapping.ts";
import type { Asker } from "./asker.ts";
import { chooseDatabase, chooseTable } from "./database-questions.ts";
import { findFields } from "./fields.ts";
import { chooseMapping, showFields } from "./mapping-questions.ts";
import { alikeBodies } from "./outliers.ts";
import type { Plan, Start } from "./plan.ts";
import type { SetupPorts } from "./ports.ts";
import { chooseQueue } from "./queue-questions.ts";

/**
 * Asks for a queue, a database, a table and a mapping, each checked as it is answered.
 *
 * @returns what is to be written, with the database still open
 * @throws EtlError where something is wrong that no other answer mends; the reason of the abort where the person backs out
 */
export async function setUp(asker: Asker, ports: SetupPorts, start: Start): Promise<Plan> {
  if (!asker.isPerson) requireAnswers(start);
  const queue = await chooseQueue(asker, ports, start);
  const { bodies, unlike } = alikeBodies(queue.sample.bodies);
  const found = findFields(bodies);
  if (found.of > 0) await showFields(asker, found);
  else await asker.warn("the queue gave no message to learn from");
  if (unlike > 0)
    await asker.tell(`Not counted: ${unlike} of ${bodies.length + unlike}, unlike all the others`);
  const { answer, database } = await chooseDatabase(asker, ports.databases, start);
  try {
    const table = await chooseTable(asker, database, start, queue.name);
    if (found.of === 0) requireMapping(table.isFiles ? start.mapping : undefined);
    const { mapping, key } = await chooseMapping(asker, { ports, start, queue, database, table, found });
    return {
      queue: { url: queue.url, body: queue.body, extendedPayloads: queue.extendedPayloads },
      databaseAnswer: answer,
      database,
      table: table.name,
      mapping,
      key,
    };
  } catch (error) {
    database.close();
    throw error;
  }
}

/** What nobody can guess must be said before a message is received, and all of it at once. */
function requireAnswers({ given, queueUrl, databaseFrom, table }: Start): void {
  const missing = [
    ...((given.queueUrl ?? queueUrl) === undefined ? ["--queue-url URL"] : []),
    ...((given.databaseUrl ?? databaseFrom) === undefined ? ["--database-url URL"] : []),
    ...((given.table ?? table) === undefined ? ["--table NAME"] : []),
  ];
  if (missing.length === 0) return;
  throw new EtlError({
    kind: "usage",
    operation: "init",
    message: "nobody can be asked here, and some answers are missing",
    hint: `give ${missing.join(" and ")}`,
  });
}

/** Without a message, only a mapping that is there already can be kept. */
function requireMapping(mapping: Mapping | undefined): void {
  if (mapping !== undefined) return;
  throw new EtlError({
    kind: "config",
    operation: "init",
    message: "the queue gave no message, and a mapping is proposed from messages",
    hint: "send one message to the queue and run etl init again, or write the columns yourself: etl config example",
  });
}
