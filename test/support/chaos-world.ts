/** A world with a Postgres server of its own and bad network around it: where chaos takes place. */

import { afterAll } from "bun:test";
import { type Running, spawnEtl } from "./binary.ts";
import { type Admin, openAdmin } from "./chaos-admin.ts";
import { type Chance, chaosSeed, createChance } from "./chaos-chance.ts";
import { type PostgresServer, startServer } from "./postgres.ts";
import { type PostgresProxy, startPostgresProxy } from "./postgres-proxy.ts";
import { type QueueProxy, startQueueProxy } from "./sqs-proxy.ts";
import { emptySql, openWorld, type World } from "./world.ts";

/** The way of one process to queue and database. */
export interface Way {
  readonly queue: QueueProxy;
  readonly link: PostgresProxy;
}

/** Where chaos takes place; its {@link World.emptyTable} adds a constraint that refuses the locale `ZZ`. */
export interface ChaosWorld extends Pick<World, "server" | "folder" | "newQueue" | "emptyTable" | "close"> {
  readonly postgres: PostgresServer;
  /** The superuser's way in, past every link. */
  readonly admin: Admin;
  readonly databaseName: string;
  readonly chance: Chance;
  /** As many as were asked for; a process takes one of them. */
  readonly ways: readonly Way[];
  /** Messages of a queue, those in flight included. */
  depthOf(queueUrl: string): number;
  /** The URL by which a process on this way finds the database. */
  databaseUrl(way: Way): string;
  /** Starts `etl`, on a way; it may run for two hours. */
  spawn(way: Way, queueUrl: string, args: readonly string[]): Running;
}

/** `etl` connects as this user: a superuser would pass every limit. */
export const writer = "etl_writer";
const writerPassword = "writer-password";

const longestRunMillis = 2 * 60 * 60_000;

/** Opens a world. Close it when it is no longer needed. */
export async function openChaosWorld(chance: Chance, wayCount = 1): Promise<ChaosWorld> {
  const postgres = await startServer();
  const world = await openWorld(postgres);
  const { server, database, folder, newQueue } = world;
  await database.sql.unsafe(`create role ${writer} login password '${writerPassword}'`);
  const admin = openAdmin(postgres, database.name);
  const ways = await Promise.all(
    Array.from({ length: wayCount }, async () => ({
      queue: await startQueueProxy(server.endpoint, { chance: chance.fork() }),
      link: await startPostgresProxy(postgres.port),
    })),
  );
  const running = new Set<Running>();
  const databaseUrl = ({ link }: Pick<Way, "link">) =>
    world.databaseUrl({ username: writer, password: writerPassword, port: String(link.port) });
  return {
    ...{ server, folder, newQueue, postgres, admin, chance, ways, databaseUrl },
    databaseName: database.name,
    depthOf(queueUrl) {
      const { visible, inFlight } = server.depth(queueUrl);
      return visible + inFlight;
    },
    async emptyTable() {
      await admin.query(`
        ${emptySql}
        alter table user_logins add constraint locale_known check (locale <> 'ZZ');
        grant usage on schema public to ${writer};
        grant all on all tables in schema public to ${writer}`);
    },
    spawn({ queue, link }, queueUrl, args) {
      const env = world.env(queue.urlOf(queueUrl), { DATABASE_URL: databaseUrl({ link }) });
      const run = spawnEtl(args, { env, cwd: folder, timeoutMillis: longestRunMillis });
      running.add(run);
      void run.finished.catch(() => {}).then(() => running.delete(run));
      return run;
    },
    async close() {
      // Those of a test that has failed.
      for (const run of running) run.kill("SIGKILL");
      await Promise.all(ways.flatMap(({ queue, link }) => [queue.stop(), link.stop()]));
      await admin.close();
      await world.close();
      await postgres.stop();
    },
  };
}

/** Opens a world with an empty table, which is closed after the last test of the file; `ETL_CHAOS_SEED` seeds its chance. */
export async function fileChaosWorld(wayCount = 1): Promise<ChaosWorld> {
  const world = await openChaosWorld(createChance(chaosSeed()), wayCount);
  await world.emptyTable();
  afterAll(() => world.close(), 30_000);
  return world;
}

/**
 * Opens worlds that tests of a file share out while they run at the same time, each one test's alone and empty when it
 * begins. They are closed after the last test.
 */
export async function chaosWorlds(count: number, wayCount = 1) {
  const chance = createChance(chaosSeed());
  const worlds = await Promise.all(
    Array.from({ length: count }, () => openChaosWorld(chance.fork(), wayCount)),
  );
  afterAll(() => Promise.all(worlds.map((world) => world.close())), 30_000);
  const idle = [...worlds];
  const waiting: ((world: ChaosWorld) => void)[] = [];
  return async (work: (world: ChaosWorld, way: Way) => Promise<void>): Promise<void> => {
    const world = idle.pop() ?? (await new Promise<ChaosWorld>((resolve) => waiting.push(resolve)));
    try {
      for (const { queue, link } of world.ways) {
        queue.set([], 0);
        link.mode = "open";
      }
      await world.emptyTable();
      await work(world, world.ways[0] as Way);
    } finally {
      const next = waiting.shift();
      if (next === undefined) idle.push(world);
      else next(world);
    }
  };
}
