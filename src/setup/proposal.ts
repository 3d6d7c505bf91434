/** Proposes a mapping: for an existing table by name and type, for a new one a column for every field. */

import type { ColumnMapping, ColumnType, MessageFact } from "../message/mapping.ts";
import { storedType } from "../message/stored-type.ts";
import { holds } from "../postgres/column-types.ts";
import { conversionsOf, type Made, maskedField, maskedInto } from "./conversions.ts";
import type { Field, FieldsFound } from "./fields.ts";
import type { TargetColumn } from "./ports.ts";
import { columnName, likeness, wordsOf } from "./words.ts";

/** The names of the personal fields, as a person chose them. */
export type PersonalFields = ReadonlySet<string>;

/** Names that are less alike mean two things. */
const leastLikeness = 0.6;

/**
 * A mapping for the columns of an existing table. Each field and each column is taken once, the pair with the likest
 * names first. What SQS says of a message fills columns with such a name. A field that the whole sample has is required,
 * so that a message without it is rejected and not stored in part.
 */
export function proposeForTable(
  columns: readonly TargetColumn[],
  { fields, of }: FieldsFound,
  personal: PersonalFields,
): readonly ColumnMapping[] {
  const open = columns.filter(({ generated }) => generated === "no");
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
  return open.flatMap((column) => filled.get(column.name) ?? factInto(column) ?? []);
}

/** The unused field with a name like the column's, if there is one: some of its values do not fit the column. */
export function misfit(column: string, unused: readonly Field[]): Field | undefined {
  return unused.find(({ path }) => likeness(path, column) >= leastLikeness);
}

/** The field as the column's value; undefined if the column cannot hold it. */
function fieldInto(
  column: TargetColumn,
  field: Field,
  of: number,
  personal: PersonalFields,
): ColumnMapping | undefined {
  const required = field.isInAll(of) || (!column.nullable && !column.hasDefault);
  if (personal.has(field.name)) {
    return bodyColumn(column.name, field, maskedInto(column, field), required);
  }
  const fitting = conversionsOf(field).filter((conversion) => holds(column.type, storedType(conversion)));
  // A text column takes identifiers and addresses, too, and keeps them as the sender wrote them.
  const asText = holds(column.type, "text") ? fitting.find(({ type }) => type === "text") : undefined;
  return bodyColumn(column.name, field, asText ?? fitting[0], required);
}

function bodyColumn(
  column: string,
  { path }: Field,
  made: Made | undefined,
  required: boolean,
): ColumnMapping | undefined {
  if (made === undefined) return undefined;
  const { type, transforms } = made;
  return { column, source: { in: "body", path }, type, transforms, required };
}

const factWords: Readonly<Record<MessageFact, readonly string[]>> = {
  message_id: ["message id", "msg id", "sqs id", "sqs message id"],
  received_at: ["received", "loaded", "ingested", "imported", "inserted"],
  sent_at: ["sent", "create", "created", "creation", "queued", "published", "event time", "event date"],
  receive_count: ["receive count", "receives"],
  group_id: ["group id", "message group", "message group id"],
};

/** What each fact can be stored as; the first says most. */
const factTypes: Readonly<Record<MessageFact, readonly ColumnType[]>> = {
  message_id: ["text", "uuid"],
  received_at: ["timestamptz", "date"],
  sent_at: ["timestamptz", "date"],
  receive_count: ["integer", "bigint"],
  group_id: ["text"],
};

/** What SQS says of a message, if the column's name asks for it and the column can hold it. */
function factInto(column: TargetColumn): ColumnMapping | undefined {
  const name = ` ${wordsOf(column.name).join(" ")} `;
  const found = (Object.entries(factWords) as [MessageFact, readonly string[]][]).find(
    ([fact, phrases]) =>
      phrases.some((phrase) => name.includes(` ${phrase} `)) &&
      factTypes[fact].some((type) => holds(column.type, type)),
  );
  return found && factColumn(column.name, found[0], column);
}

/** A column for what SQS says of a message, as the first of its types that the target can hold. */
export function factColumn(column: string, fact: MessageFact, target?: TargetColumn): ColumnMapping {
  const types = factTypes[fact];
  return {
    column,
    source: { in: "message", fact },
    type: types.find((type) => target === undefined || holds(target.type, type)) ?? types[0] ?? "text",
    transforms: [],
    // Only messages of a FIFO queue have a group.
    required: fact !== "group_id",
  };
}

/**
 * A mapping for a new table: a column for every field, one for the message's id, and one for when it was sent. A personal
 * list or object gets none, as it has no pseudonym.
 */
export function proposeTable(
  { fields, of }: FieldsFound,
  personal: PersonalFields,
): readonly ColumnMapping[] {
  const columns = fields.flatMap((field) => {
    const isPersonal = personal.has(field.name);
    const made = isPersonal ? maskedField(field) : conversionsOf(field)[0];
    const name = columnName(isPersonal ? ["masked", ...field.path] : field.path);
    return bodyColumn(name, field, made, field.isInAll(of)) ?? [];
  });
  const taken = new Set<string>();
  return [...columns, factColumn("message_id", "message_id"), factColumn("sent_at", "sent_at")].map(
    (column) => {
      const name = freeName(column.column, taken);
      taken.add(name);
      return { ...column, column: name };
    },
  );
}

function freeName(wanted: string, taken: ReadonlySet<string>): string {
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? wanted : columnName([wanted.slice(0, 58), String(number)]);
    if (!taken.has(name)) return name;
  }
}
