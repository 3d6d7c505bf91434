import { describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { readMaskKey } from "../../src/settings/mask-key.ts";
import { readTextFile } from "../../src/settings/text-file.ts";
import { executable } from "../support/binary.ts";
import { fileFolder } from "../support/folder.ts";

const folder = fileFolder();

/** Runs `etl keys generate` in the folder, under a umask that would keep even the owner from reading. */
function generate(...words: string[]) {
  const command = ["sh", "-c", 'umask 0777; exec "$@"', "sh", executable, "keys", "generate", ...words];
  const child = Bun.spawnSync(command, { cwd: folder, env: { PATH: process.env.PATH ?? "" } });
  return { exitCode: child.exitCode, stdout: child.stdout.toString(), stderr: child.stderr.toString() };
}

describe("etl keys generate", () => {
  const made: string[] = [];

  test.each([
    [[], "etl-mask.key"],
    [["other.key"], "other.key"],
    [["000123"], "000123"],
    [["it's a key"], "it's a key"],
  ])("%j makes a new key that only its owner can read, and shows it nowhere", (words, name) => {
    const path = join(folder, name);
    const { exitCode, stdout, stderr } = generate(...words);
    expect(exitCode).toBe(0);
    expect(statSync(path).mode & 0o7777).toBe(0o600);

    const text = readFileSync(path, "utf8");
    expect(text).toMatch(/^[A-Za-z0-9+/]{43}=\n$/);
    const key = readMaskKey({ algorithm: "hmac-sha256", keyFile: path }, readTextFile);
    expect(key).toHaveLength(32);
    expect(made).not.toContain(text);
    made.push(text);

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

  test.each([
    ["no/where/a.key", "the folder FOLDER/no/where does not exist", "mkdir -p FOLDER/no/where"],
    ["old.key/a.key", "FOLDER/old.key is not a folder", "name another file: etl keys generate FILE"],
  ])("a key in %s is not made, and the folder is named", (name, error, hint) => {
    writeFileSync(join(folder, "old.key"), "precious");
    const stderr = `error: ${error}\ntry: ${hint}\n`.replaceAll("FOLDER", folder);
    expect(generate(name)).toEqual({ exitCode: 78, stdout: "", stderr });
  });

  test("if the disk is full, no half of a key is left behind", () => {
    const script = 'ulimit -f 0; trap "" XFSZ; exec "$@"';
    const command = ["sh", "-c", script, "sh", executable, "keys", "generate", "full.key"];
    const child = Bun.spawnSync(command, { cwd: folder, env: { PATH: process.env.PATH ?? "" } });
    expect(child.exitCode).toBe(78);
    expect(child.stderr.toString()).toContain(`${folder}/full.key cannot be written (EFBIG)`);
    expect(readdirSync(folder)).not.toContain("full.key");
  });
});
