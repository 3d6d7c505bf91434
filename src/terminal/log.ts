/** The log and the progress line of a run, on standard error: for people and for log collectors. */

import type { Clock } from "../polling/ports.ts";
import { formatCount } from "../text/counts.ts";
import type { Output } from "./output.ts";
import { countOf, formatRate, formatSeconds, jsonLine, printable, shorten } from "./text.ts";

/** Writes log lines. Texts must hold no raw field value; control characters are made visible. */
export interface Log {
  /** What a person follows a run by; dropped under `--quiet`. */
  info(text: string): void;
  /** What a person should know even under `--quiet`. */
  warn(text: string): void;
  /** Takes up what the settings say, from the next line on; they are read after the first lines may have been logged. */
  configure(settings: LogSettings): void;
  /**
   * Keeps one line below the log lines of a terminal; null takes it away. Without a terminal and under
   * `--quiet` nothing is shown. Take it away, and `flush`, before anything else is written to the terminal.
   *
   * @param text longer than the terminal is wide, it is cut
   */
  status(text: string | null): void;
  /**
   * Whether the reader is slower than the log, and still reads: who makes lines should wait a little. While more than 1 MiB of
   * text waits, lines are dropped, and the log says how many once the reader reads on.
   *
   * @throws EtlError `unavailable` if a line was lost in another way
   */
  isBehind(): boolean;
  /**
   * Resolves when every line so far has been handed to the operating system; at the end of a run it is a must.
   *
   * @throws EtlError `unavailable` if a line was lost
   */
  flush(): Promise<void>;
}

/** What the settings say of a log. */
interface LogSettings {
  /** `json` is one object a line: `time` (RFC 3339, UTC), `level` (`info` or `warn`), `message`; also on a terminal. */
  readonly format: "text" | "json";
  /** Drops `info` and `status`; what `--quiet` has dropped stays dropped. */
  readonly quiet: boolean;
}

/** In characters: about what a pipe holds. */
const behindCharacters = 64 * 1024;

/** In characters; what a reader that does not read makes the log hold in memory is no more than twice that. */
const mostCharacters = 1024 * 1024;

/** To the beginning of the line, and erase what follows (ECMA-48, EL). */
const eraseLine = "\r\u001b[K";

/**
 * A log on an output, usually standard error. On a terminal a line is the text alone, a warning's behind `warning: `;
 * elsewhere it is an RFC 3339 time in UTC, the level (`info` or `warn`) and the text, parted by spaces.
 *
 * @param options `quiet` drops `info` and `status`; `now` is the time of day for the stamps
 */
