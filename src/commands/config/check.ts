/** `etl config check`: everything about the settings that can be known without asking queue or database. */

import { EtlError, exitCodes } from "../../errors.ts";
import { compileMapping } from "../../message/mapper.ts";
import { type Mapping, userLogins } from "../../message/mapping.ts";
import { parseTableName } from "../../postgres/identifier.ts";
import { databaseSettings } from "../../settings/database-settings.ts";
import { inspectSettings } from "../../settings/file-faults.ts";
import type { ConfigCheckOptions } from "../../settings/options.ts";
import { effectiveValue, placesOf, type SettingPlaces, variable } from "../../settings/setting-value.ts";
import { maskSettings } from "../../settings/settings.ts";
import { defaultPath, fromFolderOf } from "../../settings/settings-file.ts";
import { tableInSchema } from "../../settings/table-name.ts";
import { readTextFile } from "../../settings/text-file.ts";
import { resolveEndpoint } from "../../sqs/queue-url.ts";
import { countOf } from "../../terminal/numbers.ts";
import { printable } from "../../terminal/printable.ts";
import type { Context } from "../context.ts";
import { openMasker } from "../masker.ts";
import { readDatabaseSettings } from "../table.ts";

/**
 * Checks file, environment and defaults together, as a drain without flags would read them, and prints each fault in two
 * lines, as an error is.
 *
 * @returns 0, or 78 where there is a fault
 */
export async function runConfigCheck(context: Context, { file }: ConfigCheckOptions): Promise<number> {
  const faults = new Faults();
  const named = file ?? variable(context.env, "ETL_CONFIG");
  const path = named ?? defaultPath;
  const summary = faults.of(() => checkAll(path, named !== undefined, context, faults));
  const lines = faults.all.flatMap(({ message, hint }) => [
    `error: ${message}`,
    ...(hint === undefined ? [] : [`try: ${hint}`]),
  ]);
  if (lines.length === 0 && summary !== undefined) lines.push(summary);
  await context.stdout.write(`${lines.map(printable).join("\n")}\n`);
  return faults.all.length === 0 ? 0 : exitCodes.config;
}

/** Collects what would each end a run. */
class Faults {
  readonly all: EtlError[] = [];

  /** What the check returns; undefined where it has found a fault. */
  of<Result>(check: () => Result): Result | undefined {
    try {
      return check();
    } catch (error) {
      if (!(error instanceof EtlError)) throw error;
      this.all.push(error);
      return undefined;
    }
  }
}

/** @returns one line for where all is well */
function checkAll(path: string, required: boolean, context: Context, faults: Faults): string | undefined {
  const file = readTextFile(path);
  if (file === undefined && required) {
    throw fault(`${path} does not exist`, "name another file, or make one: etl config example > etl.toml");
  }
  const inspection = file === undefined ? { settings: {}, mapping: userLogins } : inspectSettings(path, file);
  if ("faults" in inspection) {
    faults.all.push(...inspection.faults);
    return undefined;
  }
  const { settings, mapping } = inspection;
  const places = placesOf({ flags: {}, env: context.env, file: settings });
  const resolvePath = (written: string) => fromFolderOf(path, written);
  const name = tableInSchema(effectiveValue("table.name", places), effectiveValue("database.schema", places));
  checkQueues(places, context, faults);
  faults.of(() => {
    const database = databaseSettings(places, { env: context.env, readFile: readTextFile, resolvePath });
    readDatabaseSettings({ database }, context);
  });
  faults.of(() => parseTableName(name));
  faults.of(() => {
    const mask = maskSettings(places, resolvePath);
    checkMapping(mapping, places, openMasker({ mask, table: { name, mapping } }, context));
  });
  const where = file === undefined ? `there is no ${path}; environment and defaults are` : `${path} is`;
  return `${where} ok: ${countOf(mapping.columns.length, "column")} into ${name}`;
}

function checkQueues(places: SettingPlaces, { log }: Context, faults: Faults): void {
  const url = effectiveValue("queue.url", places);
  const endpoint = effectiveValue("queue.endpoint", places);
  if (url === undefined) {
    log.warn("no queue is named: a drain needs [queue] url, ETL_QUEUE_URL or --queue-url");
  } else {
    faults.of(() => resolveEndpoint({ url, endpoint }));
  }
  if (effectiveValue("rejects.action", places) === "leave") return;
  const deadLetterUrl = effectiveValue("rejects.dead_letter_url", places);
  faults.of(() => {
    if (deadLetterUrl === undefined) {
      throw fault(
        'rejects.action is "dead-letter", and no dead-letter queue is named',
        "set [rejects] dead_letter_url",
      );
    }
    if (deadLetterUrl === url) {
      throw fault("the dead-letter queue is the queue that is drained", "change [rejects] dead_letter_url");
    }
    resolveEndpoint({ url: deadLetterUrl, endpoint });
  });
}

/** What is found out before the first message of a run. */
function checkMapping(mapping: Mapping, places: SettingPlaces, masker: ReturnType<typeof openMasker>): void {
  compileMapping(mapping, {
    masker,
    limits: new Map(),
    body: {
      envelope: effectiveValue("queue.envelope", places),
      encoding: effectiveValue("queue.encoding", places),
    },
    now: () => 0,
  });
}

function fault(message: string, hint: string): EtlError {
  return new EtlError({ kind: "config", operation: "config check", message, hint });
}
