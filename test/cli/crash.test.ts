import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { runEtl } from "../support/binary.ts";
import { fileFolder } from "../support/folder.ts";
import { listen } from "../support/postgres-proxy.ts";

const folder = fileFolder();

/** Runs a migration that would wait for its database, and breaks it from inside as soon as it has begun to. */
async function crash(event: string, bug: string) {
  const preload = join(folder, `${event}.ts`);
  // The runtime loads the bug by way of a variable that a run refuses: it is gone before the run looks.
  writeFileSync(
    preload,
    `delete process.env.BUN_OPTIONS;
     process.on("newListener", (name) => { if (name === ${JSON.stringify(event)}) setImmediate(() => { ${bug} }); });`,
  );
  const silent = await listen(() => {});
  const DATABASE_URL = `postgres://etl@127.0.0.1:${silent.port}/x`;
  try {
    return await runEtl(["migrate"], { env: { BUN_OPTIONS: `--preload=${preload}`, DATABASE_URL } });
  } finally {
    await silent.stop();
  }
}

describe("a bug that nobody caught", () => {
  test.each([
    ["uncaughtException", 'throw new RangeError("canary")'],
    ["unhandledRejection", 'Promise.reject(new RangeError("canary"))'],
  ])("%s ends the process with 70 and is told without what it quotes", async (event, bug) => {
    const { exitCode, stderr } = await crash(event, bug);
    expect(stderr).toMatch(/^error: internal: RangeError\n(?: {2}at .*\n)*try: .*\n$/);
    expect(stderr).not.toContain("canary");
    expect(exitCode).toBe(70);
  });
});
