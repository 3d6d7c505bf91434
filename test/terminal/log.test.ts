import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createLog, createProgress, formatProgress, type ProgressState } from "../../src/terminal/log.ts";
import { displayWidth } from "../../src/terminal/text.ts";
import { MemoryOutput } from "../support/memory-output.ts";
import { SkippingClock } from "../support/memory-ports.ts";
import { lineControls, Screen } from "../support/screen.ts";

const time = "2026-03-01T12:00:00.123Z";

function open({ isTerminal = false, columns = 80, quiet = false } = {}) {
  const output = new MemoryOutput({ isTerminal, columns });
  return { output, log: createLog(output, { quiet, now: () => new Date(time) }) };
}

describe("a log in a pipe", () => {
  test("has a time, a level and a text in every line, in order, and never a status", async () => {
    const { output, log } = open();
    log.info("first");
    log.status("1 loaded");
    log.warn("second");
    log.info("third");
    await log.flush();
    expect(output.text).toBe(`${time} info first\n${time} warn second\n${time} info third\n`);
  });

  test("keeps an event on its line, whatever its text", async () => {
    const { output, log } = open();
    log.warn(`a\n${time} info forged\u001b[2J`);
    await log.flush();
    expect(output.text).toBe(`${time} warn a\\u{a}${time} info forged\\u{1b}[2J\n`);
  });

  test("goes on as the settings say, one JSON object a line", async () => {
    const { output, log } = open({ isTerminal: true });
    log.info("before they are read");
    log.configure({ format: "json", quiet: true });
    log.info("dropped");
    log.status("dropped");
    log.warn('a "quoted"\nline');
    await log.flush();
    const line = `{"time":"${time}","level":"warn","message":"a \\"quoted\\"\\nline"}`;
    expect(output.text).toBe(`before they are read\n${line}\n`);
  });

  test("says under --quiet only what it warns of, whatever the settings say", async () => {
    const { output, log } = open({ quiet: true, isTerminal: true });
    log.configure({ format: "text", quiet: false });
    log.info("dropped");
    log.status("dropped");
    log.warn("kept");
    await log.flush();
    expect(output.text).toBe("warning: kept\n");
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

  test("drops lines while more than 1 MiB waits for its reader, and says how many where they are missing", async () => {
    const { output, log } = open();
    const release = output.hold();
    const count = 20_000;
    for (let number = 0; number < count; number += 1) log.info(`line ${number} ${"x".repeat(100)}`);
    release();
    log.info("the last one");
    await log.flush();
    log.info("and on");
    await log.flush();
    expect(output.text.length).toBeLessThan(1.1 * 1024 * 1024);
    const lines = output.text.trimEnd().split("\n");
    const kept = lines.findIndex((line) => line.includes(" dropped here: "));
    expect(lines.slice(0, kept).every((line, number) => line.includes(`line ${number} x`))).toBeTrue();
    const missing = (count + 1 - kept).toLocaleString("en");
    expect(lines.at(kept)).toEndWith(` warn ${missing} log lines dropped here: standard error was not read`);
    expect(lines.slice(kept + 1).map((line) => line.split(" info ")[1])).toEqual(["and on"]);
  });

  test("is behind while its reader is slow, and not when that is stuck: nobody waits for it then", async () => {
    const { output, log } = open();
    const release = output.hold();
    for (let number = 0; number < 100; number += 1) log.info("x".repeat(1000));
    expect(log.isBehind()).toBeTrue();
    output.stuck = true;
    expect(log.isBehind()).toBeFalse();
    output.stuck = false;
    await Promise.resolve();
    expect(log.isBehind()).toBeTrue();
    release();
    await log.flush();
    expect(log.isBehind()).toBeFalse();
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
    await expect(log.flush()).rejects.toThrow("disk full");
    log.info("also lost");
    expect(() => log.isBehind()).toThrow("disk full");
    await expect(log.flush()).rejects.toThrow("disk full");
  });
});

describe("a log on a terminal", () => {
  test("keeps the status below the lines, and takes it away", async () => {
    const { output, log } = open({ isTerminal: true, columns: 20 });
    async function shown(): Promise<readonly string[]> {
      await log.flush();
      const screen = new Screen(20, lineControls);
      // A terminal's driver turns the one into the other.
      screen.write(output.text.replaceAll("\n", "\r\n"));
      expect(screen.wraps).toBe(0);
      return screen.lines;
    }
    log.status("a status, long ago");
    expect(await shown()).toEqual(["a status, long ago"]);
    log.info("line 1");
    log.status("short");
    expect(await shown()).toEqual(["line 1", "short"]);
    log.warn("line 2");
    expect(await shown()).toEqual(["line 1", "warning: line 2", "short"]);
    log.status("far longer than the terminal is wide");
    expect(await shown()).toEqual(["line 1", "warning: line 2", "far longer than th…"]);
    log.status(null);
    expect(await shown()).toEqual(["line 1", "warning: line 2", ""]);
  });

  test("lets no status pile up behind a slow terminal, and draws none that is there already", async () => {
    const { output, log } = open({ isTerminal: true });
    const release = output.hold();
    log.status("status 0");
    await Promise.resolve();
    for (let count = 1; count <= 1000; count++) log.status(`status ${count}`);
    release();
    await log.flush();
    log.status("status 1000");
    await log.flush();
    expect(output.writes).toEqual(["status 0", "\r\u001b[Kstatus 1000"]);
  });
});

const state: ProgressState = { loaded: 1234, rejected: 12, perSecond: 950, left: 4000, seconds: 12 };

describe("the words of a progress line", () => {
  const little = { ...state, rejected: 0, left: undefined, perSecond: 0 };

  test.each<[columns: number, shown: string, state?: ProgressState]>([
    [80, "1,234 loaded · 12 rejected · 950/s · about 4,000 left · 12 s"],
    [61, "1,234 loaded · 12 rejected · 950/s · about 4,000 left · 12 s"],
    [60, "1,234 loaded · 12 rejected · 950/s · about 4,000 left"],
    [46, "1,234 loaded · 12 rejected · about 4,000 left"],
    [40, "1,234 loaded · 12 rejected · 950/s"],
    [20, "1,234 loaded · 12 s"],
    [8, "1,234 …"],
    [80, "1,234 loaded · 0.0/s · 12 s", little],
    [80, "1,234 loaded · 0.0/s · about 0 left · 12 s", { ...little, left: 0 }],
  ])("in %d columns are %j", (columns, shown, some = state) => {
    expect(formatProgress(some, columns)).toBe(shown);
  });

  test("never fill the last column", () => {
    const count = fc.nat({ max: 1_000_000_000 });
    const number = fc.double({ min: 0, max: 1e6, noNaN: true });
    const left = fc.option(count, { nil: undefined });
    const anyState = fc.record({ loaded: count, rejected: count, perSecond: number, left, seconds: number });
    fc.assert(
      fc.property(anyState, fc.integer({ min: 1, max: 100 }), (any, columns) => {
        expect(displayWidth(formatProgress(any, columns))).toBeLessThan(columns);
      }),
    );
  });
});

describe("a progress line", () => {
  /** Time stands still until it is turned. */
  function start() {
    const clock = new SkippingClock(-1);
    async function turn(millis: number): Promise<void> {
      clock.advance(millis);
      for (let microtask = 0; microtask < 4; microtask += 1) await Promise.resolve();
    }
    const shown: (string | null)[] = [];
    const status = (text: string | null) => void shown.push(text);
    const output = { columns: 20 };
    const progress = createProgress({ status }, output, clock);
    const update = (loaded: number) => progress.update({ ...state, loaded, rejected: 0, left: undefined });
    return { shown, turn, output, update, end: progress.end };
  }

  test("is drawn at once, then at most every 100 ms, and the newest state last", async () => {
    const { shown, turn, update } = start();
    for (let millis = 0; millis < 1000; millis++) {
      update(millis);
      await turn(1);
    }
    await turn(100);
    expect(shown).toHaveLength(11);
    expect(shown.slice(0, 2)).toEqual(["0 loaded · 950/s", "99 loaded · 950/s"]);
    expect(shown.at(-1)).toBe("999 loaded · 950/s");
  });

  test("follows the width of the terminal", async () => {
    const { shown, turn, output, update } = start();
    update(1);
    output.columns = 10;
    await turn(100);
    update(2);
    expect(shown).toEqual(["1 loaded · 950/s", "2 loaded"]);
  });

  test("is gone after its end, whatever was still to be drawn", async () => {
    const { shown, turn, update, end } = start();
    update(1);
    update(2);
    end();
    update(3);
    await turn(1000);
    update(4);
    expect(shown).toEqual(["1 loaded · 950/s", null]);
  });
});
