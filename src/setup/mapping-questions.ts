/** The last questions: which fields are personal, and which column takes which; with the rows it comes to. */

import { EtlError } from "../errors.ts";
import { type ColumnMapping, type Mapping, sourceName } from "../message/mapping.ts";
import { createTypeOf, storedType, usesKey } from "../message/stored-type.ts";
import { createMasker } from "../message/transforms/mask.ts";
import type { Asker, Choice } from "./asker.ts";
import { askColumn } from "./column-questions.ts";
import type { ChosenTable } from "./database-questions.ts";
import type { Field, FieldsFound } from "./fields.ts";
import { maskOf } from "./masking.ts";
import { personalKind } from "./personal.ts";
import type { Start } from "./plan.ts";
import type { SetupDatabase, SetupKey, SetupPorts } from "./ports.ts";
import { preview, showPreview } from "./preview.ts";
import { misfits, type PersonalFields, proposeForTable, proposeTable } from "./proposal.ts";
import type { ChosenQueue } from "./queue-questions.ts";

/** What was agreed on. */
export interface ChosenMapping {
  readonly mapping: Mapping;
  readonly key: SetupKey | undefined;
}

/** What the questions are about. */
export interface MappingParts {
  readonly ports: SetupPorts;
  readonly start: Start;
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
  if (cut) await asker.warn(`there are more fields: only the first ${fields.length} are looked at`);
}

/** Asks which fields are personal; those that look so are proposed. */
async function choosePersonal(asker: Asker, fields: readonly Field[]): Promise<PersonalFields> {
  if (fields.length === 0) return new Map();
  const kinds = new Map(fields.map((field) => [field.name, personalKind(field)]));
  const names = await asker.several({
    message: "Which are personal, and masked?",
    flag: "--yes",
    choices: fields.map(({ name }) => ({ value: name, label: name, hint: kinds.get(name) })),
    proposed: fields.flatMap(({ name }) => (kinds.get(name) === undefined ? [] : [name])),
  });
  return new Map(names.map((name) => [name, kinds.get(name)]));
}

/**
 * Proposes a mapping, or takes the one of the file, and changes it until it is agreed on.
 *
 * @throws EtlError where what is proposed does not work, and nobody can change it
 */
export async function chooseMapping(asker: Asker, parts: MappingParts): Promise<ChosenMapping> {
  const { found, start, table } = parts;
  const filesMapping = table.isFiles ? start.mapping : undefined;
  let personal =
    filesMapping === undefined
      ? await choosePersonal(asker, found.fields)
      : alreadyMasked(filesMapping.columns);
  let columns = filesMapping?.columns ?? propose(parts, personal);
  for (;;) {
    const mapping: Mapping = { columns, conflict: filesMapping?.conflict ?? { action: "reject" } };
    const { fault, key } = await review(asker, parts, mapping, personal);
    if (fault !== undefined && !asker.isPerson) throw fault;
    const next = await asker.choose<"write" | "personal" | { readonly column: string }>({
      message: fault === undefined ? "Is this right?" : "What is to change?",
      flag: "--yes",
      choices: [
        ...(fault === undefined ? [{ value: "write" as const, label: "Yes: write it" }] : []),
        ...columnChoices(parts, columns),
        { value: "personal", label: "Propose all anew, from what is personal on" },
        ...(fault === undefined
          ? []
          : [{ value: "write" as const, label: "Nothing: write it all the same" }]),
      ],
      proposed: fault === undefined ? "write" : undefined,
    });
    if (next === "write") return { mapping, key };
    if (next === "personal") {
      personal = await choosePersonal(asker, found.fields);
      columns = propose(parts, personal);
      continue;
    }
    columns = await changed(asker, parts, columns, personal, next.column);
  }
}

function alreadyMasked(columns: readonly ColumnMapping[]): PersonalFields {
  const masked = columns.filter((column) => maskOf(column) !== undefined);
  return new Map(masked.map(({ source }) => [sourceName(source), undefined]));
}

function propose({ table, found }: MappingParts, personal: PersonalFields): readonly ColumnMapping[] {
  return table.found === undefined
    ? proposeTable(found, personal)
    : proposeForTable(table.found.columns, found, personal);
}

