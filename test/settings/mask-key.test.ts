import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readMaskKey } from "../../src/settings/mask-key.ts";
import type { ReadFile } from "../../src/settings/text-file.ts";
import { everyWordOf, refusalOf } from "../support/refusal.ts";

const bytes = Uint8Array.from({ length: 32 }, (_, index) => 255 - index * 3);
const standard = Buffer.from(bytes).toString("base64");
const urlSafe = Buffer.from(bytes).toString("base64url");

const noFile: ReadFile = () => {
  throw new Error("no file is to be read");
};

function fromVariable(key: string) {
  return readMaskKey({ algorithm: "hmac-sha256", key }, noFile);
}

function fromFile(text: string, openToOthers = false) {
  return readMaskKey({ algorithm: "hmac-sha256", keyFile: "/keys/a.key" }, (path) =>
    path === "/keys/a.key" ? { text, openToOthers } : undefined,
  );
}

describe("readMaskKey", () => {
  test("the bytes below show both alphabets and padding", () => {
    expect(standard).toMatch(/[+/].*=$/);
    expect(urlSafe).toMatch(/[-_]/);
  });

  test.each([standard, standard.replaceAll("=", ""), urlSafe, `${urlSafe}=`])("%s is the key", (text) => {
    expect(Buffer.from(fromVariable(text))).toEqual(Buffer.from(bytes));
    for (const end of ["", "\n", "\r\n"])
      expect(Buffer.from(fromFile(text + end))).toEqual(Buffer.from(bytes));
  });

  test("any 32 bytes or more are read as they were written, unless all are the same", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 100 }), fc.boolean(), (key, safe) => {
        fc.pre(new Set(key).size > 1);
        const text = Buffer.from(key).toString(safe ? "base64url" : "base64");
        return Buffer.from(fromFile(`${text}\n`)).equals(key);
      }),
    );
  });

  test.each([
    ["is not a key in base64", `${standard.slice(0, -1)}*`],
    ["is not a key in base64", ` ${standard}`],
    ["is not a key in base64", `${standard}\n\n`],
    ["is not a key in base64", `${standard.slice(0, 20)}\n${standard.slice(20)}`],
    ["is not a key in base64", `${standard}=`],
    ["is not a key in base64", `${standard.slice(0, 20)}=${standard.slice(20)}`],
    ["is not a key in base64", standard.slice(0, 41)],
    ["is not a key in base64", `${standard.replaceAll("=", "").slice(0, -1)}9`],
    ["is not a key in base64", `+/+/-_-_${standard.slice(8)}`],
    ["is not a key in base64", ""],
    ["is not a key in base64", "\n"],
    ["holds fewer than 32 bytes", Buffer.from(bytes.slice(1)).toString("base64")],
    ["holds fewer than 32 bytes", "c2VjcmV0"],
    ["holds one byte again and again", Buffer.alloc(32).toString("base64")],
    ["holds one byte again and again", Buffer.alloc(64, 65).toString("base64")],
  ])("a key that %s is refused, unquoted: %j", (says, text) => {
    for (const [origin, read] of [
      ["ETL_MASK_KEY", fromVariable],
      ["/keys/a.key", fromFile],
    ] as const) {
      const refusal = refusalOf(() => read(text));
      expect(refusal.exitCode).toBe(78);
      expect(refusal.message).toStartWith(`${origin} ${says}`);
      const words = everyWordOf(refusal);
      const pieces = text.match(/[A-Za-z0-9+/_-]{8,}/g) ?? [];
      expect(pieces.filter((piece) => words.includes(piece))).toEqual([]);
    }
  });

  test("a key that others may read is refused with the command that mends it", () => {
    const refusal = refusalOf(() => fromFile(standard, true));
    expect(refusal).toMatchObject({ exitCode: 78, hint: "chmod 600 /keys/a.key" });
    expect(everyWordOf(refusal)).not.toContain(standard);
  });

  test("no key at all is refused with the command that makes one", () => {
    const refusal = refusalOf(() => readMaskKey({ algorithm: "hmac-sha256" }, () => undefined));
    expect(refusal).toMatchObject({ exitCode: 78, hint: "etl keys generate" });
  });

  test("where that command has made one, the hint names it, and leads to no second key", () => {
    const madeHere: ReadFile = (path) =>
      path === "etl-mask.key" ? { text: standard, openToOthers: false } : undefined;
    const refusal = refusalOf(() => readMaskKey({ algorithm: "hmac-sha256" }, madeHere));
    expect(refusal).toMatchObject({ exitCode: 78, hint: 'export ETL_MASK_KEY_FILE="$PWD/etl-mask.key"' });
  });

  test("a key file that is not there is refused", () => {
    const missing = { algorithm: "hmac-sha256", keyFile: "/gone.key" } as const;
    const refusal = refusalOf(() => readMaskKey(missing, () => undefined));
    expect(refusal.exitCode).toBe(78);
    expect(refusal.message).toContain("/gone.key does not exist");
  });

  test("two keys are refused: a wrong guess would mask everything differently", () => {
    const both = { algorithm: "hmac-sha256", key: standard, keyFile: "/keys/a.key" } as const;
    const refusal = refusalOf(() => readMaskKey(both, noFile));
    expect(refusal.exitCode).toBe(78);
    expect(everyWordOf(refusal)).not.toContain(standard);
  });
});
