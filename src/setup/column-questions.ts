/** The questions on one column: where its value comes from, how it is masked, and what it becomes. */

import {
  type ColumnMapping,
  type ColumnSource,
  type MaskMethodName,
  messageFacts,
  sourceName,
} from "../message/mapping.ts";
import { storedType } from "../message/stored-type.ts";
import type { Asker, Choice } from "./asker.ts";
import { type Conversion, conversions, conversionsOf } from "./conversions.ts";
import type { Field } from "./fields.ts";
import { maskedField, masking, maskOf } from "./masking.ts";
import { personalKind } from "./personal.ts";
import type { TargetColumn } from "./ports.ts";
import { factTypes, type PersonalFields } from "./proposal.ts";

/** What a column can be filled from and with. */
export interface ColumnChoices {
  readonly fields: readonly Field[];
  /** The names of the senders' attributes that came with the sample. */
  readonly attributes: readonly string[];
  readonly personal: PersonalFields;
  /** Absent for a table that is yet to be made. */
  readonly target?: TargetColumn | undefined;
}

/** No question of a mapping has a flag: a run that nobody answers takes what is proposed. */
const flag = "--yes";

/**
 * Asks anew how a column is filled.
 *
 * @param current absent where nothing fills it yet
 * @returns undefined where it is left out
 */
export async function askColumn(
  asker: Asker,
  name: string,
  current: ColumnMapping | undefined,
  choices: ColumnChoices,
): Promise<ColumnMapping | undefined> {
  const source = await askSource(asker, name, current, choices);
  if (source === undefined) return undefined;
  const isSame = current !== undefined && sourceName(current.source) === sourceName(source);
  const base: ColumnMapping = {
    ...(isSame ? current : { column: name, type: "text", transforms: [] }),
    source,
    required: requiredOf(source, isSame ? current : undefined, choices.target),
  };
  if (source.in === "message")
    return { ...base, transforms: [], type: factType(source.fact, choices.target) };
  const field = fieldOf(choices.fields, source);
  const mask = await askMask(asker, name, isSame ? maskOf(base) : undefined, isSame, field, choices);
  if (mask !== undefined) return { ...base, ...maskedAs(base, mask, field, isSame) };
  const conversion = await askConversion(
    asker,
    name,
    masking(base, undefined),
    isSame,
    field,
    choices.target,
  );
  return { ...base, type: conversion.type, transforms: conversion.transforms };
}

function fieldOf(fields: readonly Field[], source: ColumnSource): Field | undefined {
  return source.in === "body" ? fields.find(({ name }) => name === sourceName(source)) : undefined;
}

async function askSource(
  asker: Asker,
  name: string,
  current: ColumnMapping | undefined,
  { fields, attributes }: ColumnChoices,
): Promise<ColumnSource | undefined> {
  const sources: readonly (readonly [ColumnSource, string])[] = [
    ...fields.map(({ path, types }) => [{ in: "body", path }, [...types.keys()].join(", ")] as const),
    ...attributes.map((attribute) => [{ in: "attributes", name: attribute }, "attribute"] as const),
    ...messageFacts.map((fact) => [{ in: "message", fact }, "of the queue"] as const),
  ];
  const known = sources.find(
    ([source]) => current !== undefined && sourceName(source) === sourceName(current.source),
  );
  const own = known === undefined && current !== undefined ? [[current.source, "as it is"] as const] : [];
  const chosen = await asker.choose<ColumnSource | "constant" | undefined>({
    message: `${name}: where from?`,
    flag,
    choices: [
      ...[...own, ...sources].map(([source, hint]) => ({ value: source, label: sourceName(source), hint })),
      { value: "constant" as const, label: "The same text in every row" },
      { value: undefined, label: "Nowhere: leave the column out" },
    ],
    proposed: known?.[0] ?? current?.source,
  });
  if (chosen !== "constant") return chosen;
  const value = await asker.text({ message: `${name}: the text`, flag, fault: () => undefined });
  return { in: "constant", value };
}

