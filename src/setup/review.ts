/** Shows what a set-up found and what it proposes, and finds what would stop a drain. */

import { EtlError } from "../errors.ts";
import { compileMapping } from "../message/mapper.ts";
import { type ColumnMapping, type Mapping, sourceName } from "../message/mapping.ts";
import { createMasker, type Masker } from "../message/mask.ts";
import { isRefusal, type Message, type Rejection } from "../message/message.ts";
import { createTypeOf, storedType, usesKey } from "../message/stored-type.ts";
import { previewMessages } from "../processing/processor.ts";
import { type Asker, setupError, warnOf } from "./asker.ts";
import { maskedField, maskOf } from "./conversions.ts";
import type { ChosenTable } from "./database-questions.ts";
import type { Field, FieldsFound } from "./fields.ts";
import { personalKind } from "./personal.ts";
import type { Session, SetupDatabase, SetupKey } from "./ports.ts";
import type { PersonalFields, Proposed } from "./proposal.ts";
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

/** A column of a draft. It has no confidence if a person or the file chose its source. */
export type DraftColumn = ColumnMapping & Partial<Pick<Proposed, "confidence">>;

/** A mapping that may still change. */
export interface Draft extends Mapping {
  readonly columns: readonly DraftColumn[];
  readonly personal: PersonalFields;
}

/**
 * Shows the columns and the rows that the sample becomes, and checks them against the table.
 *
 * @returns everything that would stop a drain or reject a message of the sample, and each guess that nobody has confirmed;
 * and the key, if one is needed and there is a good one
 */
export async function review(
  parts: MappingParts,
  draft: Draft,
): Promise<{ readonly problems: readonly EtlError[]; readonly key: SetupKey | undefined }> {
  const { asker, ports, start, database, table } = parts;
  await showColumns(parts, draft);
  if (draft.columns.length === 0) {
    const hint = "give another --table, or the name of a new one";
    const problem = setupError("no column of the table takes a field of these messages", hint);
    if (asker.isPerson) await warnOf(asker, problem);
    return { problems: [problem], key: undefined };
  }
  const problems: EtlError[] = guessProblems(parts, draft);
  let key: SetupKey | undefined;
  try {
    if (usesKey(draft, start.defaultMask)) key = ports.key();
    const masker = createMasker({
      defaultMethod: start.defaultMask,
      ...(key === undefined ? {} : { key: key.bytes }),
    });
    problems.push(...(await preview(parts, draft, masker)));
  } catch (error) {
    if (!(error instanceof EtlError)) throw error;
    problems.push(error);
  }
  if (table.found !== undefined) problems.push(...(await database.faults(table.name, draft)));
  if (asker.isPerson) for (const problem of problems) await warnOf(asker, problem);
  if (problems.length === 0 && start.writes) await asker.tell(whatHappensNext(parts, key));
  return { problems, key };
}

/** A person has been asked which guesses are right. */
function guessProblems({ asker, start }: MappingParts, { columns }: Draft): EtlError[] {
  const guesses = columns.filter(({ confidence }) => confidence === "guess");
  if (asker.isPerson || start.acceptGuesses || guesses.length === 0) return [];
  const named = guesses.map(({ column, source }) => `${column} from ${sourceName(source)}`);
  return [
    setupError(
      `to fill ${named.join(", ")} is a guess by the names`,
      "add --accept-guesses if all of it is right, or run etl init in a terminal",
    ),
  ];
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
  { columns, personal }: Draft,
): Promise<void> {
  const unfilled = unfilledNames(table, columns);
  // Each column of a new table is named after its field.
  const matches = table.found !== undefined && columns.some(({ confidence }) => confidence !== undefined);
  const line = (column: DraftColumn) => [
    column.column,
    sourceName(column.source),
    ...(matches ? [column.confidence ?? "chosen"] : []),
    typeInWords(column, table.found === undefined),
    absentInWords(column),
  ];
  await asker.show(
    `Table ${table.name}`,
    ["column", "from", ...(matches ? ["name"] : []), "type", "absent"],
    [...columns.map(line), ...unfilled.map((name) => [name, null, ...(matches ? [""] : []), "", ""])],
  );
  const unused = unusedFields(found, columns);
  const unmaskable = unused.filter((field) => personal.has(field.name) && maskedField(field) === undefined);
  const others = unused.filter((field) => !unmaskable.includes(field));
  if (others.length > 0) await asker.tell(`Not stored: ${others.map(({ name }) => name).join(", ")}`);
  if (unmaskable.length > 0) {
    const names = unmaskable.map(({ name }) => name).join(", ");
    await asker.tell(`Not stored, as no mask takes lists, objects or several types: ${names}`);
  }
  for (const column of columns) {
    if (personal.has(sourceName(column.source)) && maskOf(column) === undefined)
      await asker.warn(`${column.column} stores a personal field unmasked`);
  }
  await tellOfEmpty({ asker, found }, columns);
}

