/** The last questions: which fields are personal, and what each column takes, as which type, masked how. */

import {
  type ColumnMapping,
  type ColumnSource,
  type Conflict,
  type Mapping,
  messageFacts,
  sourceName,
} from "../message/mapping.ts";
import { storedType } from "../message/stored-type.ts";
import { holds, needsValue } from "../postgres/column-types.ts";
import { type Asker, type Choice, setupError, warnOf } from "./asker.ts";
import {
  type Conversion,
  conversions,
  conversionsOf,
  type Made,
  type MaskChoice,
  maskedField,
  masking,
  maskOf,
} from "./conversions.ts";
import type { Field } from "./fields.ts";
import { personalKind } from "./personal.ts";
import type { Plan, TargetColumn } from "./ports.ts";
import { factColumn, type PersonalFields, type Proposed, proposeForTable, proposeTable } from "./proposal.ts";
import {
  type Draft,
  type DraftColumn,
  type MappingParts,
  review,
  unfilledNames,
  unusedFields,
} from "./review.ts";

/**
 * Proposes a mapping, or takes the one of the file, and changes it until the person agrees.
 *
 * @throws EtlError if the proposal does not work and nobody can change it
 */
export async function chooseMapping(parts: MappingParts): Promise<Pick<Plan, "mapping" | "key">> {
  const { asker, start, table } = parts;
  const filesMapping = table.isFiles ? start.mapping : undefined;
  let draft = filesMapping === undefined ? await propose(parts) : fromFile(filesMapping);
  for (;;) {
    const { problems, key } = await review(parts, draft);
    if (problems.length > 0 && !asker.isPerson) throw await oneError(asker, problems);
    const isRight = problems.length === 0;
    const hasKeys = rowKeys(parts, draft.columns).length > 0;
    const next = await asker.choose<"write" | "conflict" | "personal" | { readonly column: string }>({
      message: isRight ? "Is this right?" : "What do you want to change?",
      choices: [
        ...(isRight ? [{ value: "write" as const, label: "Yes: write it" }] : []),
        ...columnChoices(parts, draft.columns),
        ...(hasKeys
          ? [{ value: "conflict" as const, label: "Change what happens to a second row of one key" }]
          : []),
        { value: "personal", label: "Start over from the personal fields" },
        ...(isRight ? [] : [{ value: "write" as const, label: "Nothing: write it anyway" }]),
      ],
      proposed: isRight ? "write" : undefined,
    });
    if (next === "write") return { mapping: mappingOf(draft), key };
    if (next === "personal") draft = await propose(parts);
    else if (next === "conflict") draft = { ...draft, conflict: await askConflict(parts, draft.columns) };
    else draft = { ...draft, columns: await changed(parts, draft, next.column) };
  }
}

/** One error for all that is in the way; what does not fit into it is warned of. */
async function oneError(asker: Asker, problems: Awaited<ReturnType<typeof review>>["problems"]) {
  const [only] = problems;
  if (only !== undefined && problems.length === 1) return only;
  for (const problem of problems) await warnOf(asker, problem);
  return setupError(
    `nothing was written: ${problems.length} things are wrong with the proposed mapping`,
    "mend what is warned of above, or run etl init in a terminal and change the columns",
  );
}

function mappingOf({ columns, personal: _, ...rest }: Draft): Mapping {
  return { ...rest, columns: columns.map(({ confidence: __, ...column }) => column) };
}

function fromFile(mapping: Mapping): Draft {
  const masked = mapping.columns.filter((column) => maskOf(column) !== undefined);
  return { ...mapping, personal: new Set(masked.map(({ source }) => sourceName(source))) };
}

/** Asks what nobody can know: what is personal, which guesses are right, what fills a column that must not be null. */
async function propose(parts: MappingParts): Promise<Draft> {
  const { asker, found, table } = parts;
  const personal = await choosePersonal(asker, found.fields);
  if (table.found === undefined)
    return { columns: proposeTable(found, personal), conflict: { action: "reject" }, personal };
  const proposed = proposeForTable(table.found.columns, found, personal);
  const left = await declinedGuesses(parts, proposed);
  let draft: Draft = {
    columns: proposed.filter((column) => !left.includes(column)),
    conflict: { action: "reject" },
    personal,
  };
  const open = asker.isPerson ? unfilledNames(table, draft.columns) : [];
  for (const target of table.found.columns) {
    if (!open.includes(target.name) || !needsValue(target)) continue;
    await asker.tell(`${target.name} must not be null, and has no default`);
    const current = left.find(({ column }) => column === target.name);
    draft = { ...draft, columns: await changed(parts, draft, target.name, current) };
  }
  return { ...draft, conflict: await askConflict(parts, draft.columns) };
}