export function createLog(output: Output, options: { quiet: boolean; now: () => Date }): Log {
  let { quiet } = options;
  let format: LogSettings["format"] = "text";
  let lines: string[] = [];
  /** Of `lines`, and of what is being written, in characters. */
  let [waiting, underWay] = [0, 0];
  let dropped = 0;
  let wantedStatus: string | null = null;
  let shownStatus: string | null = null;
  let writing: Promise<void> | undefined;
  let failure: unknown;

  function line(level: "info" | "warn", text: string): string {
    const time = () => options.now().toISOString();
    if (format === "json") return jsonLine({ time: time(), level, message: text });
    const shown = printable(text);
    if (!output.isTerminal) return `${time()} ${level} ${shown}`;
    if (level === "info") return shown;
    return `${output.colours ? "\u001b[33mwarning:\u001b[39m" : "warning:"} ${shown}`;
  }

  /** One write for everything new: lines do not tear the status line, and status lines never queue up. */
  async function writePending(): Promise<void> {
    try {
      while (lines.length > 0 || shownStatus !== wantedStatus) {
        const erase = shownStatus === null ? "" : eraseLine;
        // The last column stays free: a terminal that has filled it may already be on the next line.
        const status = wantedStatus === null ? "" : shorten(printable(wantedStatus), output.columns - 1);
        if (dropped > 0) lines.push(droppedLine());
        const text = erase + lines.join("") + status;
        lines = [];
        [waiting, underWay, dropped] = [0, text.length, 0];
        shownStatus = wantedStatus;
        await output.write(text);
      }
    } catch (error) {
      failure ??= error;
    } finally {
      writing = undefined;
      underWay = 0;
    }
  }

  function droppedLine(): string {
    const text = `${countOf(dropped, "log line")} dropped here: standard error was not read`;
    return `${line("warn", text)}\n`;
  }

  /** What one turn of the event loop has to say goes out in one write. */
  function writeSoon(): void {
    writing ??= Promise.resolve().then(writePending);
  }

  function add(level: "info" | "warn", text: string): void {
    if (waiting > mostCharacters) {
      dropped += 1;
      return;
    }
    const added = `${line(level, text)}\n`;
    lines.push(added);
    waiting += added.length;
    writeSoon();
  }

  return {
    info(text) {
      if (!quiet) add("info", text);
    },
    warn(text) {
      add("warn", text);
    },
    configure(settings) {
      quiet ||= settings.quiet;
      format = settings.format;
    },
    status(text) {
      if (!output.isTerminal || quiet || format === "json") return;
      wantedStatus = text;
      writeSoon();
    },
    isBehind() {
      if (failure) throw failure;
      return waiting + underWay > behindCharacters && !output.stuck;
    },
    async flush() {
      while (writing) await writing;
      if (failure) throw failure;
    },
  };
}

/** Where a drain stands. */
export interface ProgressState {
  readonly loaded: number;
  readonly rejected: number;
  readonly perSecond: number;
  /** About how many messages are left; absent if it is not known. */
  readonly left?: number | undefined;
  readonly seconds: number;
}

const redrawMillis = 100;

/**
 * A progress line below the lines of a log, which shows none if it is quiet or has no terminal.
 *
 * @param output the log's; its width is read at every redraw
 */
export function createProgress(log: Pick<Log, "status">, output: Pick<Output, "columns">, clock: Clock) {
  const ended = new AbortController();
  let newest: ProgressState | undefined;
  let drawnAtMillis = Number.NEGATIVE_INFINITY;
  let waiting = false;

  function draw(): void {
    if (!newest || ended.signal.aborted) return;
    drawnAtMillis = clock.monotonicMillis();
    log.status(formatProgress(newest, output.columns));
  }

  return {
    /** Shows the state, at most ten times a second; the newest one is always shown in the end. */
    update(state: ProgressState) {
      newest = state;
      if (waiting) return;
      const restMillis = drawnAtMillis + redrawMillis - clock.monotonicMillis();
      if (restMillis <= 0) return draw();
      waiting = true;
      void clock.sleep(restMillis, ended.signal).then(() => {
        waiting = false;
        draw();
      });
    },
    /** Takes the line away for good. */
    end() {
      ended.abort();
      log.status(null);
    },
  };
}

/**
 * The state in words, narrower than `columns`: what fits of the loaded, the rejected, the left, the rate and the
 * time, in this order of importance. All of it if `columns` is `Infinity`, as in a log line.
 */
export function formatProgress(state: ProgressState, columns: number): string {
  const loaded = shorten(`${formatCount(state.loaded)} loaded`, columns - 1);
  const rejected = state.rejected > 0 && `${formatCount(state.rejected)} rejected`;
  const rate = formatRate(state.perSecond);
  const left = state.left !== undefined && `about ${formatCount(state.left)} left`;
  const time = formatSeconds(state.seconds);

  const shown = new Set<string | false>([loaded]);
  const text = () => [loaded, rejected, rate, left, time].filter((part) => shown.has(part)).join(" · ");
  for (const part of [rejected, left, rate, time]) {
    if (!part) continue;
    shown.add(part);
    if (text().length >= columns) shown.delete(part);
  }
  return text();
}
