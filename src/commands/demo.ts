/** `etl demo`: the whole way of a message on one machine, with a queue and a Postgres of its own. */

import { fewestWithMalformed, generateBodies, generateOrders, seededRandom } from "../demo/events.ts";
import { otherQueueName, queueName, type Sandbox, startSandbox } from "../demo/sandbox.ts";
import { exitCodes } from "../errors.ts";
import { userLogins } from "../message/mapping.ts";
import type { DemoOptions } from "../settings/options.ts";
import { countOf } from "../terminal/text.ts";
import { shellQuoted } from "../text/shell-quoted.ts";
import type { Context } from "./context.ts";
import { runDrain } from "./drain/drain.ts";
import { runMigrate } from "./migrate.ts";
import { printRows } from "./rows.ts";
import { readSettings } from "./settings.ts";
import { aborted, listenForStop } from "./stop.ts";
import { openSettingsDatabase } from "./table.ts";

/** The same events in every demo, so that two of them can be compared. */
const seed = 7;

/** One in so many messages is delivered twice. */
const redeliveredEvery = 50;

/** Of the other kind, for `etl init` to look at. */
const orders = 60;

/** What leads to the queue of login events, and what `etl init` does not need, or asks for by itself. */
const referenceJobVariables = ["ETL_QUEUE_URL", "ETL_MASK_KEY_FILE", "ETL_CONFIG"];

/**
 * Fills an embedded queue with generated login events, drains it into an embedded Postgres as `etl drain` does, and
 * shows what has arrived. With `keep` it then fills the queue again and leaves both running until a stop signal.
 *
 * @returns 0, though messages are rejected: they are part of the demo; 129, 130 or 143 if a signal came before its end
 */
export async function runDemo(context: Context, { messages, keep }: DemoOptions): Promise<number> {
  // From the first moment on: a signal must not end the process before the mask key's file is removed.
  const stop = listenForStop({ ...context, log: { info() {} } });
  context.log.info("starting a queue and a Postgres inside this process, reachable from this machine alone");
  const redelivered = Math.ceil(messages / redeliveredEvery);
  const sandbox = await startSandbox(redelivered);
  try {
    const inside: Context = { ...context, env: sandbox.environment };
    const random = seededRandom(seed);
    sandbox.send(queueName, generateBodies({ count: messages, random }));
    const malformed = messages < fewestWithMalformed ? "" : ", some malformed";
    context.log.info(`filled ${queueName} with ${countOf(messages, "generated login event")}${malformed}`);
    context.log.info(
      `the queue will deliver ${countOf(redelivered, "message")} a second time after the delete, as SQS may`,
    );
    const migrated = await runMigrate(inside, { print: false });
    if (migrated !== 0) return migrated;
    if (stop.graceful.aborted) return stop.exitCode;

    // A short wait, because nothing but this demo fills the queue.
    const options = {
      dryRun: false,
      writeCheck: false,
      follow: false,
      json: false,
      quiet: false,
      waitSeconds: 1,
    };
    const drained = await runDrain(inside, options);
    if (drained !== 0 && drained !== exitCodes.data) return drained;
    await showRows(inside);
    if (drained === exitCodes.data) {
      context.log.info("the rejections belong to the demo: it exits with 0, where a drain exits with 65");
    }
    if (!keep) return 0;
    sandbox.send(queueName, generateBodies({ count: messages, random }));
    sandbox.send(otherQueueName, generateOrders({ count: orders, random }));
    await explain(context, sandbox, messages);
    await aborted(stop.graceful);
    context.log.info("stopping: queue, database and mask key of the demo are gone with it");
    return 0;
  } finally {
    await sandbox.stop();
    stop.end();
  }
}

/** Rows as they lie in the table, those of one user together: equal values have equal masks. */
async function showRows(context: Context): Promise<void> {
  const columns = userLogins.columns.map(({ column }) => column);
  const settings = readSettings(context, {});
  const database = openSettingsDatabase(settings, context);
  try {
    const rows = await database.transaction({ operation: "show rows", readOnly: true }, (transaction) =>
      transaction.run(
        `select ${columns.map((name) => `${name}::text`).join(", ")}
         from ${settings.table.name} order by user_id, masked_device_id, app_version limit 5`,
      ),
    );
    const cells = rows.map((row) => columns.map((name) => (row[name] === null ? null : String(row[name]))));
    await context.stdout.write(`\n${countOf(cells.length, "row")} of ${settings.table.name}:\n\n`);
    await printRows(userLogins, cells, context);
  } finally {
    database.close();
  }
}

/** The lines to paste into another terminal. */
async function explain({ log, stdout }: Context, { environment }: Sandbox, messages: number): Promise<void> {
  const exports = Object.entries(environment).map(([name, value]) => `export ${name}=${shellQuoted(value)}`);
  await log.flush();
  await stdout.write(
    [
      `The queue ${queueName} holds ${countOf(messages, "new message")}. In another terminal:`,
      "",
      ...exports,
      "etl drain --dry-run",
      `psql ${shellQuoted(environment.DATABASE_URL)} -c 'table user_logins limit 5'`,
      "",
      `To set up a job of your own: the queue ${otherQueueName} holds ${countOf(orders, "message")} of another kind. Then:`,
      "",
      `unset ${referenceJobVariables.join(" ")}`,
      "etl init",
      "",
      "",
    ].join("\n"),
  );
  log.info("running until Ctrl-C");
}