/** Asks which guesses are right. If nobody can say, they stay in the proposal, and its review says so. */
async function declinedGuesses(
  { asker, start }: MappingParts,
  proposed: readonly Proposed[],
): Promise<readonly Proposed[]> {
  const guesses = proposed.filter(({ confidence }) => confidence === "guess");
  if (guesses.length === 0 || start.acceptGuesses || !asker.isPerson) return [];
  const right = await asker.several({
    message: "These are guesses by the names. Which are right?",
    choices: guesses.map((guess) => ({
      value: guess,
      label: `${guess.column} from ${sourceName(guess.source)}`,
    })),
    proposed: [],
  });
  return guesses.filter((guess) => !right.includes(guess));
}

/** The keys that the table keeps unique and the mapping fills. */
function rowKeys({ table }: MappingParts, columns: Draft["columns"]): readonly (readonly string[])[] {
  const filled = new Set(columns.map(({ column }) => column));
  const keys = (table.found?.uniqueIndexes ?? [])
    .filter(({ defect, columns: key }) => defect === undefined && key.every((name) => filled.has(name)))
    .map((index) => index.columns);
  return [...new Map(keys.map((key) => [key.toSorted().join("\u0000"), key])).values()];
}

/** Asks what becomes of a row whose key another message has stored. If nobody can say, its message is rejected. */
async function askConflict(parts: MappingParts, columns: Draft["columns"]): Promise<Conflict> {
  const { asker, table } = parts;
  const keys = rowKeys(parts, columns);
  const reject: Conflict = { action: "reject" };
  const names = keys.map((key) => key.join(" and "));
  if (keys.length === 0) return reject;
  if (!asker.isPerson) {
    await asker.tell(
      `Unique in ${table.name}: ${names.join("; ")}. A message whose row is there is rejected, unless etl.toml says conflict = "ignore" or "update"`,
    );
    return reject;
  }
  const times = columns.filter((column) => storedType(column) === "timestamptz");
  return await asker.choose<Conflict>({
    message: `Unique: ${names.join("; ")}. If a row is there already?`,
    choices: [
      { value: reject, label: "Reject the message", hint: "the row stays as it is" },
      ...keys.flatMap((key, index): Choice<Conflict>[] => [
        {
          value: { action: "ignore", key },
          label: `Keep the row of that ${names[index]}`,
          hint: "the message counts as a duplicate",
        },
        ...times
          .filter(({ column }) => !key.includes(column))
          .map(({ column }) => ({
            value: { action: "update", key, newestBy: column } as const,
            label: `Keep the newer row of that ${names[index]} by ${column}`,
          })),
      ]),
    ],
    proposed: reject,
  });
}

/** Asks which fields are personal; proposes those that look so. */
async function choosePersonal(asker: Asker, fields: readonly Field[]): Promise<PersonalFields> {
  if (fields.length === 0) return new Set();
  const choices = fields.map((field) => ({
    value: field.name,
    label: field.name,
    hint: personalKind(field),
  }));
  const proposed = choices.filter(({ hint }) => hint !== undefined).map(({ value }) => value);
  return new Set(await asker.several({ message: "Which are personal, and masked?", choices, proposed }));
}

function columnChoices(
  { table, found }: MappingParts,
  columns: Draft["columns"],
): readonly Choice<{ readonly column: string }>[] {
  const left = table.found === undefined ? unusedFields(found, columns) : [];
  return [
    ...columns.map(({ column, source }) => ({
      value: { column },
      label: `Change ${column}`,
      hint: sourceName(source),
    })),
    ...unfilledNames(table, columns).map((column) => ({ value: { column }, label: `Fill ${column}` })),
    // In a new table, a field that was left out can become a column again.
    ...left.map(({ name }) => ({ value: { column: name }, label: `Also store ${name}` })),
  ];
}

/** @param proposed what the column is asked for with, if nothing fills it */
async function changed(
  parts: MappingParts,
  { columns, personal }: Draft,
  name: string,
  proposed?: ColumnMapping,
): Promise<Draft["columns"]> {
  const { table, found } = parts;
  const current = columns.find(({ column }) => column === name);
  const isNewColumn = current === undefined && table.found === undefined;
  const [fresh] = isNewColumn
    ? proposeTable({ ...found, fields: found.fields.filter((field) => field.name === name) }, personal)
    : [];
  const answer = await askColumn({
    ...parts,
    name: fresh?.column ?? name,
    current: current ?? fresh ?? proposed,
    personal,
    target: table.found?.columns.find((column) => column.name === name),
  });
  const rest = columns.filter((column) => column !== current);
  if (answer === undefined) return rest;
  // Whatever it was before, a person has chosen it now.
  const { confidence: _, ...chosen }: DraftColumn = answer;
  return rest.toSpliced(current === undefined ? rest.length : columns.indexOf(current), 0, chosen);
}

interface ColumnParts extends MappingParts {
  readonly name: string;
  /** Absent if nothing fills it yet. */
  readonly current: ColumnMapping | undefined;
  readonly personal: PersonalFields;
  /** Absent in a new table. */
  readonly target: TargetColumn | undefined;
}

/** A column whose source is chosen. */
interface SourcedParts extends ColumnParts {
  /** The source's field; absent if it is not a field of the sample. */
  readonly field: Field | undefined;
  /** What was made of this same source before. */
  readonly same: Made | undefined;
}

