import { describe, expect, test } from "bun:test";
import { createLog } from "../../src/terminal/log.ts";
import { MemoryOutput } from "../support/memory-output.ts";
import { Screen } from "../support/screen.ts";

const now = () => new Date("2026-03-01T12:00:00.123Z");

function open({ isTerminal = false, columns = 80, quiet = false } = {}) {
  const output = new MemoryOutput({ isTerminal, columns });
  return { output, log: createLog(output, { quiet, now }) };
}

describe("a log in a pipe", () => {
  test("has a time, a level and a text in every line, in order", async () => {
    const { output, log } = open();
    log.info("first");
    log.warn("second");
    log.info("third");
    await log.flush();
    expect(output.text).toBe(
      "2026-03-01T12:00:00.123Z info first\n" +
        "2026-03-01T12:00:00.123Z warn second\n" +
        "2026-03-01T12:00:00.123Z info third\n",
    );
  });

  test("never shows a status", async () => {
    const { output, log } = open();
    log.status("1 loaded");
    await log.flush();
    expect(output.writes).toEqual([]);
  });

  test("keeps an event on its line, whatever its text", async () => {
    const { output, log } = open();
    log.warn("a\n2026-03-01T12:00:00.123Z info forged\u001b[2J");
    await log.flush();
    expect(output.text).toBe(
      "2026-03-01T12:00:00.123Z warn a\\u{a}2026-03-01T12:00:00.123Z info forged\\u{1b}[2J\n",
    );
  });

  test("says under --quiet only what it warns of", async () => {
    const { output, log } = open({ quiet: true, isTerminal: true });
    log.info("dropped");
    log.status("dropped");
    log.warn("kept");
    await log.flush();
    expect(output.text).toBe("warning: kept\n");
  });

  test("goes on as the settings say, one JSON object a line", async () => {
    const { output, log } = open({ isTerminal: true });
    log.info("before they are read");
    log.configure({ format: "json", quiet: true });
    log.info("dropped");
    log.status("dropped");
    log.warn('a "quoted"\nline');
    await log.flush();
    expect(output.text).toBe(
      "before they are read\n" +
        '{"time":"2026-03-01T12:00:00.123Z","level":"warn","message":"a \\"quoted\\"\\nline"}\n',
    );
  });

  test("stays quiet under --quiet, whatever the settings say", async () => {
    const { output, log } = open({ quiet: true });
    log.configure({ format: "text", quiet: false });
    log.info("dropped");
    await log.flush();
    expect(output.writes).toEqual([]);
  });

  test("is flushed when a slow reader has taken every line, also those that came while it waited", async () => {
    const { output, log } = open();
    const release = output.hold();
    log.info("first");
    await Promise.resolve();
    log.info("second");
    let flushed = false;
    const flush = log.flush().then(() => {
      flushed = true;
    });
    await Bun.sleep(0);
    expect({ flushed, writes: output.writes.length }).toEqual({ flushed: false, writes: 1 });
    log.info("third");
    release();
    await flush;
    expect(output.text.match(/first|second|third/g)).toEqual(["first", "second", "third"]);
  });

  test("writes a line that comes just when the last one is done", async () => {
    for (let turns = 0; turns < 10; turns++) {
      const { output, log } = open();
      log.info("first");
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      log.info("second");
      await log.flush();
      expect(output.text).toEndWith("second\n");
    }
  });

  test("that lost a line says so at every flush, and nowhere else", async () => {
    const { output, log } = open();
    output.failure = new Error("disk full");
    log.info("lost");
    expect(log.flush()).rejects.toThrow("disk full");
    log.info("also lost");
    expect(log.flush()).rejects.toThrow("disk full");
  });
});

describe("a log on a terminal", () => {
  test("has the texts alone, and names warnings", async () => {
    const { output, log } = open({ isTerminal: true });
    log.info("first");
    log.warn("second");
    await log.flush();
    expect(output.text).toBe("first\nwarning: second\n");
  });

  test("keeps the status below the lines, and takes it away", async () => {
    const { output, log } = open({ isTerminal: true, columns: 20 });
    const screen = () => {
      const drawn = new Screen(20);
      // A terminal's driver turns the one into the other.
      drawn.write(output.text.replaceAll("\n", "\r\n"));
      return drawn;
    };
    log.status("a status, long ago");
    await log.flush();
    log.info("line 1");
    log.status("short");
    await log.flush();
    expect(screen().lines).toEqual(["line 1", "short"]);
    log.info("line 2");
    await log.flush();
    expect(screen().lines).toEqual(["line 1", "line 2", "short"]);
    log.status("far longer than the terminal is wide");
    await log.flush();
    expect(screen().lines).toEqual(["line 1", "line 2", "far longer than th…"]);
    expect(screen().wraps).toBe(0);
    log.status(null);
    await log.flush();
    expect(screen().lines).toEqual(["line 1", "line 2", ""]);
  });

  test("lets no status pile up behind a slow terminal", async () => {
    const { output, log } = open({ isTerminal: true });
    const release = output.hold();
    log.status("status 0");
    await Promise.resolve();
    for (let count = 1; count <= 1000; count++) log.status(`status ${count}`);
    release();
    await log.flush();
    expect(output.writes).toEqual(["status 0", "\r\u001b[Kstatus 1000"]);
  });

  test("does not draw a status that is there already", async () => {
    const { output, log } = open({ isTerminal: true });
    log.status("same");
    await log.flush();
    log.status("same");
    await log.flush();
    expect(output.writes).toEqual(["same"]);
  });
});
