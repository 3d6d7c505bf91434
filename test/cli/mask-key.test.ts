import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { exitCodes } from "../../src/errors.ts";
import { runEtl } from "../support/binary.ts";
import { expectFailure } from "../support/failed-run.ts";
import { startFaultyServer } from "../support/sqs-faults.ts";
import { fileWorld, loginEvent } from "../support/world.ts";

const world = await fileWorld("once");
const queueUrl = await world.newQueue();
/** Takes every request and remembers it. */
const queue = await startFaultyServer(["close"]);
afterAll(() => queue.stop());

type Changes = Readonly<Record<string, string | undefined>>;

describe("a drain without a good mask key asks nothing of the queue", () => {
  const short = Buffer.alloc(31, 7).toString("base64");

  test.each<[what: string, changes: () => Changes, error: string, hint: string]>([
    // One lies in the folder, made and not named: the hint must not lead to a second one.
    ["no key", () => ({}), "there is no mask key", 'export ETL_MASK_KEY_FILE="$PWD/etl-mask.key"'],
    ["a short key", () => ({ ETL_MASK_KEY: short }), "fewer than 32 bytes", "etl keys generate"],
    ["a file that others may read", () => ({ ETL_MASK_KEY_FILE: openFile() }), "", "chmod 600"],
  ])("%s", async (_, changes, error, hint) => {
    for (const args of [[], ["--dry-run"]]) {
      const env = world.env(queueUrl, { AWS_ENDPOINT_URL_SQS: queue.endpoint, ETL_MASK_KEY_FILE: undefined });
      const run = await runEtl(["drain", ...args], { env: { ...env, ...changes() }, cwd: world.folder });
      expectFailure(run, { exitCode: exitCodes.config, error, hint }, { ...env, ETL_MASK_KEY: short });
    }
    expect(queue.heads).toEqual([]);
  });

  function openFile(): string {
    const path = join(world.folder, "open");
    writeFileSync(path, `${Buffer.alloc(32, "k9").toString("base64")}\n`);
    chmodSync(path, 0o644);
    return path;
  }
});

test("rows of another key: a drain, a dry run and the doctor tell of it, and each works", async () => {
  const warning = /user_logins holds rows masked under another key \([0-9a-f]{8}\)/;
  const drainWith = async (env: Changes, ...args: string[]) => {
    await world.server.send(queueUrl, [loginEvent()]);
    const few = ["--max-messages", "1", ...args];
    return await world.etl(queueUrl, ["drain", ...few], env);
  };
  const other = {
    ETL_MASK_KEY: Buffer.from("0123456789abcdef0123456789ABCDEF").toString("base64"),
    ETL_MASK_KEY_FILE: undefined,
  };
  for (const run of [await drainWith({}), await drainWith({})]) {
    expect(run.exitCode).toBe(0);
    expect(run.stderr).not.toMatch(warning);
  }
  for (const args of [["--dry-run"], []]) {
    const run = await drainWith(other, ...args);
    expect(run.exitCode).toBe(0);
    expect(run.stderr).toMatch(warning);
  }
  const doctor = await world.etl(queueUrl, ["doctor"], other);
  expect(doctor.exitCode).toBe(0);
  expect(doctor.stdout.replaceAll(/\s+/g, " ")).toMatch(
    /warning masked rows public\.user_logins holds rows masked under another key/,
  );
});
