/** Queues, a Postgres of its own and bad network between them and `etl`: where chaos takes place. */

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { userLogins } from "../../src/message/mapping.ts";
import { migrationSql } from "../../src/postgres/migrate.ts";
import { type Running, spawnEtl } from "./binary.ts";
import { type Admin, openAdmin } from "./chaos-admin.ts";
import type { Chance } from "./chaos-chance.ts";
import { type DatabaseLink, startDatabaseLink } from "./chaos-database-link.ts";
import { type QueueProxy, startQueueProxy } from "./chaos-queue-proxy.ts";
import { createDatabase, type PostgresServer, startServer } from "./postgres.ts";
import { type QueueSettings, type SqsServer, startSqsServer } from "./sqs-server.ts";
import { maskKey } from "./world.ts";

/** The way of one process to queue and database. */
export interface Way {
  readonly queue: QueueProxy;
  readonly link: DatabaseLink;
}

/** Where chaos takes place. */
export interface ChaosWorld {
  readonly server: SqsServer;
  readonly postgres: PostgresServer;
  /** The superuser's way in, past every link. */
  readonly admin: Admin;
  readonly databaseName: string;
  readonly chance: Chance;
  /** As many as were asked for; a process takes one of them. */
  readonly ways: readonly Way[];
  newQueue(settings?: QueueSettings): Promise<string>;
  /** Drops what is there and migrates anew, with a constraint that refuses the locale `ZZ`. */
  emptyTable(): Promise<void>;
  /** Where a process on this way finds the database. */
  databaseUrl(way: Way): string;
  /** Starts `etl`, on a way; it may run for two hours. */
  spawn(way: Way, queueUrl: string, args: readonly string[]): Running;
  close(): Promise<void>;
}

/** `etl` connects as this user: a superuser would pass every limit. */
export const writer = "etl_writer";
const writerPassword = "writer-password";

const longestRunMillis = 2 * 60 * 60_000;

/** Opens a world. Close it when the file's tests are over. */
export async function openChaosWorld(chance: Chance, wayCount = 1): Promise<ChaosWorld> {
  const [server, postgres] = await Promise.all([startSqsServer(), startServer()]);
  const database = await createDatabase(postgres);
  const databaseName = database.name;
  await database.sql.unsafe(`create role ${writer} login password '${writerPassword}'`);
  await database.sql.end();
  const admin = openAdmin(postgres, databaseName);
  const ways = await Promise.all(
    Array.from({ length: wayCount }, async () => ({
      queue: await startQueueProxy(server.endpoint, chance.fork()),
      link: await startDatabaseLink(postgres.port),
    })),
  );
  const folder = mkdtempSync(join(tmpdir(), "etl-chaos-"));
  const keyFile = join(folder, "etl-mask.key");
  writeFileSync(keyFile, `${maskKey}\n`);
  chmodSync(keyFile, 0o600);
  const running = new Set<Running>();
  let queues = 0;
  const databaseUrl = ({ link }: Pick<Way, "link">) =>
    `postgres://${writer}:${writerPassword}@127.0.0.1:${link.port}/${databaseName}`;
  return {
    server,
    postgres,
    admin,
    databaseName,
    chance,
    ways,
    newQueue(settings) {
      queues += 1;
      return server.createQueue(`chaos-queue-${queues}`, settings);
    },
    async emptyTable() {
      await admin.query(`
        drop schema public cascade; create schema public;
        ${migrationSql(userLogins, "user_logins")}
        alter table user_logins add constraint locale_known check (locale <> 'ZZ');
        grant usage on schema public to ${writer};
        grant all on all tables in schema public to ${writer}`);
    },
    databaseUrl,
    spawn({ queue, link }, queueUrl, args) {
      const env = {
        ETL_QUEUE_URL: queue.urlOf(queueUrl),
        AWS_ACCESS_KEY_ID: "test-key",
        AWS_SECRET_ACCESS_KEY: "test-secret",
        AWS_REGION: "us-east-1",
        DATABASE_URL: databaseUrl({ link }),
        ETL_MASK_KEY_FILE: keyFile,
      };
      const run = spawnEtl(args, { env, cwd: folder, timeoutMillis: longestRunMillis });
      running.add(run);
      void run.finished.catch(() => {}).then(() => running.delete(run));
      return run;
    },
    async close() {
      // Those of a test that has failed.
      for (const run of running) run.kill("SIGKILL");
      await Promise.all(ways.flatMap(({ queue, link }) => [queue.stop(), link.stop()]));
      await Promise.all([server.stop(), admin.close()]);
      await postgres.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
