/** Proposes a mapping: for a table that is there by name and type, for a new one a column for every field. */

import type { ColumnMapping, MessageFact } from "../message/mapping.ts";
import { storedType } from "../message/stored-type.ts";
import { conversionsOf } from "./conversions.ts";
import { alwaysThere, type Field, type FieldsFound } from "./fields.ts";
import { maskedField, maskedInto } from "./masking.ts";
import type { PersonalKind } from "./personal-names.ts";
import type { TargetColumn } from "./ports.ts";
import { columnName, likeness, wordsOf } from "./words.ts";

/** The personal fields, by name, and why each is one; what a person added has no known kind. */
export type PersonalFields = ReadonlyMap<string, PersonalKind | undefined>;

/** Less alike, two names are taken for two things. */
const leastLikeness = 0.6;

/**
 * A mapping for the columns of a table that is there. The likest pairs of a field and a column come first, each field and
 * each column once; what the queue says of a message fills columns that are called so. A field that all of the sample
 * have is required, so that a message without it is told of and not stored half.
 */
export function proposeForTable(
  columns: readonly TargetColumn[],
  { fields, of }: FieldsFound,
  personal: PersonalFields,
): readonly ColumnMapping[] {
  const open = columns.filter(({ alwaysGenerated }) => !alwaysGenerated);
  const pairs = open
    .flatMap((column) =>
      fields.flatMap((field) => {
        const made = fieldInto(column, field, of, personal);
        const score = likeness(field.path, column.name);
        return made === undefined || score < leastLikeness ? [] : [{ column, field, made, score }];
      }),
    )
    .sort((a, b) => b.score - a.score);
  const taken = new Set<Field>();
  const filled = new Map<string, ColumnMapping>();
  for (const { column, field, made } of pairs) {
    if (filled.has(column.name) || taken.has(field)) continue;
    taken.add(field);
    filled.set(column.name, made);
  }
  return open.flatMap((column) => {
    const made = filled.get(column.name) ?? factInto(column);
    return made === undefined ? [] : [made];
  });
}

/** A column that stays empty, and the field that it is called like. */
export interface Misfit {
  readonly column: string;
  readonly field: string;
}

/**
 * The columns that no field fills, although one that is left is called so: what the sample holds in it does not fit the
 * column.
 */
export function misfits(unfilled: readonly string[], unused: readonly Field[]): readonly Misfit[] {
  return unfilled.flatMap((column) => {
    const alike = unused.find(({ path }) => likeness(path, column) >= leastLikeness);
    return alike === undefined ? [] : [{ column, field: alike.name }];
  });
}

/** The field as the column's value; undefined where the column cannot hold what its values become. */
function fieldInto(
  column: TargetColumn,
  field: Field,
  of: number,
  personal: PersonalFields,
): ColumnMapping | undefined {
  const base = {
    column: column.name,
    source: { in: "body", path: field.path } as const,
    required: alwaysThere(field, of) || (!column.nullable && !column.hasDefault),
  };
  if (personal.has(field.name)) {
    const masked = maskedInto(column, field, personal.get(field.name) ?? "name");
    return masked === undefined ? undefined : { ...base, ...masked };
  }
  const fitting = conversionsOf(field).filter((conversion) => column.takes.includes(storedType(conversion)));
  // A text column takes identifiers and addresses, too: there they stay as the sender wrote them.
  const made = column.takes.includes("text")
    ? (fitting.find(({ type }) => type === "text") ?? fitting[0])
    : fitting[0];
  return made === undefined ? undefined : { ...base, type: made.type, transforms: made.transforms };
}

const factWords: Readonly<Record<MessageFact, readonly string[]>> = {
  message_id: ["message id", "msg id", "sqs id", "sqs message id"],
  received_at: ["received", "loaded", "ingested", "imported", "inserted"],
  sent_at: ["sent", "create", "created", "creation", "queued", "published", "event time", "event date"],
  receive_count: ["receive count", "receives"],
  group_id: ["group id", "message group", "message group id"],
};

/** What each of the queue's facts can be stored as, the most telling first. */
export const factTypes: Readonly<Record<MessageFact, readonly ColumnMapping["type"][]>> = {
  message_id: ["text", "uuid"],
  received_at: ["timestamptz", "date"],
  sent_at: ["timestamptz", "date"],
  receive_count: ["integer", "bigint"],
  group_id: ["text"],
};

/** What the queue says of a message, as the column's value; undefined where the column's name asks for none of it. */
function factInto(column: TargetColumn): ColumnMapping | undefined {
  const name = ` ${wordsOf(column.name).join(" ")} `;
  for (const [fact, phrases] of Object.entries(factWords) as [MessageFact, readonly string[]][]) {
    if (!phrases.some((phrase) => name.includes(` ${phrase} `))) continue;
    const type = factTypes[fact].find((wanted) => column.takes.includes(wanted));
    if (type !== undefined) return factColumn(column.name, fact, type);
  }
  return undefined;
}

function factColumn(column: string, fact: MessageFact, type: ColumnMapping["type"]): ColumnMapping {
  return {
    column,
    source: { in: "message", fact },
    type,
    transforms: [],
    // Only messages of a FIFO queue have a group.
    required: fact !== "group_id",
  };
}

/**
 * A mapping for a table that is yet to be made: a column for every field, and two for which message it was and when it
 * was sent.
 */
export function proposeTable(
  { fields, of }: FieldsFound,
  personal: PersonalFields,
): readonly ColumnMapping[] {
  const columns = fields.flatMap((field) => newColumn(field, of, personal) ?? []);
  const facts = (["message_id", "sent_at"] as const).map((fact) =>
    factColumn(fact, fact, fact === "sent_at" ? "timestamptz" : "text"),
  );
  const unique = new Set<string>();
  return [...columns, ...facts].map((column) => {
    const name = freeName(column.column, unique);
    unique.add(name);
    return { ...column, column: name };
  });
}

/** The column of a field; undefined for a list or an object that is personal, as there is no pseudonym of one. */
function newColumn(field: Field, of: number, personal: PersonalFields): ColumnMapping | undefined {
  const isPersonal = personal.has(field.name);
  const made = isPersonal ? maskedField(field, personal.get(field.name)) : conversionsOf(field)[0];
  if (made === undefined) return undefined;
  return {
    column: columnName(isPersonal ? ["masked", ...field.path] : field.path),
    source: { in: "body", path: field.path },
    type: made.type,
    transforms: made.transforms,
    required: alwaysThere(field, of),
  };
}

function freeName(wanted: string, taken: ReadonlySet<string>): string {
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? wanted : columnName([wanted.slice(0, 58), String(number)]);
    if (!taken.has(name)) return name;
  }
}