/** What the queue says of every message is always there; what else the table can do without, a message can, too. */
function requiredOf(
  source: ColumnSource,
  same: ColumnMapping | undefined,
  target: TargetColumn | undefined,
): boolean {
  if (source.in === "message") return source.fact !== "group_id";
  if (source.in === "constant") return false;
  return same?.required ?? (target !== undefined && !target.nullable && !target.hasDefault);
}

function factType(fact: keyof typeof factTypes, target: TargetColumn | undefined): ColumnMapping["type"] {
  const [first = "text", ...others] = factTypes[fact];
  return [first, ...others].find((type) => target?.takes.includes(type) ?? true) ?? first;
}

type MaskChoice = MaskMethodName | "default" | undefined;

async function askMask(
  asker: Asker,
  name: string,
  current: MaskChoice,
  isSame: boolean,
  field: Field | undefined,
  { personal }: ColumnChoices,
): Promise<MaskChoice> {
  const isPersonal = field !== undefined && personal.has(field.name);
  const mayBeAddress = field === undefined || field.someShapes.has("ip");
  const methods: readonly Choice<MaskChoice>[] = [
    { value: undefined, label: "Not masked" },
    { value: "default", label: "Keyed hash", hint: "joins; cannot be guessed" },
    { value: "redact", label: "A fixed word", hint: "nothing is kept" },
    ...(mayBeAddress
      ? [{ value: "truncate" as const, label: "The network of the address", hint: "/24 or /48" }]
      : []),
    { value: "sha256", label: "Plain SHA-256", hint: "can be undone by guessing" },
    ...(current === "hmac" ? [{ value: "hmac" as const, label: "Keyed hash, whatever the default" }] : []),
  ];
  return await asker.choose<MaskChoice>({
    message: `${name}: masked?`,
    flag,
    choices: methods,
    proposed: isSame ? current : isPersonal ? "default" : undefined,
  });
}

function maskedAs(
  base: ColumnMapping,
  method: Exclude<MaskChoice, undefined>,
  field: Field | undefined,
  isSame: boolean,
): Pick<ColumnMapping, "type" | "transforms"> {
  const kind = field === undefined ? undefined : personalKind(field);
  const start = isSame && maskOf(base) !== undefined ? base : (maskedField(field, kind) ?? base);
  return masking(start, method, kind === "IP address" ? "ip" : undefined);
}

async function askConversion(
  asker: Asker,
  name: string,
  current: Pick<ColumnMapping, "type" | "transforms">,
  isSame: boolean,
  field: Field | undefined,
  target: TargetColumn | undefined,
): Promise<Pick<Conversion, "type" | "transforms">> {
  const fits = (conversion: Conversion) =>
    target === undefined || target.takes.includes(storedType(conversion));
  const likely = field === undefined ? [] : conversionsOf(field).filter(fits);
  const others = conversions.filter((conversion) => fits(conversion) && !likely.includes(conversion));
  const same = (conversion: Conversion) =>
    conversion.type === current.type &&
    JSON.stringify(conversion.transforms) === JSON.stringify(current.transforms);
  const known = [...likely, ...others].find(same);
  const asIs = { value: current, label: "As it is in the file" };
  const chosen = await asker.choose<Pick<Conversion, "type" | "transforms">>({
    message: `${name}: stored as?`,
    flag,
    choices: [
      ...(isSame && known === undefined ? [asIs] : []),
      ...likely.map((conversion) => ({
        value: conversion,
        label: conversion.label,
        hint: "fits these messages",
      })),
      ...others.map((conversion) => ({ value: conversion, label: conversion.label })),
    ],
    proposed: isSame ? (known ?? current) : (likely[0] ?? others[0]),
  });
  return { type: chosen.type, transforms: chosen.transforms };
}
