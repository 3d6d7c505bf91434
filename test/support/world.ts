/** A queue, a database and a key for one test file, and `etl` run on them. */

import { afterAll, beforeEach } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { userLogins } from "../../src/message/mapping.ts";
import { migrationSql } from "../../src/postgres/migrate.ts";
import { type Finished, type Running, runEtl, spawnEtl, spawnEtlInTerminal } from "./binary.ts";
import { createDatabase, type PostgresServer, type TestDatabase } from "./postgres.ts";
import type { PseudoTerminal } from "./pseudo-terminal.ts";
import { type QueueDepth, type QueueSettings, type SqsServer, startSqsServer } from "./sqs-server.ts";

/** The key of every world: 32 bytes of which nothing is known but that they do not repeat. */
export const maskKey = Buffer.from(
  Array.from({ length: 32 }, (_, index) => (index * 73 + 41) % 256),
).toString("base64");

/** Drops what is there and makes the reference job's table and its ledger. */
export const emptySql = `drop schema public cascade; create schema public; ${migrationSql(userLogins, "user_logins")}`;

/** Whose signatures a run makes in any world. */
export const worldSigner = {
  accessKeyId: "test-key",
  secretAccessKey: "test-secret",
  region: "us-east-1",
};

/** Variables of a run that differ from the world's own; a value of undefined takes a variable away. */
export type EnvChanges = Readonly<Record<string, string | undefined>>;

/** Everything a run of `etl` needs. */
export interface World extends AsyncDisposable {
  readonly server: SqsServer;
  readonly database: TestDatabase;
  /** An empty folder, for `etl` to run in. */
  readonly folder: string;
  /** Makes an empty queue and gives its URL. */
  newQueue(settings?: QueueSettings): Promise<string>;
  /** Makes a queue with these messages in it. */
  queueWith(bodies: readonly string[], settings?: QueueSettings): Promise<{ url: string; ids: string[] }>;
  /** Drops what is there and migrates anew. */
  emptyTable(): Promise<void>;
  /** The database's URL with other parts, such as `port` or `username`. */
  databaseUrl(
    changes: Readonly<Partial<Pick<URL, "hostname" | "port" | "pathname" | "username" | "password">>>,
  ): string;
  /** Makes a user that may log in and has been given nothing else; it is gone when the world is closed. */
  newUser(): Promise<{ readonly name: string; readonly url: string }>;
  /** The environment for a queue of this world. */
  env(queueUrl: string, changes?: EnvChanges): Record<string, string>;
  /** Runs `etl` to its end, in the world's folder. */
  etl(queueUrl: string, args: readonly string[], changes?: EnvChanges): Promise<Finished>;
  /** Starts `etl`, in the world's folder. */
  spawn(queueUrl: string, args: readonly string[], changes?: EnvChanges): Running;
  /** Starts `etl` on a terminal, in the world's folder. */
  spawnInTerminal(
    queueUrl: string,
    args: readonly string[],
    columns?: number,
    changes?: EnvChanges,
  ): PseudoTerminal;
  close(): Promise<void>;
}

/** Opens a world. Close it when it is no longer needed. @param postgres @defaultValue the shared server */
export async function openWorld(postgres?: PostgresServer): Promise<World> {
  const [server, database] = await Promise.all([startSqsServer(), createDatabase(postgres)]);
  const folder = mkdtempSync(join(tmpdir(), "etl-test-"));
  const keyFile = join(folder, "etl-mask.key");
  writeFileSync(keyFile, `${maskKey}\n`);
  chmodSync(keyFile, 0o600);
  const users: string[] = [];
  let queues = 0;
  const world: World = {
    server,
    database,
    folder,
    newQueue(settings) {
      queues += 1;
      return server.createQueue(`login-queue-${queues}${settings?.FifoQueue ? ".fifo" : ""}`, settings);
    },
    async queueWith(bodies, settings) {
      const url = await world.newQueue(settings);
      return { url, ids: await server.send(url, bodies) };
    },
    async emptyTable() {
      const session = await database.sql.reserve();
      await session.unsafe(emptySql);
      session.release();
    },
    databaseUrl: (changes) => Object.assign(new URL(database.url), changes).href,
    async newUser() {
      const name = `clerk_${users.length}_${database.name}`;
      users.push(name);
      await database.sql.unsafe(`create role ${name} login password 'clerk-canary'`);
      return { name, url: world.databaseUrl({ username: name, password: "clerk-canary" }) };
    },
    env(queueUrl, changes = {}) {
      const env = {
        ETL_QUEUE_URL: queueUrl,
        AWS_ACCESS_KEY_ID: worldSigner.accessKeyId,
        AWS_SECRET_ACCESS_KEY: worldSigner.secretAccessKey,
        AWS_REGION: worldSigner.region,
        DATABASE_URL: database.url,
        ETL_MASK_KEY_FILE: keyFile,
        ...changes,
      };
      return Object.fromEntries(
        Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
      );
    },
    etl: (queueUrl, args, changes) => runEtl(args, { env: world.env(queueUrl, changes), cwd: folder }),
    spawn: (queueUrl, args, changes) => spawnEtl(args, { env: world.env(queueUrl, changes), cwd: folder }),
    spawnInTerminal: (queueUrl, args, columns = 100, changes) =>
      spawnEtlInTerminal(args, { env: world.env(queueUrl, changes), cwd: folder, columns }),
    [Symbol.asyncDispose]: () => world.close(),
    async close() {
      for (const user of users) await database.sql.unsafe(`drop owned by ${user}; drop role ${user}`);
      await Promise.all([server.stop(), database.drop()]);
      rmSync(folder, { recursive: true });
    },
  };
  return world;
}

/**
 * Opens a world that is closed after the last test of the file.
 *
 * @param empty when the table is made anew; `never`: there is none before the file makes one
 */
export async function fileWorld(empty: "each test" | "once" | "never"): Promise<World> {
  const world = await openWorld();
  if (empty === "once") await world.emptyTable();
  if (empty === "each test") beforeEach(() => world.emptyTable());
  afterAll(() => world.close());
  return world;
}

/** No message, visible or hidden. */
export const noMessages: QueueDepth = { visible: 0, inFlight: 0 };

/** So many messages, each of which can be received. */
export const visible = (count: number): QueueDepth => ({ visible: count, inFlight: 0 });

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

/** So many login events, each of another user: `user-0`, `user-1` and so on. */
export const loginEvents = (count: number, prefix = "user") =>
  Array.from({ length: count }, (_, index) => loginEvent({ user_id: `${prefix}-${index}` }));