/** Shows the columns and the rows, and finds what would keep a drain from starting. */
async function review(
  asker: Asker,
  parts: MappingParts,
  mapping: Mapping,
  personal: PersonalFields,
): Promise<{ readonly fault: EtlError | undefined; readonly key: SetupKey | undefined }> {
  const { ports, start, queue, database, table } = parts;
  await showColumns(asker, parts, mapping, personal);
  let key: SetupKey | undefined;
  try {
    if (mapping.columns.length === 0) throw noColumns();
    if (usesKey(mapping, start.defaultMask)) key = ports.key();
    const masker = createMasker({
      defaultMethod: start.defaultMask,
      ...(key === undefined ? {} : { key: key.bytes }),
    });
    const limits = table.found?.limits ?? new Map();
    const shown = await preview(queue.messages, mapping, {
      masker,
      limits,
      body: queue.body,
      now: ports.now,
    });
    await showPreview(asker, mapping, shown);
    if (!asker.isPerson && shown.rows.length === 0 && queue.messages.length > 0) throw nothingFits();
    if (table.found !== undefined) await database.check(table.name, mapping);
    if (start.writes) await tellOfWriting(asker, parts, key);
    return { fault: undefined, key };
  } catch (error) {
    if (!(error instanceof EtlError)) throw error;
    if (asker.isPerson)
      await asker.warn(error.hint === undefined ? error.message : `${error.message}; ${error.hint}`);
    return { fault: error, key };
  }
}

/** A person sees it and can change it. */
function nothingFits(): EtlError {
  return new EtlError({
    kind: "config",
    operation: "init",
    message: "the proposed mapping would reject every message that was looked at",
    hint: "run etl init in a terminal, where each column can be changed, or write them yourself: etl config example",
  });
}

/** What a yes means. */
async function tellOfWriting(
  asker: Asker,
  { start, table }: MappingParts,
  key: SetupKey | undefined,
): Promise<void> {
  const made =
    table.found === undefined
      ? `creates ${table.name} and its ledger`
      : "creates the ledger beside the table, where it is missing";
  await asker.tell(
    `Writes ${start.configPath}${key?.isNew ? ` and a new mask key, ${key.place},` : ""} and ${made}`,
  );
}

async function showColumns(
  asker: Asker,
  { table, found }: MappingParts,
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
        maskWords(column),
      ]),
      ...unfilled.map((name) => [name, null, "", ""]),
    ],
  );
  const unused = unusedFields(found, columns);
  if (unused.length > 0) await asker.tell(`Not stored: ${unused.map(({ name }) => name).join(", ")}`);
  for (const { column, field } of misfits(unfilled, unused)) {
    await asker.warn(`${column} stays empty: some of what the messages hold in ${field} does not fit it`);
  }
  const bare = columns.filter(
    (column) => personal.has(sourceName(column.source)) && maskOf(column) === undefined,
  );
  for (const { column } of bare) await asker.warn(`${column} takes a personal field unmasked`);
}

function maskWords(column: ColumnMapping): string {
  const mask = maskOf(column);
  return mask === undefined ? "" : mask === "default" ? "yes" : mask;
}

function unfilledNames({ found }: ChosenTable, columns: readonly ColumnMapping[]): readonly string[] {
  const filled = new Set(columns.map(({ column }) => column));
  const open = found?.columns.filter(({ alwaysGenerated }) => !alwaysGenerated) ?? [];
  return open.map(({ name }) => name).filter((name) => !filled.has(name));
}

function unusedFields({ fields }: FieldsFound, columns: readonly ColumnMapping[]): readonly Field[] {
  const used = new Set(columns.map(({ source }) => sourceName(source)));
  return fields.filter(({ name }) => !used.has(name));
}

function columnChoices(
  { table, found }: MappingParts,
  columns: readonly ColumnMapping[],
): readonly Choice<{ readonly column: string }>[] {
  const left = table.found === undefined ? unusedFields(found, columns) : [];
  return [
    ...columns.map(({ column, source }) => ({
      value: { column },
      label: `Change ${column}`,
      hint: sourceName(source),
    })),
    ...unfilledNames(table, columns).map((column) => ({ value: { column }, label: `Fill ${column}` })),
    // Of a new table, a field that was left out can become a column again.
    ...left.map((field) => ({ value: { column: field.name }, label: `Store ${field.name}, too` })),
  ];
}

async function changed(
  asker: Asker,
  { table, found, queue }: MappingParts,
  columns: readonly ColumnMapping[],
  personal: PersonalFields,
  name: string,
): Promise<readonly ColumnMapping[]> {
  const current = columns.find(({ column }) => column === name);
  const isNewColumn = current === undefined && table.found === undefined;
  const [proposed] = isNewColumn
    ? proposeTable({ ...found, fields: found.fields.filter((field) => field.name === name) }, personal)
    : [];
  const attributes = new Set(
    queue.messages.flatMap((message) => message.attributes ?? []).map((one) => one.name),
  );
  const answer = await askColumn(asker, proposed?.column ?? name, current ?? proposed, {
    fields: found.fields,
    attributes: [...attributes],
    personal,
    target: table.found?.columns.find((column) => column.name === name),
  });
  const rest = columns.filter(({ column }) => column !== name);
  if (answer === undefined) return rest;
  const place = current === undefined ? rest.length : columns.indexOf(current);
  return rest.toSpliced(place, 0, answer);
}

function noColumns(): EtlError {
  return new EtlError({
    kind: "config",
    operation: "init",
    message: "no column of the table takes anything of these messages",
    hint: "give another --table, or the name of one that is yet to be created",
  });
}
