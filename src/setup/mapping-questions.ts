/** The last questions: which fields are personal, and what each column takes, as which type, masked how. */

import {
  type ColumnMapping,
  type ColumnSource,
  type Mapping,
  messageFacts,
  sourceName,
} from "../message/mapping.ts";
import { storedType } from "../message/stored-type.ts";
import { holds } from "../postgres/column-types.ts";
import type { Asker, Choice } from "./asker.ts";
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
import { factColumn, type PersonalFields, proposeForTable, proposeTable } from "./proposal.ts";
import { type MappingParts, review, unfilledNames, unusedFields } from "./review.ts";

/**
 * Proposes a mapping, or takes the one of the file, and changes it until the person agrees.
 *
 * @throws EtlError if the proposal does not work and nobody can change it
 */
export async function chooseMapping(parts: MappingParts): Promise<Pick<Plan, "mapping" | "key">> {
  const { asker, found, start, table } = parts;
  const filesMapping = table.isFiles ? start.mapping : undefined;
  let personal =
    filesMapping === undefined
      ? await choosePersonal(asker, found.fields)
      : alreadyMasked(filesMapping.columns);
  let columns = filesMapping?.columns ?? propose(parts, personal);
  for (;;) {
    const mapping: Mapping = { columns, conflict: filesMapping?.conflict ?? { action: "reject" } };
    const { fault, key } = await review(parts, mapping, personal);
    if (fault !== undefined && !asker.isPerson) throw fault;
    const isRight = fault === undefined;
    const next = await asker.choose<"write" | "personal" | { readonly column: string }>({
      message: isRight ? "Is this right?" : "What do you want to change?",
      choices: [
        ...(isRight ? [{ value: "write" as const, label: "Yes: write it" }] : []),
        ...columnChoices(parts, columns),
        { value: "personal", label: "Start over from the personal fields" },
        ...(isRight ? [] : [{ value: "write" as const, label: "Nothing: write it anyway" }]),
      ],
      proposed: isRight ? "write" : undefined,
    });
    if (next === "write") return { mapping, key };
    if (next === "personal") {
      personal = await choosePersonal(asker, found.fields);
      columns = propose(parts, personal);
    } else {
      columns = await changed(parts, columns, personal, next.column);
    }
  }
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

function alreadyMasked(columns: readonly ColumnMapping[]): PersonalFields {
  const masked = columns.filter((column) => maskOf(column) !== undefined);
  return new Set(masked.map(({ source }) => sourceName(source)));
}

function propose({ table, found }: MappingParts, personal: PersonalFields): readonly ColumnMapping[] {
  return table.found === undefined
    ? proposeTable(found, personal)
    : proposeForTable(table.found.columns, found, personal);
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
    // In a new table, a field that was left out can become a column again.
    ...left.map(({ name }) => ({ value: { column: name }, label: `Also store ${name}` })),
  ];
}

async function changed(
  parts: MappingParts,
  columns: readonly ColumnMapping[],
  personal: PersonalFields,
  name: string,
): Promise<readonly ColumnMapping[]> {
  const { table, found } = parts;
  const current = columns.find(({ column }) => column === name);
  const isNewColumn = current === undefined && table.found === undefined;
  const [proposed] = isNewColumn
    ? proposeTable({ ...found, fields: found.fields.filter((field) => field.name === name) }, personal)
    : [];
  const answer = await askColumn({
    ...parts,
    name: proposed?.column ?? name,
    current: current ?? proposed,
    personal,
    target: table.found?.columns.find((column) => column.name === name),
  });
  const rest = columns.filter((column) => column !== current);
  if (answer === undefined) return rest;
  return rest.toSpliced(current === undefined ? rest.length : columns.indexOf(current), 0, answer);
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
  const isNeeded = target !== undefined && !target.nullable && !target.hasDefault;
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
