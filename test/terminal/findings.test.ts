import { describe, expect, test } from "bun:test";
import type { Finding } from "../../src/doctor/check.ts";
import { formatFindings, formatSummary } from "../../src/terminal/findings.ts";

const plain = { columns: 80, colours: false };
const findings: readonly Finding[] = [
  { check: "settings", status: "ok", message: "etl.toml; 7 columns into user_logins" },
  {
    check: "table",
    status: "failed",
    message: `${"many words ".repeat(9)}end`,
    hint: `alter ${"x".repeat(90)}`,
  },
  { check: "columns", status: "skipped", message: 'needs "table"' },
  { check: "triggers", status: "skipped", message: 'needs "table"' },
  { check: "clock", status: "skipped", message: "unknown" },
  { check: "durability", status: "warning", message: "fsync is off" },
];

test("findings have a line each with what to type below, and what was skipped for one reason shares a line", () => {
  expect(formatFindings(findings, plain)).toBe(
    `${[
      "ok       settings             etl.toml; 7 columns into user_logins",
      "failed   table                many words many words many words many words many",
      "                              words many words many words many words many words",
      "                              end",
      `         try: alter ${"x".repeat(90)}`,
      'skipped  columns, triggers    needs "table"',
      "skipped  clock                unknown",
      "warning  durability           fsync is off",
    ].join("\n")}\n`,
  );
});

test("a list of checks that were skipped is followed by the reason", () => {
  const skipped = ["table", "columns", "triggers", "ledger", "records"].map((check) => ({
    check,
    status: "skipped" as const,
    message: "the server does not say what it is",
  }));
  expect(formatFindings(skipped, plain)).toBe(
    "skipped  table, columns, triggers, ledger, records: the server does not say what\n         it is\n",
  );
});

describe("on a terminal", () => {
  test("statuses have colours, and lines keep their width", () => {
    const text = formatFindings(findings, { columns: 80, colours: true });
    expect(text).toContain("\u001b[32mok\u001b[0m       settings");
    expect(text).toContain("\u001b[31mfailed\u001b[0m   table");
    expect(text).toContain("\u001b[33mwarning\u001b[0m  durability");
    expect(Bun.stripANSI(text)).toBe(formatFindings(findings, plain));
  });

  test("nothing in a message moves the cursor", () => {
    const text = formatFindings(
      [{ check: "table", status: "ok", message: "a\u001b[2Jb", hint: "c\rd" }],
      plain,
    );
    expect(text).toContain("a\\u{1b}[2Jb");
    expect(text).toContain("try: c\\u{d}d");
  });
});

test.each([
  [{ warnings: 0, failed: 0, skipped: 0 }, "Ready.\n"],
  [{ warnings: 1, failed: 0, skipped: 0 }, "Ready: 1 warning.\n"],
  [{ warnings: 2, failed: 1, skipped: 3 }, "Not ready: 1 failed, 2 warnings, 3 not checked.\n"],
])("the last line for %j", (summary, line) => {
  expect(formatSummary(summary)).toBe(line);
});
