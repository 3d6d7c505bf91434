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
import { replaceFile, requireWritable, writePlan } from "../../../src/commands/init/writing.ts";
import { EtlError } from "../../../src/errors.ts";
import type { Plan } from "../../../src/setup/ports.ts";
import { blankStart, memoryWorld } from "../../support/setup-world.ts";

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

test("if the settings cannot be written, neither the key nor the password's file is left", async () => {
  const { ports } = memoryWorld({ messages: [] });
  const configPath = join(folder, "etl.toml");
  mkdirSync(configPath);
  const plan: Plan = {
    queue: { ...blankStart.queue, url: "https://sqs.example/1/orders" },
    databaseAnswer: "settings",
    database: await ports.connect("settings"),
    table: "orders",
    mapping: { columns: [], conflict: { action: "reject" } },
    key: { ...ports.key(), place: join(folder, "etl-mask.key") },
  };
  const failed = writePlan(plan, { configPath, toml: "", password: "hunter2" });
  expect(await failed.catch((error: unknown) => error)).toMatchObject({ kind: "config", operation: "init" });
  expect(readdirSync(folder)).toEqual(["etl.toml"]);
});
