/** Everything that a set-up reaches the world by, cut off where the person backs out. */

import type { Settings } from "../../settings/settings.ts";
import type { SetupDatabase, SetupPorts, SetupQueue } from "../../setup/ports.ts";
import type { Context } from "../context.ts";
import { defaultMethod } from "../masker.ts";
import { queueAccount } from "../queue.ts";
import { setupDatabases } from "./databases.ts";
import { setupKey } from "./key.ts";
import { setupQueues } from "./queues.ts";

/** The ports of one run. After the signal, what waits for an answer rejects with its reason. */
export function setupPorts(
  settings: Settings,
  context: Context,
  configPath: string,
  signal: AbortSignal,
): SetupPorts {
  const account = queueAccount(settings.queue, context);
  const queues = setupQueues(settings.queue, context, account, signal);
  const databases = setupDatabases(
    settings.database,
    context,
    defaultMethod(settings.mask.algorithm),
    signal,
  );
  const cut = <T>(promise: Promise<T>) => orAborted(promise, signal);
  return {
    now: Date.now,
    key: setupKey(settings.mask, configPath),
    queues: {
      identity: () => cut(queues.identity()),
      list: () => cut(queues.list()),
      open(url): SetupQueue {
        const queue = queues.open(url);
        // A sample is not cut off here: it ends by itself, once everything is given back.
        return { name: queue.name, facts: () => cut(queue.facts()), sample: queue.sample };
      },
    },
    databases: { connect: async (answer) => cutDatabase(await cut(databases.connect(answer)), cut) },
  };
}

function cutDatabase(database: SetupDatabase, cut: <T>(promise: Promise<T>) => Promise<T>): SetupDatabase {
  return {
    ...database,
    tables: () => cut(database.tables()),
    table: (name) => cut(database.table(name)),
    check: (name, mapping) => cut(database.check(name, mapping)),
    // Not cut off either: the signal closes the connection, and whether the commit came before that must be known.
  };
}

function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  // Where the other comes first, nobody is left to hear what this one fails with.
  aborted.catch(() => {});
  promise.catch(() => {});
  return Promise.race([promise, aborted]);
}