/** Asks how to fill a column; undefined to leave it out. */
async function askColumn(column: ColumnParts): Promise<ColumnMapping | undefined> {
  const { name, current, found, target } = column;
  const source = await askSource(column);
  if (source === undefined) return undefined;
  const same =
    current !== undefined && sourceName(current.source) === sourceName(source) ? current : undefined;
  if (source.in === "message") return { ...same, ...factColumn(name, source.fact, target) };
  const isNeeded = target !== undefined && needsValue(target);
  const base: ColumnMapping = {
    ...(same ?? { column: name, type: "text", transforms: [] }),
    source,
    required: source.in !== "constant" && (same?.required ?? isNeeded),
  };
  const field =
    source.in === "body" ? found.fields.find((one) => one.name === sourceName(source)) : undefined;
  const sourced = { ...column, field, same };
  const mask = await askMask(sourced);
  return { ...base, ...(mask === undefined ? await askConversion(sourced) : maskedAs(sourced, mask)) };
}

async function askSource(column: ColumnParts): Promise<ColumnSource | undefined> {
  const { asker, name, current, found, queue } = column;
  const attributes = queue.messages.flatMap((message) => message.attributes ?? []);
  const sources: readonly (readonly [ColumnSource, string])[] = [
    ...found.fields.map(({ path, types }) => [{ in: "body", path }, [...types.keys()].join(", ")] as const),
    ...[...new Set(attributes.map((attribute) => attribute.name))].map(
      (attribute) => [{ in: "attributes", name: attribute }, "attribute"] as const,
    ),
    ...messageFacts.map((fact) => [{ in: "message", fact }, "from SQS"] as const),
  ];
  const known = current && sources.find(([source]) => sourceName(source) === sourceName(current.source))?.[0];
  const own = current === undefined || known !== undefined ? [] : [[current.source, "as it is"] as const];
  const chosen = await asker.choose<ColumnSource | "constant" | undefined>({
    message: `${name}: where from?`,
    choices: [
      ...[...own, ...sources].map(([source, hint]) => ({ value: source, label: sourceName(source), hint })),
      { value: "constant", label: "The same text in every row" },
      { value: undefined, label: "Nowhere: leave the column out" },
    ],
    proposed: known ?? current?.source,
  });
  if (chosen !== "constant") return chosen;
  return {
    in: "constant",
    value: await asker.text({ message: `${name}: the text`, fault: () => undefined }),
  };
}

async function askMask({ asker, name, field, same, personal }: SourcedParts): Promise<MaskChoice> {
  const current = same && maskOf(same);
  const mayBeAddress = field === undefined || field.someShapes.has("ip");
  const isPersonal = field !== undefined && personal.has(field.name);
  return await asker.choose<MaskChoice>({
    message: `${name}: masked?`,
    choices: [
      { value: undefined, label: "Not masked" },
      { value: "default", label: "Keyed hash", hint: "equal values stay equal; safe from guessing" },
      { value: "redact", label: "A fixed word", hint: "nothing is kept" },
      ...(mayBeAddress
        ? [{ value: "truncate" as const, label: "The network of the address", hint: "/24 or /48" }]
        : []),
      { value: "sha256", label: "Plain SHA-256", hint: "can be reversed by guessing" },
      ...(current === "hmac" ? [{ value: "hmac" as const, label: "Keyed hash, whatever the default" }] : []),
    ],
    proposed: same === undefined && isPersonal ? "default" : current,
  });
}

function maskedAs({ field, same }: SourcedParts, method: MaskChoice): Made {
  const isMasked = same !== undefined && maskOf(same) !== undefined;
  const start = isMasked ? same : (maskedField(field) ?? same ?? { type: "text", transforms: [] });
  return masking(start, method, field);
}

async function askConversion({ asker, name, field, same, target }: SourcedParts): Promise<Made> {
  const fits = (conversion: Conversion) => target === undefined || holds(target.type, storedType(conversion));
  const likely = field === undefined ? [] : conversionsOf(field).filter(fits);
  const isLikely = ({ label }: Conversion) => likely.some((one) => one.label === label);
  const others = conversions.filter((conversion) => fits(conversion) && !isLikely(conversion));
  const current = same && masking(same, undefined);
  const known = current && [...likely, ...others].find((conversion) => isSame(conversion, current));
  const { type, transforms } = await asker.choose<Made>({
    message: `${name}: stored as?`,
    choices: [
      ...(current !== undefined && known === undefined
        ? [{ value: current, label: "As it is in the file" }]
        : []),
      ...likely.map((one) => ({ value: one, label: one.label, hint: "fits these messages" })),
      ...others.map((one) => ({ value: one, label: one.label })),
    ],
    proposed: known ?? current ?? likely[0] ?? others.find(({ label }) => label === "text") ?? others[0],
  });
  return { type, transforms };
}

function isSame(one: Made, other: Made): boolean {
  return one.type === other.type && JSON.stringify(one.transforms) === JSON.stringify(other.transforms);
}
