import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { exitCodes } from "../../src/errors.ts";
import { runEtl } from "../support/binary.ts";
import { expectFailure } from "../support/failed-run.ts";
import { type FaultyServer, startFaultyServer } from "../support/sqs-faults.ts";
import { openWorld, type World } from "../support/world.ts";

let world: World;
let queueUrl: string;
/** Takes every request and remembers it. */
let queue: FaultyServer;

beforeAll(async () => {
  world = await openWorld();
  await world.emptyTable();
  queueUrl = await world.newQueue();
  queue = await startFaultyServer(["close"]);
});
afterAll(async () => {
  await queue.stop();
  await world.close();
});

type Changes = Readonly<Record<string, string | undefined>>;

describe("without a good mask key nothing is asked of the queue", () => {
  const short = Buffer.alloc(31, 7).toString("base64");

  test.each<[what: string, changes: () => Changes, error: string, hint: string]>([
    // One lies in the folder, made and not named: the hint must not lead to a second one.
    ["no key", () => ({}), "there is no mask key", 'export ETL_MASK_KEY_FILE="$PWD/etl-mask.key"'],
    [
      "a missing file",
      () => ({ ETL_MASK_KEY_FILE: keyFile("absent") }),
      "does not exist",
      "etl keys generate",
    ],
    ["a short key", () => ({ ETL_MASK_KEY: short }), "fewer than 32 bytes", "etl keys generate"],
    ["a key that is no base64", () => ({ ETL_MASK_KEY: "not a key at all!" }), "base64", "etl keys generate"],
    ["a file that others may read", () => ({ ETL_MASK_KEY_FILE: keyFile("open", 0o644) }), "", "chmod 600"],
    [
      "an empty file",
      () => ({ ETL_MASK_KEY_FILE: keyFile("empty", 0o600, "") }),
      "base64",
      "etl keys generate",
    ],
  ])("%s", async (_, changes, error, hint) => {
    for (const args of [[], ["--dry-run"]]) {
      const env = world.env(queueUrl, { AWS_ENDPOINT_URL_SQS: queue.endpoint, ETL_MASK_KEY_FILE: undefined });
      const run = await runEtl(["drain", ...args], { env: { ...env, ...changes() }, cwd: world.folder });
      expectFailure(run, { exitCode: exitCodes.config, error, hint }, { ...env, ETL_MASK_KEY: short });
    }
    expect(queue.heads).toEqual([]);
  });

  function keyFile(
    name: string,
    mode?: number,
    text = `${Buffer.alloc(32, "k9").toString("base64")}\n`,
  ): string {
    const path = join(world.folder, name);
    if (mode === undefined) return path;
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  }
});
