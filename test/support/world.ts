/** A queue, a database and a key for one test file, and the environment that leads `etl` to them. */

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { userLogins } from "../../src/message/mapping.ts";
import { migrationSql } from "../../src/postgres/migrate.ts";
import { createDatabase, type TestDatabase } from "./postgres.ts";
import { type SqsServer, startSqsServer } from "./sqs-server.ts";

/** The key of every world: 32 bytes of which nothing is known but that they do not repeat. */
export const maskKey = Buffer.from(
  Array.from({ length: 32 }, (_, index) => (index * 73 + 41) % 256),
).toString("base64");

/** Everything a run of `etl` needs. */
export interface World {
  readonly server: SqsServer;
  readonly database: TestDatabase;
  /** An empty folder, for `etl` to run in. */
  readonly folder: string;
  /** Makes an empty queue and gives its URL. */
  newQueue(settings?: Parameters<SqsServer["createQueue"]>[1]): Promise<string>;
  /** Drops what is there and migrates anew. */
  emptyTable(): Promise<void>;
  /** The environment for a queue of this world; a value of undefined takes a variable away. */
  env(queueUrl: string, changes?: Readonly<Record<string, string | undefined>>): Record<string, string>;
  close(): Promise<void>;
}

/** Opens a world. Close it when the file's tests are over. */
export async function openWorld(): Promise<World> {
  const [server, database] = await Promise.all([startSqsServer(), createDatabase()]);
  const folder = mkdtempSync(join(tmpdir(), "etl-test-"));
  const keyFile = join(folder, "etl-mask.key");
  writeFileSync(keyFile, `${maskKey}\n`);
  chmodSync(keyFile, 0o600);
  let queues = 0;
  return {
    server,
    database,
    folder,
    newQueue(settings) {
      queues += 1;
      return server.createQueue(`login-queue-${queues}`, settings);
    },
    async emptyTable() {
      const session = await database.sql.reserve();
      await session.unsafe("drop schema public cascade; create schema public");
      await session.unsafe(migrationSql(userLogins, "user_logins"));
      session.release();
    },
    env(queueUrl, changes = {}) {
      const env = {
        ETL_QUEUE_URL: queueUrl,
        AWS_ACCESS_KEY_ID: "test-key",
        AWS_SECRET_ACCESS_KEY: "test-secret",
        AWS_REGION: "us-east-1",
        DATABASE_URL: database.url,
        ETL_MASK_KEY_FILE: keyFile,
        ...changes,
      };
      return Object.fromEntries(
        Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
      );
    },
    async close() {
      await Promise.all([server.stop(), database.drop()]);
      rmSync(folder, { recursive: true });
    },
  };
}

/** A login event as the reference job's producers send it. */
export function loginEvent(changes: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    user_id: "424cdd21-063a-43a7-b91b-7ca1a833afae",
    app_version: "2.3.0",
    device_type: "android",
    ip: "199.172.111.135",
    locale: "RU",
    device_id: "593-47-5928",
    ...changes,
  });
}
