import { describe, expect, test } from "bun:test";
import type { RecordedRun } from "../../src/postgres/status.ts";
import { formatStatus, type StatusSummary } from "../../src/terminal/status-summary.ts";
import { displayWidth } from "../../src/terminal/text.ts";

const run: RecordedRun = {
  runId: "7d8f3a52-0000-4000-8000-000000000000",
  startedAt: new Date("2026-11-22T21:04:59Z"),
  endedAt: new Date("2026-11-22T21:17:33Z"),
  ...{ seconds: 754, outcome: "drained", received: 12_345, inserted: 12_300, duplicates: 5, rejected: 40 },
  ...{ released: 0, unsettled: 0, deleted: 12_305, requests: 3_000, rejections: {}, version: "0.1.0" },
  ...{ mapped: 12_300, absent: {}, unmapped: {} },
};

const known: StatusSummary = {
  queue: {
    name: "login-queue",
    arn: "arn:aws:sqs:eu-west-1:1:login-queue",
    visible: 1_234,
    inFlight: 12,
    delayed: 0,
    deadLetters: [
      { name: "login-dead", visible: 40, inFlight: 2 },
      { name: "far-away", unknown: "it is in another account or region" },
    ],
  },
  table: {
    name: "public.user_logins",
    ledger: { entries: 8_100_000, bytes: 911_000_000 },
    records: {
      rowsToday: 12_345,
      runs: [run],
      rejections: [{ reason: "field_missing", messages: 40, loadedSince: 3 }],
    },
  },
};

describe("the status", () => {
  test("as a person reads it", () => {
    expect(formatStatus(known, 80)).toBe(
      [
        "Queue login-queue, about:",
        "  waiting       1,234",
        "  in flight        12  received, and not deleted yet",
        "  delayed           0",
        "  oldest        see ApproximateAgeOfOldestMessage in CloudWatch",
        "  dead letters     40  in login-dead, and 2 in flight",
        "  dead letters  in far-away: it is in another account or region",
        "",
        "Table public.user_logins:",
        "  rows today       12,345  since 00:00 UTC",
        "  ledger        8,100,000  entries, 911 MB",
        "",
        "Last runs:",
        "  2026-11-22 21:04Z, 12 min 34 s: drained",
        "    received 12,345 = inserted 12,300 + duplicates 5 + rejected 40",
        "",
        "Rejected messages:",
        "  reason         messages  loaded since",
        "  -------------  --------  ------------",
        "  field_missing        40             3",
      ].join("\n"),
    );
  });

  test("of a run says what messages lacked, and what no column took", () => {
    const many = Object.fromEntries(Array.from({ length: 7 }, (_, index) => [`f${index}`, 7 - index]));
    const runs = [
      { ...run, absent: { nick: 9_000 }, unmapped: {} },
      { ...run, unmapped: many },
    ];
    const text = formatStatus({ table: { name: "t", records: { rowsToday: 0, runs, rejections: [] } } }, 80);
    expect(text).toContain("\n    absent nick 9,000 of 12,300\n");
    expect(text).toContain("\n    no column takes f0 7, f1 6, f2 5, f3 4, f4 3, 2 more\n");
  });

  test("fits 80 columns, whatever there is", () => {
    const runs = [
      { ...run, received: 11_234_567, inserted: 11_000_000, released: 190_000, unsettled: 44_522 },
      { ...run, received: 0, inserted: 0, duplicates: 0, rejected: 0 },
    ];
    const rejections = [{ reason: "version_too_many_parts".repeat(5), messages: 1_000_000, loadedSince: 0 }];
    const records = { rowsToday: 1, runs, rejections };
    const text = formatStatus({ ...known, table: { name: "t".repeat(120), records } }, 80);
    for (const line of text.split("\n")) expect(displayWidth(line)).toBeLessThanOrEqual(80);
    expect(text).toMatch(/received 11,234,567 = .* \+\s+released 190,000 \+ unsettled 44,522\n/);
    expect(text).toContain("    received 0\n");
  });

  test("says what is not known", () => {
    expect(formatStatus({}, 80)).toBe("Queue: not reached\n\nTable: not reached");
    const text = formatStatus({ ...known, table: { name: "t" } }, 80);
    expect(text).toContain("rows today    unknown: runs are not recorded, or may not be read\n");
    expect(text).toContain("ledger        none that can be read\n");
    expect(text).toContain("etl doctor");
  });

  test("a name from outside moves no cursor", () => {
    const text = formatStatus({ ...known, table: { name: "a\u001b[2Jb" } }, 80);
    expect(text).not.toContain("\u001b");
  });
});
