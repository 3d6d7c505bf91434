import { describe, expect, test } from "bun:test";
import { formatRejections, formatRetry } from "../../src/terminal/summaries.ts";

const names = { queue: "login-queue", deadLetterQueue: "login-dead", waiting: 1_204 };

describe("a retry", () => {
  test("that was a dry run", () => {
    const reasons = { text_nul: 3, field_missing: 996, body_not_json: 1 };
    expect(formatRetry({ ...names, dryRun: true, seen: 1_000, stored: 2, reasons }, 80)).toBe(
      [
        "Dry run: nothing was moved.",
        "About 1,204 messages would go from login-dead to login-queue; looked at: 1,000.",
        "2 of these are stored already: deleted, and not sent.",
        "    996 field_missing",
        "      3 text_nul",
        "      1 body_not_json",
      ].join("\n"),
    );
  });

  test("that left nothing", () => {
    expect(formatRetry({ ...names, dryRun: false, moved: 1, reasons: {} }, 80)).toBe(
      "Moved 1 message from login-dead to login-queue.",
    );
  });

  test("that did not get everything through", () => {
    const counts = { moved: 7, stored: 2, left: 1, undeleted: 3, reasons: { unknown: 7 } };
    expect(formatRetry({ ...names, dryRun: false, ...counts }, 80)).toBe(
      [
        "Moved 7 messages from login-dead to login-queue.",
        "Deleted, as stored already: 2.",
        "Left, as they cannot be sent whole: 1.",
        "Sent, but not deleted: 3. A retry would send them once more.",
        "    7 unknown",
      ].join("\n"),
    );
  });
});

describe("rejected messages", () => {
  const time = (minute: number) => new Date(Date.UTC(2026, 10, 22, 21, minute));
  const rejection = {
    ...{ messageId: "424cdd21-063a-43a7-b91b-7ca1a833afae", reason: "field_missing", path: "/user/id" },
    ...{ times: 1, sentAt: time(0), firstAt: time(1), lastAt: time(1), loaded: false },
  };

  test("have their ids whole, and when they were rejected", () => {
    const refused = { ...rejection, reason: "sqlstate_23505", path: "", column: "a", constraint: "b" };
    const again = { ...refused, times: 3, lastAt: time(14), loaded: true };
    expect(formatRejections([rejection, again], 200)).toBe(
      [
        "424cdd21-063a-43a7-b91b-7ca1a833afae  field_missing at /user/id",
        "  sent 2026-11-22 21:00Z, rejected 2026-11-22 21:01Z",
        "424cdd21-063a-43a7-b91b-7ca1a833afae  sqlstate_23505 (column a) (constraint b)",
        "  sent 2026-11-22 21:00Z, rejected 3 times, 2026-11-22 21:01Z to 2026-11-22 21:14Z, loaded since",
      ].join("\n"),
    );
  });

  test("move no cursor", () => {
    expect(formatRejections([{ ...rejection, messageId: "a\u001b[2Jb" }], 80)).not.toContain("\u001b");
  });
});
