/** `etl drain`: reads the settings, checks the key, and begins a run or a dry run. */

import { EtlError } from "../../errors.ts";
import type { Masker } from "../../message/mask.ts";
import { needsAttributes } from "../../message/stored-type.ts";
import type { DrainOptions } from "../../settings/options.ts";
import type { Settings } from "../../settings/settings.ts";
import type { Context } from "../context.ts";
import { openMasker } from "../masker.ts";
import { type OpenQueue, openQueue } from "../queue.ts";
import { readSettings } from "../settings.ts";
import { listenForStop, type Stop } from "../stop.ts";
import { runDryRun } from "./dry-run.ts";
import { runForReal } from "./real-run.ts";

/** What a drain and a dry run are given: settings read, key checked, queue open, and nothing sent yet. */
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
  /** In a dry run: write the rows, in a transaction that is rolled back. */
  readonly writeCheck: boolean;
}

/**
 * Runs a drain or, with `dryRun`, a look at what it would do.
 *
 * @returns 0; 65 where messages were rejected; 129, 130 or 143 where a signal stopped it
 * @throws EtlError whatever ended the run; its receipt, where it had begun, is printed before
 */
export async function runDrain(context: Context, options: DrainOptions): Promise<number> {
  if (options.dryRun && options.follow) throw dryRunEnds();
  if (options.writeCheck && !options.dryRun) throw writeCheckIsDry();
  const settings = readSettings(context, options);
  // Before anything is opened: without a key nothing may be received.
  const masker = openMasker(settings, context);
  const stop = listenForStop(context, settings.drain.graceSeconds * 1000);
  try {
    const withAttributes =
      settings.rejects.action === "dead-letter" || needsAttributes(settings.table.mapping);
    const parts = {
      context,
      settings,
      masker,
      queue: openQueue(settings.queue, context, withAttributes),
      stop,
      json: options.json,
      follow: options.follow,
      writeCheck: options.writeCheck,
    };
    return await stop.orForced(options.dryRun ? runDryRun(parts) : runForReal(parts));
  } finally {
    stop.end();
  }
}

function dryRunEnds(): EtlError {
  return new EtlError({
    kind: "usage",
    operation: "drain",
    message: "--dry-run and --follow do not go together: a dry run ends when it has shown its messages",
    hint: "etl drain --dry-run",
  });
}

function writeCheckIsDry(): EtlError {
  return new EtlError({
    kind: "usage",
    operation: "drain",
    message: "--write-check belongs to a dry run",
    hint: "etl drain --dry-run --write-check",
  });
}
