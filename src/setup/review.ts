/** Shows what a set-up found and what it proposes, and finds what would stop a drain. */

import { EtlError } from "../errors.ts";
import { compileMapping } from "../message/mapper.ts";
import { type ColumnMapping, type Mapping, sourceName } from "../message/mapping.ts";
import { createMasker, type Masker } from "../message/mask.ts";
import type { Rejection } from "../message/message.ts";
import { createTypeOf, storedType, usesKey } from "../message/stored-type.ts";
import { previewMessages } from "../processing/processor.ts";
import { type Asker, setupError, warnOf } from "./asker.ts";
import { maskOf } from "./conversions.ts";
import type { ChosenTable } from "./database-questions.ts";
import type { Field, FieldsFound } from "./fields.ts";
import { personalKind } from "./personal.ts";
import type { Session, SetupDatabase, SetupKey } from "./ports.ts";
import { misfit, type PersonalFields } from "./proposal.ts";
import type { ChosenQueue } from "./queue-questions.ts";

/** What a mapping is proposed from and checked against. */
export interface MappingParts extends Session {
  readonly queue: ChosenQueue;
  readonly database: SetupDatabase;
  readonly table: ChosenTable;
  readonly found: FieldsFound;
}

/** Shows the fields with their types and how many messages have them; never a value. */
export async function showFields(asker: Asker, { fields, of, cut }: FieldsFound): Promise<void> {
  await asker.show(
    `What is in ${of === 1 ? "one message" : `${of} messages`}`,
    ["field", "type", "in", "personal?"],
    fields.map((field) => [
      field.name,
      [...field.types.keys()].join(", "),
      String(field.seen),
      personalKind(field) ?? "",
    ]),
    [2],
  );
  if (cut) await asker.warn(`there are more fields; only the first ${fields.length} are used`);
}

/**
 * Shows the columns and the rows that the sample becomes, and checks them against the table.
 *
 * @returns the first thing that would stop a drain, if there is one; and the key, if one is needed and there is a good one
 */
export async function review(
  parts: MappingParts,
  mapping: Mapping,
  personal: PersonalFields,
): Promise<{ readonly fault?: EtlError; readonly key: SetupKey | undefined }> {
  const { asker, ports, start, queue, database, table } = parts;
  await showColumns(parts, mapping, personal);
  let key: SetupKey | undefined;
  try {
    if (mapping.columns.length === 0) {
      throw setupError(
        "no column of the table takes a field of these messages",
        "give another --table, or the name of a new one",
      );
    }
    if (usesKey(mapping, start.defaultMask)) key = ports.key();
    const masker = createMasker({
      defaultMethod: start.defaultMask,
      ...(key === undefined ? {} : { key: key.bytes }),
    });
    const rows = await preview(parts, mapping, masker);
    if (!asker.isPerson && rows === 0 && queue.messages.length > 0) {
      throw setupError(
        "the proposed mapping would reject every message of the sample",
        "run etl init in a terminal and change the columns, or write them yourself: etl config example",
      );
    }
    if (table.found !== undefined) await database.check(table.name, mapping);
    if (start.writes) await asker.tell(whatHappensNext(parts, key));
    return { key };
  } catch (error) {
    if (!(error instanceof EtlError)) throw error;
    if (asker.isPerson) await warnOf(asker, error);
    return { fault: error, key };
  }
}

function whatHappensNext({ start, table }: MappingParts, key: SetupKey | undefined): string {
  const made =
    table.found === undefined
      ? `create ${table.name} and its ledger`
      : "create the ledger next to the table if it is missing";
  const keyFile = key?.isNew ? ` and a new mask key, ${key.place},` : "";
  return `etl will write ${start.configPath}${keyFile} and ${made}`;
}

async function showColumns(
  { asker, table, found }: MappingParts,
  { columns }: Mapping,
  personal: PersonalFields,
): Promise<void> {
  const unfilled = unfilledNames(table, columns);
  await asker.show(
    `Table ${table.name}`,
    ["column", "from", "type", "masked"],
    [
      ...columns.map((column) => [
        column.column,
        sourceName(column.source),
        table.found === undefined ? createTypeOf(column) : storedType(column),
        maskOf(column)?.replace("default", "yes") ?? "",
      ]),
      ...unfilled.map((name) => [name, null, "", ""]),
    ],
  );
  const unused = unusedFields(found, columns);
  if (unused.length > 0) await asker.tell(`Not stored: ${unused.map(({ name }) => name).join(", ")}`);
  for (const column of unfilled) {
    const field = misfit(column, unused);
    if (field) await asker.warn(`${column} stays empty: some values of ${field.name} do not fit it`);
  }
  for (const column of columns) {
    if (personal.has(sourceName(column.source)) && maskOf(column) === undefined)
      await asker.warn(`${column.column} stores a personal field unmasked`);
  }
}

/** The table's columns that the mapping leaves empty. */
export function unfilledNames({ found }: ChosenTable, columns: readonly ColumnMapping[]): readonly string[] {
  const filled = new Set(columns.map(({ column }) => column));
  const open = found?.columns.filter(({ generated }) => generated === "no") ?? [];
  return open.map(({ name }) => name).filter((name) => !filled.has(name));
}

/** The fields that no column takes. */
export function unusedFields({ fields }: FieldsFound, columns: readonly ColumnMapping[]): readonly Field[] {
  const used = new Set(columns.map(({ source }) => sourceName(source)));
  return fields.filter(({ name }) => !used.has(name));
}

/** So many rows fit next to each other on 60 columns. */
const shownRows = 3;

/**
 * Maps the sample exactly as a drain does. Shows a few rows, masked, with their columns below each other, so that a wide
 * table needs no wide terminal.
 *
 * @returns how many messages become rows
 * @throws EtlError `config` if the mapping cannot work
 */
async function preview(
  { asker, ports, queue, table }: MappingParts,
  mapping: Mapping,
  masker: Masker,
): Promise<number> {
  const limits = table.found?.limits ?? new Map();
  const mapMessage = compileMapping(mapping, { masker, limits, body: queue.body, now: ports.now });
  const previews = await previewMessages(queue.messages, { mapMessage });
  const rows = previews.flatMap((one) => (one.kind === "mapped" ? one.rows : []));
  const shown = rows.slice(0, shownRows);
  if (shown.length > 0) {
    await asker.show(
      "As they would be stored",
      ["column", ...shown.map((_, index) => `row ${index + 1}`)],
      mapping.columns.map(({ column }, index) => [column, ...shown.map((row) => row[index] ?? null)]),
    );
  }
  const reasons = previews.flatMap((one) => (one.kind === "rejected" ? [reasonInWords(one.rejection)] : []));
  for (const [words, { length }] of Map.groupBy(reasons, (words) => words)) {
    await asker.warn(`a drain would reject ${length} of ${previews.length} messages: ${words}`);
  }
  return rows.length;
}

function reasonInWords({ reason, path, column }: Pick<Rejection, "reason" | "path" | "column">): string {
  const place = [path, column].filter(Boolean).join(" into ");
  return place === "" ? reason : `${reason} (${place})`;
}
