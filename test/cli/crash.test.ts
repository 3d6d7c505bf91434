import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const main = join(import.meta.dir, "../../src/main.ts");
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "etl-crash-"));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Runs `etl --help` and breaks it from inside as soon as it has begun to watch for the event. */
function crash(event: string, bug: string) {
  const preload = join(folder, `${event}.ts`);
  writeFileSync(
    preload,
    `process.on("newListener", (name) => { if (name === ${JSON.stringify(event)}) setImmediate(() => { ${bug} }); });
     setInterval(() => {}, 1000);`,
  );
  const child = Bun.spawnSync([process.execPath, "--preload", preload, main, "--help"], { timeout: 10_000 });
  return { exitCode: child.exitCode, stderr: child.stderr.toString() };
}

describe("a bug that nobody caught", () => {
  test.each([
    ["uncaughtException", 'throw new RangeError("canary")'],
    ["unhandledRejection", 'Promise.reject(new RangeError("canary"))'],
  ])("%s ends the process with 70 and is told without what it quotes", (event, bug) => {
    const { exitCode, stderr } = crash(event, bug);
    expect(stderr).toMatch(/^error: internal: RangeError\n(?: {2}at .*\n)*try: .*\n$/);
    expect(stderr).not.toContain("canary");
    expect(exitCode).toBe(70);
  });
});
