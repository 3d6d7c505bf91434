import { expect, test } from "bun:test";
import type { Receipt } from "../../src/polling/receipt.ts";
import { formatReceipt } from "../../src/terminal/summaries.ts";
import { displayWidth } from "../../src/terminal/text.ts";

const drained: Receipt = {
  queue: "login-queue",
  table: "user_logins",
  dryRun: false,
  received: 1234,
  inserted: 1000,
  duplicates: 200,
  rejected: 34,
  released: 0,
  unsettled: 0,
  deleted: 1200,
  requests: 345,
  rejections: { field_null: 4, version_signed: 30 },
  seconds: 12.34,
  outcome: "drained",
};

test("a drain adds up, with its rejections by reason", () => {
  expect(formatReceipt(drained, 80)).toBe(`Drained: the queue had nothing more to give.
Not loaded: 34 rejected messages.

queue           login-queue
table           user_logins

received        1,234
= inserted      1,000
+ duplicates      200
+ rejected         34
    30 version_signed
     4 field_null
+ released          0
+ unsettled         0

deleted         1,200
requests          345
time            12 s, 100/s`);
});

test.each([
  ["queue", "time            12 s, 100/s, limited by the queue"],
  ["database", "time            12 s, 100/s, limited by the database"],
  ["cpu", "time            12 s, 100/s, limited by this machine's CPU"],
] as const)("what kept it from being faster stands behind the rate: %s", (limit, line) => {
  expect(
    formatReceipt({ ...drained, limit }, 80)
      .split("\n")
      .at(-1),
  ).toBe(line);
});

test("a dry run has its own words", () => {
  const receipt: Receipt = {
    ...drained,
    dryRun: true,
    received: 10,
    inserted: 0,
    duplicates: 0,
    rejected: 1,
    released: 9,
    deleted: 0,
    requests: 5,
    rejections: { body_not_json: 1 },
    seconds: 0.42,
    outcome: "limit",
  };
  expect(formatReceipt(receipt, 80)).toBe(`Dry run: nothing was written or deleted.

queue           login-queue
table           user_logins

received        10
= would load     9
+ would reject   1
    1 body_not_json
+ unsettled      0

requests         5
time            0.4 s`);
});

test("every outcome says how the run ended", () => {
  const opening = (receipt: Partial<Receipt>) =>
    formatReceipt({ ...drained, rejected: 0, rejections: {}, ...receipt }, 80).split("\n\n")[0];
  expect(opening({ outcome: "limit" })).toBe("Done: --max-messages is reached.");
  expect(opening({ outcome: "stopped" })).toBe("Stopped on request.");
  expect(opening({ outcome: "failed", unsettled: 1 })).toBe(
    "Stopped by an error. It is safe to run again.\n1 unsettled delivery will come again, if not stored.",
  );
  expect(opening({ outcome: "stopped", dryRun: true })).toStartWith("Dry run, stopped on request:");
  expect(opening({ outcome: "failed", dryRun: true })).toStartWith("Dry run, stopped by an error:");
});

test("a run that took no time has no rate", () => {
  expect(formatReceipt({ ...drained, seconds: 0 }, 80)).toEndWith("time            0.0 s");
});

test("a narrow terminal wraps lines and loses no number; a pipe keeps them whole", () => {
  const queue = "a-queue-with-a-very-long-name-".repeat(3);
  const narrow = formatReceipt({ ...drained, queue }, 40).split("\n");
  expect(Math.max(...narrow.map(displayWidth))).toBeLessThanOrEqual(40);
  expect(narrow.join("").replaceAll(" ", "")).toContain(queue);
  expect(formatReceipt({ ...drained, queue }, Number.POSITIVE_INFINITY)).toContain(
    `queue           ${queue}\n`,
  );
});

test("a name from outside cannot move the cursor", () => {
  expect(formatReceipt({ ...drained, table: "t\u001b[2J" }, 80)).toContain("table           t\\u{1b}[2J");
});
