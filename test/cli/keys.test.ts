import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readMaskKey } from "../../src/settings/mask-key.ts";
import { readTextFile } from "../../src/settings/text-file.ts";
import { executable } from "../support/binary.ts";

let folder: string;

beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "etl-keys-")));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Runs `etl keys generate` in the folder, under a umask that would keep even the owner from reading. */
function generate(...words: string[]) {
  const command = ["sh", "-c", 'umask 0777; exec "$@"', "sh", executable, "keys", "generate", ...words];
  const child = Bun.spawnSync(command, { cwd: folder, env: { PATH: process.env.PATH ?? "" } });
  return { exitCode: child.exitCode, stdout: child.stdout.toString(), stderr: child.stderr.toString() };
}

/** No two keys are the same. */
const made = new Set<string>();

describe("etl keys generate", () => {
  test.each([
    [[], "etl-mask.key"],
    [["other.key"], "other.key"],
    [["000123"], "000123"],
    [["it's a key"], "it's a key"],
  ])("%j makes a good key that only its owner can read, and shows it nowhere", (words, name) => {
    const path = join(folder, name);
    const { exitCode, stdout, stderr } = generate(...words);
    expect(exitCode).toBe(0);
    expect(statSync(path).mode & 0o7777).toBe(0o600);

    const text = readFileSync(path, "utf8");
    expect(text).toMatch(/^[A-Za-z0-9+/]{43}=\n$/);
    const key = readMaskKey({ algorithm: "hmac-sha256", keyFile: path }, readTextFile);
    expect(key).toHaveLength(32);
    expect(made.has(text)).toBe(false);
    made.add(text);

    const evaluated = Bun.spawnSync(["sh", "-c", 'eval "$1"; printf %s "$ETL_MASK_KEY_FILE"', "sh", stdout]);
    expect(evaluated.stdout.toString()).toBe(path);
    expect(stdout).toContain(`# The mask key is in ${path}\n`);
    expect(stderr).toContain("back up the key file");
    for (const form of ["base64", "base64url", "hex"] as const) {
      expect(stdout + stderr).not.toContain(Buffer.from(key).toString(form).replace(/=+$/, ""));
    }
  });

  test("nothing that exists is overwritten: no file, no folder, no link, dangling or not", () => {
    writeFileSync(join(folder, "old.key"), "precious");
    mkdirSync(join(folder, "a-folder"));
    symlinkSync(join(folder, "old.key"), join(folder, "link"));
    symlinkSync(join(folder, "nowhere"), join(folder, "dangling"));
    for (const name of ["old.key", "a-folder", "link", "dangling"]) {
      expect(generate(name)).toEqual({
        exitCode: 78,
        stdout: "",
        stderr: `error: ${join(folder, name)} already exists, and a key is never overwritten\ntry: name another file: etl keys generate FILE\n`,
      });
    }
    expect(readFileSync(join(folder, "old.key"), "utf8")).toBe("precious");
    expect(existsSync(join(folder, "nowhere"))).toBe(false);
  });

  test("a folder that is missing is named, with the command that makes it, and a file in its place", () => {
    expect(generate("no/where/a.key")).toEqual({
      ...{ exitCode: 78, stdout: "" },
      stderr: `error: the folder ${folder}/no/where does not exist\ntry: mkdir -p ${folder}/no/where\n`,
    });
    writeFileSync(join(folder, "plain"), "");
    const { exitCode, stderr } = generate("plain/a.key");
    expect(exitCode).toBe(78);
    expect(stderr).toContain(`error: ${folder}/plain is not a folder\n`);
  });

  test("where the disk is full, no half of a key is left behind", () => {
    const script = 'ulimit -f 0; trap "" XFSZ; exec "$@"';
    const command = ["sh", "-c", script, "sh", executable, "keys", "generate", "full.key"];
    const child = Bun.spawnSync(command, { cwd: folder, env: { PATH: process.env.PATH ?? "" } });
    expect(child.exitCode).toBe(78);
    expect(child.stderr.toString()).toContain(`${folder}/full.key cannot be written (EFBIG)`);
    expect(readdirSync(folder)).not.toContain("full.key");
  });
});
