import { describe, expect, test } from "bun:test";
import { failed, ok, skipped, summaryOf, warning } from "../../src/doctor/finding.ts";
import { checkKey, checkSettings } from "../../src/doctor/settings-checks.ts";
import { failing, lineOf } from "../support/doctor-facts.ts";

describe("what the doctor exits with", () => {
  const fine = [ok("settings", "fine"), skipped("clock", "unknown"), warning("queue", "hm", "mend it")];

  test("warnings and what is not known do not fail", () => {
    expect(summaryOf(fine)).toEqual({ ok: 1, warnings: 1, failed: 0, skipped: 1, exitCode: 0 });
  });

  test("the first failure counts", () => {
    const findings = [
      ...fine,
      failed("receive", "permission", "no", "x"),
      failed("table", "config", "no", "y"),
    ];
    expect(summaryOf(findings)).toEqual({ ok: 1, warnings: 1, failed: 2, skipped: 1, exitCode: 77 });
  });
});

describe("settings and key", () => {
  const key = { place: "/etc/etl.key", bytes: 32, inFile: true };

  test.each([
    [
      "no file",
      checkSettings({ value: { table: "t", columns: 1 } }),
      "ok | settings | no etl.toml; 1 column into t |  | 0",
    ],
    [
      "a file",
      checkSettings({ value: { configPath: "a.toml", table: "t", columns: 7 } }),
      "ok | settings | a.toml; 7 columns into t |  | 0",
    ],
    [
      "a bad file",
      checkSettings(failing("config", "line 3")),
      "failed | settings | line 3 failed | mend line 3 | 78",
    ],
    [
      "a key",
      checkKey({ value: { key, plainHash: false } }),
      "ok | mask key | /etc/etl.key: 32 bytes, for its owner alone |  | 0",
    ],
    [
      "a key in a variable",
      checkKey({ value: { key: { ...key, place: "ETL_MASK_KEY", inFile: false }, plainHash: false } }),
      "ok | mask key | ETL_MASK_KEY: 32 bytes |  | 0",
    ],
    [
      "no need of one",
      checkKey({ value: { plainHash: false } }),
      "ok | mask key | none is needed: no column is masked under a key |  | 0",
    ],
    [
      "no key",
      checkKey(failing("config", "mask key")),
      "failed | mask key | mask key failed | mend mask key | 78",
    ],
  ])("%s", (_, finding, line) => {
    expect(lineOf(finding)).toBe(line);
  });

  test("a hash without a key is a warning", () => {
    expect(lineOf(checkKey({ value: { plainHash: true } }))).toMatch(
      /^warning \| mask key \| .*sha256 and no key: .*--mask hmac-sha256/,
    );
  });
});
