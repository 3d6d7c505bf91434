/** Folders of a test file. */

import { afterAll } from "bun:test";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Makes an empty folder that is gone after the last test of the file. */
export function fileFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "etl-test-")));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
