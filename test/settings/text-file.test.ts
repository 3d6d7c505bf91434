import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readTextFile, requireOwnerOnly } from "../../src/settings/text-file.ts";
import { refusalOf } from "../support/refusal.ts";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "etl-text-file-"));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

function file(name: string, content: string | Uint8Array, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

describe("readTextFile", () => {
  test("reads the whole text, through a symbolic link as well", () => {
    const text = "grüße\n".repeat(20_000);
    const path = file("long", text);
    symlinkSync(path, join(folder, "link"));
    expect(readTextFile(path)).toEqual({ text, openToOthers: false });
    expect(readTextFile(join(folder, "link"))).toEqual({ text, openToOthers: false });
  });

  test.each([
    [0o600, false],
    [0o400, false],
    [0o700, false],
    [0o640, true],
    [0o604, true],
    [0o644, true],
    [0o620, true],
    [0o602, true],
    [0o610, true],
  ])("mode %o is open to others: %p", (mode, openToOthers) => {
    const path = file(`mode-${mode.toString(8)}`, "x", mode);
    const read = readTextFile(path);
    expect(read?.openToOthers).toBe(openToOthers);
    if (read === undefined || !openToOthers) return;
    const refusal = refusalOf(() => requireOwnerOnly(path, read, "a secret"));
    expect(refusal).toMatchObject({ exitCode: 78, hint: `chmod 600 ${path}` });
  });

  test("what is not there is undefined", () => {
    expect(readTextFile(join(folder, "nothing"))).toBeUndefined();
    expect(readTextFile(join(file("plain", "x"), "below"))).toBeUndefined();
  });

  test("a named pipe is refused at once, not waited for", () => {
    const path = join(folder, "pipe");
    expect(Bun.spawnSync(["mkfifo", path]).exitCode).toBe(0);
    expect(refusalOf(() => readTextFile(path)).message).toBe(`${path} is not a regular file`);
  });

  test("folders, devices, other encodings and huge files are refused", () => {
    mkdirSync(join(folder, "sub"));
    const cases = [
      [join(folder, "sub"), "is not a regular file"],
      ["/dev/zero", "is not a regular file"],
      [file("binary", Uint8Array.of(0x61, 0xff, 0xfe)), "is not text in UTF-8"],
      [file("huge", new Uint8Array(1024 * 1024 + 1)), "is larger than 1 MiB"],
    ] as const;
    for (const [path, says] of cases) {
      expect(refusalOf(() => readTextFile(path))).toMatchObject({ exitCode: 78, message: `${path} ${says}` });
    }
  });

  test("a file that this user may not read is refused", () => {
    // Root may read everything, so another user asks.
    const path = file("locked", "x", 0);
    const script = `
      if (process.getuid() === 0) process.setuid(65534);
      const { readTextFile } = await import(${JSON.stringify(join(import.meta.dir, "../../src/settings/text-file.ts"))});
      try { readTextFile(${JSON.stringify(path)}); } catch (error) { console.log(error.exitCode, error.message); }`;
    chmodSync(folder, 0o755);
    const child = Bun.spawnSync([process.execPath, "-e", script]);
    expect(child.stdout.toString()).toBe(`78 ${path} may not be read by this user\n`);
  });
});
