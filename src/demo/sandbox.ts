/** All that a demo runs in: a queue, a database, a mask key, and the environment that names them. */

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EtlError } from "../errors.ts";
import { startEmbeddedDatabase } from "./database.ts";
import { startEmbeddedQueues } from "./queue.ts";

/** A running sandbox. It is reached over loopback alone, and gone without a trace once it was stopped. */
export interface Sandbox {
  /** What a command's environment has to be, as a whole, so that it sees this queue and this database. */
  readonly environment: Readonly<Record<string, string>>;
  /** The database, for `psql`. */
  readonly databaseUrl: string;
  /** The queue of the environment. */
  readonly queueName: string;
  /** A second queue, for messages of another kind. */
  readonly otherQueueName: string;
  /** Puts messages into the queue of that name. */
  send(queueName: string, bodies: readonly string[]): void;
  /** Stops both and removes the key. */
  stop(): Promise<void>;
}

const queueName = "login-queue";
const otherQueueName = "order-events";

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

/**
 * Starts the queue and the database.
 *
 * @param forgottenDeletes how many deletes the queue is to forget, so that messages come twice
 */
export async function startSandbox(forgottenDeletes: number): Promise<Sandbox> {
  const folder = makeFolder();
  const cleanUps = [async () => rmSync(folder, { recursive: true, force: true })];
  const stop = async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp();
  };
  try {
    const queue = await startEmbeddedQueues({ names: [queueName, otherQueueName], forgottenDeletes });
    cleanUps.push(queue.stop);
    const database = await startEmbeddedDatabase();
    cleanUps.push(database.stop);
    return {
      environment: {
        ...writeFiles(folder),
        ETL_QUEUE_URL: queue.url,
        AWS_ENDPOINT_URL_SQS: queue.endpoint,
        AWS_REGION: queue.region,
        // Requests are signed with them, and the embedded queue does not look.
        AWS_ACCESS_KEY_ID: "demo",
        AWS_SECRET_ACCESS_KEY: "demo",
        DATABASE_URL: database.url,
        // A proxy of the machine cannot reach what listens on loopback alone.
        NO_PROXY: "*",
      },
      databaseUrl: database.url,
      queueName,
      otherQueueName,
      send: queue.send,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A mask key, and settings that are empty so that an `etl.toml` of the current folder has no say. */
function writeFiles(folder: string): { ETL_MASK_KEY_FILE: string; ETL_CONFIG: string } {
  const keyFile = join(folder, "mask.key");
  writeFileSync(keyFile, `${randomBytes(32).toString("base64")}\n`, { mode: 0o600, flag: "wx" });
  const config = join(folder, "etl.toml");
  writeFileSync(config, "", { mode: 0o600, flag: "wx" });
  return { ETL_MASK_KEY_FILE: keyFile, ETL_CONFIG: config };
}
