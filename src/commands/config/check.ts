/** `etl config check`: everything about the settings that can be known without asking queue or database. */

import { EtlError, exitCodes } from "../../errors.ts";
import { compileMapping } from "../../message/mapper.ts";
import { userLogins } from "../../message/mapping.ts";
import type { Masker } from "../../message/mask.ts";
import { parseTableName } from "../../postgres/identifier.ts";
import { ledgerName } from "../../postgres/ledger.ts";
import type { ConfigCheckOptions } from "../../settings/options.ts";
import { settingKeys } from "../../settings/setting-table.ts";
import {
  effectiveValue,
  findSetting,
  placesOf,
  type SettingPlaces,
  variable,
} from "../../settings/setting-value.ts";
import { databaseSettings, maskSettings, tableInSchema } from "../../settings/settings.ts";
import {
  defaultPath,
  fromFolderOf,
  inspectSettings,
  type SettingsFile,
} from "../../settings/settings-file.ts";
import { readTextFile, type TextFile } from "../../settings/text-file.ts";
import { resolveEndpoint } from "../../sqs/queue-url.ts";
import { countOf, printable } from "../../terminal/text.ts";
import type { Context } from "../context.ts";
import { openMasker } from "../masker.ts";
import { readDatabaseSettings } from "../table.ts";
import { tryMapping } from "./sample.ts";

/** Runs what may find a fault; undefined if it found one. */
type Check = <Result>(look: () => Result) => Result | undefined;

/**
 * Checks file, environment and defaults together, as a drain without flags would read them, and prints each fault in two
 * lines, as an error is. If there is none, tries the mapping on messages if that is asked for.
 *
 * @returns 0; 78 if there is a fault; 65 if a drain would reject messages; 129, 130 or 143 if a signal stopped it
 * @throws EtlError if there are no messages to try it on
 */
export async function runConfigCheck(context: Context, options: ConfigCheckOptions): Promise<number> {
  const { file, sample, queue, max } = options;
  if (sample !== undefined && queue) throw usage("--sample and --queue do not go together");
  if (max !== undefined && !queue) throw usage("--max is for messages of the queue, and needs --queue");
  const faults: EtlError[] = [];
  const check: Check = (look) => {
    try {
      return look();
    } catch (error) {
      if (!(error instanceof EtlError)) throw error;
      faults.push(error);
      return undefined;
    }
  };
  const named = file ?? variable(context.env, "ETL_CONFIG");
  const path = named ?? defaultPath;
  const text = check(() => readNamed(path, named !== undefined));
  const inspection = text === undefined ? { settings: {}, mapping: userLogins } : inspectSettings(path, text);
  if ("faults" in inspection) faults.push(...inspection.faults);
  const checked =
    faults.length === 0 && "settings" in inspection
      ? checkSettings(path, inspection, context, check)
      : undefined;
  const place = text === undefined ? `there is no ${path}; environment and defaults are` : `${path} is`;
  const lines = faults.flatMap(({ message, hint }) => [
    `error: ${message}`,
    ...(hint === undefined ? [] : [`try: ${hint}`]),
  ]);
  if (lines.length === 0) lines.push(`${place} ok: ${checked?.loads}`);
  await context.stdout.write(`${lines.map(printable).join("\n")}\n`);
  if (faults.length > 0 || checked?.masker === undefined) return exitCodes.config;
  if (sample === undefined && !queue) return 0;
  return await tryMapping(context, { config: named, masker: checked.masker, ...options });
}

function usage(says: string): EtlError {
  const message = `etl config check: ${says}`;
  return new EtlError({
    kind: "usage",
    operation: "config check",
    message,
    hint: "etl config check --queue",
  });
}

function readNamed(path: string, named: boolean): TextFile | undefined {
  const file = readTextFile(path);
  if (file !== undefined || !named) return file;
  throw fault(`${path} does not exist`, "name another file, or make one: etl config example > etl.toml");
}

/** @returns what is loaded, in a few words, and how it is masked if nothing is wrong with that */
function checkSettings(
  path: string,
  { settings, mapping }: Pick<SettingsFile, "settings" | "mapping">,
  context: Context,
  check: Check,
): { readonly loads: string; readonly masker: Masker | undefined } {
  const places = placesOf({ flags: {}, env: context.env, file: settings });
  const resolvePath = (written: string) => fromFolderOf(path, written);
  const name = tableInSchema(effectiveValue("table.name", places), effectiveValue("database.schema", places));
  for (const key of settingKeys) check(() => findSetting(key, places));
  checkQueues(places, context, check);
  check(() => {
    const database = databaseSettings(places, { env: context.env, readFile: readTextFile, resolvePath });
    readDatabaseSettings({ database }, context);
  });
  check(() => parseTableName(name));
  const schema = effectiveValue("ledger.schema", places);
  if (schema !== undefined) check(() => parseTableName(ledgerName({ schema })));
  const masker = check(() => {
    const mask = maskSettings(places, resolvePath);
    const opened = openMasker({ mask, table: { name, mapping } }, context);
    const body = {
      envelope: effectiveValue("queue.envelope", places),
      encoding: effectiveValue("queue.encoding", places),
    };
    // What is found out before the first message of a run.
    compileMapping(mapping, { masker: opened, limits: new Map(), body, now: () => 0 });
    return opened;
  });
  return { loads: `${countOf(mapping.columns.length, "column")} into ${name}`, masker };
}

function checkQueues(places: SettingPlaces, { log }: Context, check: Check): void {
  const url = effectiveValue("queue.url", places);
  const endpoint = effectiveValue("queue.endpoint", places);
  if (url === undefined) {
    log.warn("no queue is named: a drain needs [queue] url, ETL_QUEUE_URL or --queue-url");
  } else {
    check(() => resolveEndpoint({ url, endpoint }));
  }
  if (effectiveValue("rejects.action", places) === "leave") return;
  const deadLetterUrl = effectiveValue("rejects.dead_letter_url", places);
  check(() => {
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

function fault(message: string, hint: string): EtlError {
  return new EtlError({ kind: "config", operation: "config check", message, hint });
}
