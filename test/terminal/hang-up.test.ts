import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hangUpEnds } from "../../src/terminal/output.ts";

const folder = mkdtempSync(join(tmpdir(), "etl-hang-up-"));
afterAll(() => rmSync(folder, { recursive: true }));

test.each([
  [true, "0000000000000000"],
  [true, "0000000000001000"],
  [false, "0000000000000001"],
  [false, "0000000000001001"],
  [false, "000000000000000f"],
])("a hang-up ends the process: %j where the ignored signals are %s", (ends, mask) => {
  const path = join(folder, "status");
  writeFileSync(path, `Name:\tetl\nSigBlk:\t0000000000000001\nSigIgn:\t${mask}\nSigCgt:\t0000000000000001\n`);
  expect(hangUpEnds(path)).toBe(ends);
});

test("where nobody can say, it is left to the system", () => {
  expect(hangUpEnds(join(folder, "missing"))).toBe(false);
  writeFileSync(join(folder, "status"), "Name:\tetl\n");
  expect(hangUpEnds(join(folder, "status"))).toBe(false);
});
