import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { replaceFile, requireWritable } from "../../../src/commands/init/writing.ts";
import { EtlError } from "../../../src/errors.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "etl-files-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("a file is written for its owner alone, also where an open one was there", () => {
  const path = join(folder, "etl.toml");
  replaceFile(path, "one");
  chmodSync(path, 0o644);
  replaceFile(path, "two");
  expect(readFileSync(path, "utf8")).toBe("two");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(["etl.toml"]);
});

test("a symbolic link stays one", () => {
  mkdirSync(join(folder, "real"));
  writeFileSync(join(folder, "real", "settings"), "old");
  symlinkSync(join("real", "settings"), join(folder, "etl.toml"));
  replaceFile(join(folder, "etl.toml"), "new");
  expect(lstatSync(join(folder, "etl.toml")).isSymbolicLink()).toBe(true);
  expect(readFileSync(join(folder, "real", "settings"), "utf8")).toBe("new");
});

test("what cannot be replaced stays as it was, with nothing beside it", () => {
  mkdirSync(join(folder, "etl.toml"));
  expect(() => replaceFile(join(folder, "etl.toml"), "new")).toThrow(EtlError);
  expect(readdirSync(folder)).toEqual(["etl.toml"]);
});

test("a folder that is not there is told of before anything is asked", () => {
  expect(() => requireWritable(join(folder, "nowhere", "etl.toml"))).toThrow("cannot be written (ENOENT)");
  expect(() => requireWritable(join(folder, "etl.toml"))).not.toThrow();
});