function typeInWords(column: ColumnMapping, isNew: boolean): string {
  const steps = column.transforms.map((step) => {
    if (step.kind !== "mask") return step.kind;
    return step.method === undefined ? "masked" : `masked by ${step.method}`;
  });
  return [isNew ? createTypeOf(column) : storedType(column), ...steps].join(", ");
}

/** What becomes of a message without the value; nothing for what is always there. */
function absentInWords({ source, required, default: standIn }: ColumnMapping): string {
  if (source.in === "constant" || (source.in === "message" && source.fact !== "group_id")) return "";
  if (required) return "reject";
  return standIn === undefined ? "null" : `default ${standIn}`;
}

/** All empty strings would have one pseudonym, as if they were one person's. A column that sets `empty` has the answer. */
async function tellOfEmpty(
  { asker, found }: Pick<MappingParts, "asker" | "found">,
  columns: readonly DraftColumn[],
): Promise<void> {
  const undecided = columns.filter((one) => maskOf(one) !== undefined && one.empty === undefined);
  for (const column of undecided) {
    const name = sourceName(column.source);
    const empty = found.fields.find((field) => field.name === name)?.empty ?? 0;
    if (empty > 0)
      await asker.warn(
        `${name} is an empty string in ${empty} of ${found.of} messages: it is stored as null, because a mask would give all of them one pseudonym; empty = "keep" or "reject" in etl.toml changes that`,
      );
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
 * @returns which messages a drain would reject, and whether several are of another kind. A single one of another kind is
 * bad by itself, and is told only.
 * @throws EtlError `config` if the mapping cannot work
 */
async function preview(
  { asker, ports, queue, table }: MappingParts,
  mapping: Draft,
  masker: Masker,
): Promise<readonly EtlError[]> {
  const limits = table.found?.limits ?? new Map();
  const parts = { masker, limits, body: queue.body, now: ports.now };
  const previews = await previewMessages(queue.messages, { mapMessage: compileMapping(mapping, parts) });
  const shown = previews.flatMap((one) => (one.kind === "mapped" ? one.rows : [])).slice(0, shownRows);
  if (shown.length > 0) {
    await asker.show(
      "As they would be stored",
      ["column", ...shown.map((_, index) => `row ${index + 1}`)],
      mapping.columns.map(({ column }, index) => [column, ...shown.map((row) => row[index] ?? null)]),
    );
  }
  const { strays } = queue.sample;
  const refused = new Map<string, Set<Message>>();
  // A message is rejected for its first fault. To hear of each column's, each is the first once.
  for (const [index] of mapping.columns.entries()) {
    const columns = [...mapping.columns.slice(index), ...mapping.columns.slice(0, index)];
    const mapFrom = compileMapping({ ...mapping, columns }, parts);
    for (const message of queue.messages) {
      const mapped = strays.includes(message) ? undefined : mapFrom(message);
      if (mapped === undefined || !isRefusal(mapped)) continue;
      const words = reasonInWords(mapped);
      refused.set(words, (refused.get(words) ?? new Set()).add(message));
    }
  }
  const change = asker.isPerson ? "change the column" : "run etl init in a terminal and change the column";
  const problems = [...refused].map(([words, { size }]) =>
    setupError(
      `a drain would reject ${size} of ${previews.length} messages: ${words}`,
      `${change}, or write the columns yourself: etl config example`,
    ),
  );
  const faults = previews.flatMap((one, index) =>
    one.kind === "rejected" && strays.includes(queue.messages[index] as Message)
      ? [reasonInWords(one.rejection)]
      : [],
  );
  const words = faults[0] === undefined ? "" : `, and a drain would reject ${faults.length}: ${faults[0]}`;
  if (strays.length === 1 && faults.length === 1) {
    await asker.warn(`one message is unlike the others${words}`);
  } else if (strays.length > 1 && (faults.length > 0 || !table.isFiles)) {
    problems.push(
      setupError(
        `${strays.length} of ${previews.length} messages are unlike the others, and no column takes their fields${words}`,
        "send them to a queue of their own, or write columns for all of them yourself: etl config example",
      ),
    );
  }
  return problems;
}

function reasonInWords({ reason, path, column }: Pick<Rejection, "reason" | "path" | "column">): string {
  const place = [path, column].filter(Boolean).join(" into ");
  return place === "" ? reason : `${reason} (${place})`;
}
