/** The progress line of a drain: how far it is, on a terminal only. */

import type { Clock } from "../polling/ports.ts";
import type { Log } from "./log.ts";
import { formatCount, formatRate, formatSeconds } from "./numbers.ts";
import type { Output } from "./output.ts";
import { shorten } from "./width.ts";

/** Where a drain stands. */
export interface ProgressState {
  readonly loaded: number;
  readonly rejected: number;
  readonly perSecond: number;
  /** About how many messages are left; absent where it is not known. */
  readonly left?: number | undefined;
  readonly seconds: number;
}

/** Shows where a drain stands. */
interface Progress {
  /** Shows the state, at most ten times a second; the newest one is always shown in the end. */
  update(state: ProgressState): void;
  /** Takes the line away for good. */
  end(): void;
}

const redrawMillis = 100;

/**
 * A progress line below the lines of a log, which shows none where it is quiet or has no terminal.
 *
 * @param output the log's; its width is read at every redraw
 */
export function createProgress(log: Log, output: Pick<Output, "columns">, clock: Clock): Progress {
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
    update(state) {
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
    end() {
      ended.abort();
      log.status(null);
    },
  };
}

/**
 * The state in words, narrower than `columns`: what fits of the loaded, the rejected, the left, the rate and the
 * time, in this order of importance. All of it where `columns` is `Infinity`, as in a log line.
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
