import { describe, expect, test } from "bun:test";
import { readMaskKey } from "../../src/settings/mask-key.ts";
import { loadSettings } from "../../src/settings/settings.ts";
import type { TextFile } from "../../src/settings/text-file.ts";
import { everyWordOf, refusalOf } from "../support/refusal.ts";

const canary = "hunter2canary";
const key = Buffer.from(Uint8Array.from({ length: 32 }, (_, index) => index * 7)).toString("base64");

function load(toml: string, env: Record<string, string> = {}, files: Record<string, TextFile> = {}) {
  const readFile = (path: string) =>
    path === "/c/etl.toml" ? { text: toml, openToOthers: true } : files[path];
  const settings = loadSettings({ flags: { config: "/c/etl.toml" }, env, readFile });
  return { settings, maskKey: () => readMaskKey(settings.mask, readFile) };
}

const own = (text: string): TextFile => ({ text, openToOthers: false });

describe("a secret that the file names", () => {
  test("is read from a variable or a file, in a settings file that anyone may read", () => {
    const env = { PGPASS: canary, WHERE: `postgres://etl:${canary}@db/x` };
    const files = { "/c/s/pw": own(`${canary}\n`), "/abs": own(`postgres://etl:${canary}@db/x`) };
    const database = (toml: string) => {
      const { url, file } = load(`[database]\n${toml}`, env, files).settings.database;
      // What the file says is not taken for what a flag or a variable says.
      expect(url).toBeUndefined();
      return file;
    };
    expect(database('password = "env:PGPASS"').password).toBe(canary);
    expect(database('password = "file:s/pw"').password).toBe(canary);
    expect(database('password_file = "s/pw"').password).toBe(canary);
    expect(database('url = "env:WHERE"').url).toBe(env.WHERE);
    expect(database('url = "file:/abs"').url).toBe(env.WHERE);
  });

  test.each([
    [`${canary}\n`, canary],
    [`${canary}\r\n`, canary],
    [`  ${canary} \n`, `  ${canary} `],
  ])("is a file's one line without its end, spaces and all: %j", (text, password) => {
    const { settings } = load('database.password_file = "s"', {}, { "/c/s": own(text) });
    expect(settings.database.file.password).toBe(password);
  });

  test.each(["", "\n", `${canary}\n\n`])("is refused if its file holds %j", (text) => {
    const refusal = refusalOf(() => load('database.password_file = "s"', {}, { "/c/s": own(text) }));
    expect(refusal.message).toBe("/c/s must hold the database's password on one line, and nothing else");
  });

  test.each([
    ['url = "env:NONE"', "NONE, which database.url names, is not set"],
    ['password = "env:EMPTY"', "EMPTY, which database.password names, is not set"],
    ['password = "file:none"', "the file /c/none, which database.password names, does not exist"],
    ['password_file = "none"', "the file /c/none, which database.password_file names, does not exist"],
    ['password = "file:two"', "/c/two must hold the database's password on one line, and nothing else"],
    [
      'password = "file:open"',
      "/c/open holds the database's password, and others than its owner may read or change it",
    ],
    [
      'url = "file:open"',
      "/c/open holds the database's URL, and others than its owner may read or change it",
    ],
  ])("%s is refused where it is not as it must be", (toml, says) => {
    const files = { "/c/two": own(`${canary}\n${canary}`), "/c/open": { text: canary, openToOthers: true } };
    const refusal = refusalOf(() => load(`[database]\n${toml}`, { EMPTY: "" }, files));
    expect(refusal).toMatchObject({ exitCode: 78, message: says });
    expect(everyWordOf(refusal)).not.toContain(canary);
  });

  test.each([canary, `env:${canary}/1`, "env:", "file:", "env:1A", ` env:${canary}`])(
    "is not written into it: %s",
    (written) => {
      for (const place of ["database.password", "mask.key"]) {
        const refusal = refusalOf(() => load(`${place} = "${written}"`));
        expect(refusal.message).toStartWith(`/c/etl.toml line 1: ${place} must be "env:NAME" or "file:PATH"`);
        expect(everyWordOf(refusal)).not.toContain(canary);
      }
    },
  );

  test.each([
    ['password = "env:A"\npassword_file = "b"', "line 2: database.password stands beside password_file"],
    [
      `url = "postgres://etl:${canary}@db/x"\npassword = "env:A"`,
      "line 3: database.password stands beside a password in the url",
    ],
  ])("is not named twice: %j", (toml, says) => {
    const refusal = refusalOf(() => load(`[database]\n${toml}`));
    expect(refusal.message).toBe(`/c/etl.toml ${says}`);
  });
});

describe("a mask key that the file names", () => {
  test("is read from a variable or a file", () => {
    expect(load('mask.key = "env:MY_KEY"', { MY_KEY: key }).maskKey()).toHaveLength(32);
    expect(load('mask.key = "file:k"', {}, { "/c/k": own(key) }).maskKey()).toHaveLength(32);
    expect(load('mask.key_file = "k"', {}, { "/c/k": own(key) }).maskKey()).toHaveLength(32);
  });

  test("comes after the environment's", () => {
    const { settings } = load('mask.key = "env:MY_KEY"', { MY_KEY: "a", ETL_MASK_KEY: "b" });
    expect(settings.mask).toMatchObject({ key: "b", keyFile: undefined });
    expect(settings.mask.keyVariable).toBeUndefined();
  });

  test.each([
    ['mask.key = "env:MY_KEY"', {}, "MY_KEY, which [mask] key names, is not set"],
    ['mask.key = "env:MY_KEY"', { MY_KEY: "short" }, "MY_KEY is not a key in base64"],
    ['mask.key = "file:none"', {}, "the mask key file /c/none does not exist"],
    [
      'mask.key = "file:open"',
      {},
      "/c/open holds the mask key, and others than its owner may read or change it",
    ],
  ])("%s is refused where it is no good one", (toml, env, says) => {
    const { maskKey } = load(toml, env, { "/c/open": { text: key, openToOthers: true } });
    expect(refusalOf(maskKey)).toMatchObject({ exitCode: 78, message: says });
  });

  test("is not named twice", () => {
    const refusal = refusalOf(() => load('[mask]\nkey_file = "k"\nkey = "env:A"'));
    expect(refusal.message).toBe("/c/etl.toml line 3: mask.key stands beside key_file");
  });
});
