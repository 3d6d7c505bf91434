import { describe, expect, test } from "bun:test";
import type { Receipt } from "../../src/polling/receipt.ts";
import { formatReceipt, formatRejections, formatRetry } from "../../src/terminal/summaries.ts";
import { displayWidth } from "../../src/terminal/text.ts";

const drained: Receipt = {
  ...{ queue: "login-queue", table: "user_logins", dryRun: false, outcome: "drained", seconds: 12.34 },
  ...{ received: 1234, inserted: 1000, rows: 1000, duplicates: 200, rejected: 34, released: 0, unsettled: 0 },
  ...{ deleted: 1200, requests: 345, rejections: { field_null: 4, version_signed: 30 } },
  ...{ mapped: 1200, absent: {}, unmapped: {} },
};

describe("a receipt", () => {
  test("adds up, with its rejections by reason", () => {
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

  test("of a dry run has its own words", () => {
    const counts = {
      received: 10,
      inserted: 0,
      rows: 9,
      duplicates: 0,
      rejected: 1,
      released: 9,
      deleted: 0,
    };
    const dryRun = { dryRun: true, requests: 5, rejections: { body_not_json: 1 }, seconds: 0.42 };
    expect(
      formatReceipt({ ...drained, ...counts, ...dryRun, outcome: "limit" }, 80),
    ).toBe(`Dry run: nothing was written or deleted.

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

  test("lists what messages lack, and what no column takes, the most frequent first", () => {
    const fields = { absent: { nick: 90, locale: 200 }, unmapped: { nickname: 90, "other names": 3 } };
    expect(formatReceipt({ ...drained, ...fields }, 80)).toEndWith(`
time            12 s, 100/s

Absent from the 1,200 messages that the mapping took:
    200 locale
     90 nick

Taken by no column, in the 1,200 messages that the mapping took:
    90 nickname
     3 other names`);
  });

  test.each<[Partial<Receipt>, lastLine: string]>([
    [{ limit: "queue" }, "time            12 s, 100/s, limited by the queue"],
    [{ limit: "database" }, "time            12 s, 100/s, limited by the database"],
    [{ limit: "cpu" }, "time            12 s, 100/s, limited by this machine's CPU"],
    [{ seconds: 0 }, "time            0.0 s"],
  ])("with %j ends with %j", (changes, lastLine) => {
    expect(formatReceipt({ ...drained, ...changes }, 80)).toEndWith(`\n${lastLine}`);
  });

  test.each<[Partial<Receipt>, ending: string]>([
    [{ outcome: "limit" }, "Done: --max-messages is reached."],
    [{ outcome: "stopped" }, "Stopped on request."],
    [
      { outcome: "failed", unsettled: 1 },
      "Stopped by an error. It is safe to run again.\n1 unsettled delivery will come again, if not stored.",
    ],
    [{ outcome: "stopped", dryRun: true }, "Dry run, stopped on request: nothing was written or deleted."],
    [{ outcome: "failed", dryRun: true }, "Dry run, stopped by an error: nothing was written or deleted."],
  ])("with %j says how the run ended: %j", (changes, ending) => {
    const receipt = { ...drained, rejected: 0, rejections: {}, ...changes };
    expect(formatReceipt(receipt, 80).split("\n\n")[0]).toBe(ending);
  });

  test("is wrapped by a narrow terminal and loses no number; a pipe keeps its lines whole", () => {
    const queue = "a-queue-with-a-very-long-name-".repeat(3);
    const narrow = formatReceipt({ ...drained, queue }, 40).split("\n");
    expect(Math.max(...narrow.map(displayWidth))).toBeLessThanOrEqual(40);
    expect(narrow.join("").replaceAll(" ", "")).toContain(queue);
    const piped = formatReceipt({ ...drained, queue }, Number.POSITIVE_INFINITY);
    expect(piped).toContain(`queue           ${queue}\n`);
  });

  test("lets no name from outside move the cursor", () => {
    expect(formatReceipt({ ...drained, table: "t\u001b[2J" }, 80)).toContain("table           t\\u{1b}[2J");
  });
});

describe("a retry", () => {
  const names = { queue: "login-queue", deadLetterQueue: "login-dead", waiting: 1_204 };

  test("that was a dry run says what would be moved", () => {
    const reasons = { text_nul: 3, field_missing: 996, body_not_json: 1 };
    expect(formatRetry({ ...names, dryRun: true, seen: 1_000, stored: 2, reasons }, 80)).toBe(
      `Dry run: nothing was moved.
About 1,204 messages would go from login-dead to login-queue; looked at: 1,000.
2 of these are stored already: deleted, and not sent.
    996 field_missing
      3 text_nul
      1 body_not_json`,
    );
  });

  test("that left nothing is one line", () => {
    expect(formatRetry({ ...names, dryRun: false, moved: 1, reasons: {} }, 80)).toBe(
      "Moved 1 message from login-dead to login-queue.",
    );
  });

  test("that did not get everything through says what became of the rest", () => {
    const counts = { moved: 7, stored: 2, left: 1, undeleted: 3, reasons: { unknown: 7 } };
    expect(formatRetry({ ...names, dryRun: false, ...counts }, 80)).toBe(
      `Moved 7 messages from login-dead to login-queue.
Deleted, as stored already: 2.
Left, as they cannot be sent whole: 1.
Sent, but not deleted: 3. A retry would send them once more.
    7 unknown`,
    );
  });
});

test("rejected messages have their ids whole, say when they were rejected, and move no cursor", () => {
  const time = (minute: number) => new Date(Date.UTC(2026, 10, 22, 21, minute));
  const rejection = {
    ...{
      messageId: "424cdd21-063a-43a7-b91b-7ca1a833afae",
      reason: "field_missing" as const,
      path: "/user/id",
    },
    ...{ times: 1, sentAt: time(0), firstAt: time(1), lastAt: time(1), loaded: false },
  };
  const refused = { ...rejection, reason: "sqlstate_23505" as const, path: "", column: "a", constraint: "b" };
  const again = { ...refused, messageId: "a\u001b[2Jb", times: 3, lastAt: time(14), loaded: true };
  expect(formatRejections([rejection, again], 200)).toBe(
    `424cdd21-063a-43a7-b91b-7ca1a833afae  field_missing at /user/id
  sent 2026-11-22 21:00Z, rejected 2026-11-22 21:01Z
a\\u{1b}[2Jb  sqlstate_23505 (column a) (constraint b)
  sent 2026-11-22 21:00Z, rejected 3 times, 2026-11-22 21:01Z to 2026-11-22 21:14Z, loaded since`,
  );
});
