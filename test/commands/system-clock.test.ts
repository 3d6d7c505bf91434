import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { threadRunnableMillis, waitedForCoreMillis } from "../../src/commands/system-clock.ts";
import { fileFolder } from "../support/folder.ts";

const folder = fileFolder();

function fileOf(text: string): string {
  const path = join(folder, "schedstat");
  writeFileSync(path, text);
  return path;
}

describe("the time for which a thread waited for a core", () => {
  test("is the second of the kernel's times", () => {
    expect(waitedForCoreMillis(fileOf("1982831459 2066001836 11573\n"))).toBe(2066.001836);
  });

  test.each(["", "\n", "12", "12 x 3\n"])("is none in a file that does not say so: %j", (text) => {
    expect(waitedForCoreMillis(fileOf(text))).toBe(0);
  });

  test("is none where there is no such file", () => {
    expect(waitedForCoreMillis(join(folder, "missing"))).toBe(0);
  });
});

test("a thread that works has had work for at least its CPU time", () => {
  const before = { runnable: threadRunnableMillis(), cpu: process.threadCpuUsage() };
  let sum = 0;
  while (process.threadCpuUsage(before.cpu).user < 20_000) sum += Math.sqrt(sum + 1);
  expect(threadRunnableMillis() - before.runnable).toBeGreaterThanOrEqual(20);
});
