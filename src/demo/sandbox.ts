/** All that a demo runs in: queues, a database, a mask key, and the environment that names them. */

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EtlError } from "../errors.ts";
import { startEmbeddedDatabase } from "./database.ts";
import { startEmbeddedQueues } from "./queue.ts";

/** The queue of the environment. */
export const queueName = "login-queue";

/** A second queue, for messages of another kind. */
export const otherQueueName = "order-events";

/** A running sandbox. It is reached over loopback alone, and gone without a trace once it was stopped. */
export type Sandbox = Awaited<ReturnType<typeof startSandbox>>;

/**
 * Starts the queues and the database.
 *
 * @param forgottenDeletes how many deletes the queue is to forget, so that messages come twice
 * @throws EtlError of kind config if no file can be made
 */
export async function startSandbox(forgottenDeletes: number) {
  await using starting = new AsyncDisposableStack();
  const folder = makeFolder();
  starting.defer(() => rmSync(folder, { recursive: true, force: true }));
  const names = [queueName, otherQueueName] as const;
  const queues = await startEmbeddedQueues({ names, forgottenDeletes });
  starting.defer(queues.stop);
  const database = await startEmbeddedDatabase();
  starting.defer(database.stop);
  /** What a command's environment has to be, as a whole, so that it sees this queue and this database. */
  const environment = {
    ETL_MASK_KEY_FILE: newFile(folder, "mask.key", `${randomBytes(32).toString("base64")}\n`),
    // Empty, so that an `etl.toml` of the current folder has no say.
    ETL_CONFIG: newFile(folder, "etl.toml", ""),
    ETL_QUEUE_URL: queues.url,
    AWS_ENDPOINT_URL_SQS: queues.endpoint,
    AWS_REGION: queues.region,
    // Requests are signed with them, and the embedded queue does not look.
    AWS_ACCESS_KEY_ID: "demo",
    AWS_SECRET_ACCESS_KEY: "demo",
    DATABASE_URL: database.url,
    // A proxy of the machine cannot reach what listens on loopback alone.
    NO_PROXY: "*",
  };
  const started = starting.move();
  return { environment, send: queues.send, stop: () => started.disposeAsync() };
}

function makeFolder(): string {
  try {
    return mkdtempSync(join(tmpdir(), "etl-demo-"));
  } catch (cause) {
    throw new EtlError({
      kind: "config",
      operation: "demo",
      message: `the demo cannot make a folder in ${tmpdir()}`,
      hint: "set TMPDIR to a folder that this user may write to",
      cause,
    });
  }
}

function newFile(folder: string, name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content, { mode: 0o600, flag: "wx" });
  return path;
}
