/** What a drain and a dry run are given: settings read, key checked, queue open, and nothing sent yet. */

import type { Masker } from "../../message/mask.ts";
import type { Settings } from "../../settings/settings.ts";
import type { Context } from "../context.ts";
import type { OpenQueue } from "../queue.ts";
import type { Stop } from "../stop.ts";

/** One run's parts. */
export interface DrainCommand {
  readonly context: Context;
  readonly settings: Settings;
  readonly masker: Masker;
  readonly queue: OpenQueue;
  readonly stop: Stop;
  /** One JSON object a line on standard output. */
  readonly json: boolean;
  /** Go on when the queue is empty. */
  readonly follow: boolean;
}
