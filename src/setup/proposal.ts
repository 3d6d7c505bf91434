/** Proposes a mapping: for an existing table by name and type, for a new one a column for every field. */

import type { ColumnMapping, ColumnType, MessageFact } from "../message/mapping.ts";
import { holds, needsValue } from "../postgres/column-types.ts";
import {
  conversionInto,
  conversionsOf,
  type Made,
  maskedField,
  maskedInto,
  nearestConversion,
} from "./conversions.ts";
import type { Field, FieldsFound } from "./fields.ts";
import type { TargetColumn } from "./ports.ts";
import { type Confidence, columnName, nameMatch, wordsOf } from "./words.ts";

/** The names of the personal fields, as a person chose them. */
export type PersonalFields = ReadonlySet<string>;

/** A column of the proposal, and why its source was chosen. */
export interface Proposed extends ColumnMapping {
  readonly confidence: Confidence;
}

const ranks: Readonly<Record<Confidence, number>> = { exact: 0, words: 1, guess: 2 };

/**
 * A mapping for the columns of an existing table. Each field and each column is taken once: first by their names, then what
 * SQS says of a message, then by guesses, the likest names first. A field that the whole sample has is required, so that a
 * message without it is rejected and not stored in part.
 *
 * A column that is named after a field takes it, even if it cannot hold each value: what a drain says of that is found by
 * whoever checks the proposal.
 */
export function proposeForTable(
  columns: readonly TargetColumn[],
  { fields, of }: FieldsFound,
  personal: PersonalFields,
): readonly Proposed[] {
  const open = columns.filter(({ generated }) => generated === "no");
  const pairs = open
    .flatMap((column) =>
      fields.flatMap((field) => {
        const match = nameMatch(field.path, column.name);
        if (match === undefined) return [];
        const isNamed = match.confidence !== "guess";
        const made = intoColumn(column, field, personal.has(field.name), isNamed);
        return made === undefined ? [] : [{ column, field, made, ...match }];
      }),
    )
    // Of two fields that are as alike, the one that is not inside another is more likely the message's own.
    .sort(
      (a, b) =>
        ranks[a.confidence] - ranks[b.confidence] ||
        b.score - a.score ||
        a.field.path.length - b.field.path.length,
    );
  const taken = new Set<Field>();
  const filled = new Map<string, Proposed>();
  const fill = (column: TargetColumn, field: Field, made: Made, confidence: Confidence) => {
    if (filled.has(column.name) || taken.has(field)) return;
    taken.add(field);
    const required = isAlwaysThere(field, of, personal) || needsValue(column);
    filled.set(column.name, { ...bodyColumn(column.name, field, made, required), confidence });
  };
  const named = pairs.filter(({ confidence }) => confidence !== "guess");
  for (const { column, field, made, confidence } of named) fill(column, field, made, confidence);
  for (const column of open) {
    const fact = filled.has(column.name) ? undefined : namedFact(column);
    if (fact !== undefined) filled.set(column.name, fact);
  }
  // What has a default is filled without a guess.
  const guessable = open.filter(({ hasDefault }) => !hasDefault);
  for (const { column, field, made } of pairs) {
    if (guessable.includes(column)) fill(column, field, made, "guess");
  }
  for (const column of guessable) {
    if (filled.has(column.name)) continue;
    if (mentions(column, eventTimes)) {
      const times = fields.filter(
        (field) => !taken.has(field) && !personal.has(field.name) && timeInto(column, field),
      );
      const [only] = times;
      // Of several times, any may be the one.
      if (times.length > 1) continue;
      const made = only && timeInto(column, only);
      if (only !== undefined && made !== undefined) fill(column, only, made, "guess");
    }
    const guess = filled.has(column.name) ? undefined : guessedFact(column);
    if (guess !== undefined) filled.set(column.name, guess);
  }
  return open.flatMap(({ name }) => filled.get(name) ?? []);
}

/** Whether each message has a value. An empty string is none if it is masked. */
function isAlwaysThere(field: Field, of: number, personal: PersonalFields): boolean {
  return field.isInAll(of) && !(personal.has(field.name) && field.empty > 0);
}

/** The field as the column's value; undefined if the column cannot hold it, unless it is named after the field. */
function intoColumn(
  column: TargetColumn,
  field: Field,
  isPersonal: boolean,
  isNamed: boolean,
): Made | undefined {
  if (isPersonal) return maskedInto(column, field) ?? (isNamed ? maskedField(field) : undefined);
  return conversionInto(field, column) ?? (isNamed ? nearestConversion(field, column) : undefined);
}

function timeInto(column: TargetColumn, field: Field): Made | undefined {
  return conversionsOf(field).find(
    ({ type, convert, transforms }) =>
      (type === "timestamptz" || type === "date") &&
      (field.types.has("text") || transforms.length > 0) &&
      field.refusals(convert) === 0 &&
      holds(column.type, type),
  );
}

function bodyColumn(column: string, { path }: Field, made: Made, required: boolean): ColumnMapping {
  const { type, transforms } = made;
  return { column, source: { in: "body", path }, type, transforms, required };
}

/** What columns for what SQS says are called, beside the name of the fact itself. */
const factNames: Readonly<Record<MessageFact, readonly string[]>> = {
  message_id: ["sqs message id"],
  received_at: [],
  sent_at: [],
  receive_count: [],
  group_id: ["message group id"],
};

/** Words in the names of columns that may be for what SQS says. */
const factWords: Readonly<Record<MessageFact, readonly string[]>> = {
  message_id: ["message id", "msg id", "sqs id"],
  received_at: ["received", "loaded", "ingested", "imported", "inserted"],
  sent_at: ["sent", "create", "created", "creation", "queued", "published", "event time", "event date"],
  receive_count: ["receive count", "receives"],
  group_id: ["group id", "message group"],
};

/** Words in the names of columns for the time that a message tells of. */
const eventTimes = ["event time", "event date", "event timestamp", "event at", "event ts"];

/** What each fact can be stored as; the first says most. */
const factTypes: Readonly<Record<MessageFact, readonly ColumnType[]>> = {
  message_id: ["text", "uuid"],
  received_at: ["timestamptz", "date"],
  sent_at: ["timestamptz", "date"],
  receive_count: ["integer", "bigint"],
  group_id: ["text"],
};

const facts = Object.keys(factTypes) as MessageFact[];

/** What SQS says of a message, if the column is named after it and can hold it. */
function namedFact(column: TargetColumn): Proposed | undefined {
  const words = wordsOf(column.name).join(" ");
  const fact = facts.find(
    (name) =>
      (typeInto(column, name) !== undefined || lacksZone(column, name)) &&
      [wordsOf(name).join(" "), ...factNames[name]].includes(words),
  );
  if (fact === undefined) return undefined;
  return {
    ...factColumn(column.name, fact, column),
    confidence: fact === column.name ? "exact" : "words",
  };
}

function guessedFact(column: TargetColumn): Proposed | undefined {
  const fact = facts.find(
    (name) =>
      (typeInto(column, name) !== undefined || (needsValue(column) && lacksZone(column, name))) &&
      mentions(column, factWords[name]),
  );
  return fact && { ...factColumn(column.name, fact, column), confidence: "guess" };
}

/** Whether the column takes times, and only its lack of a zone keeps it from the fact: the table can be changed. */
function lacksZone({ type }: TargetColumn, fact: MessageFact): boolean {
  return type.name === "timestamp" && factTypes[fact].includes("timestamptz");
}

function mentions({ name }: TargetColumn, phrases: readonly string[]): boolean {
  const words = ` ${wordsOf(name).join(" ")} `;
  return phrases.some((phrase) => words.includes(` ${phrase} `));
}

/** The first of the fact's types that the column can hold. A timestamp without zone takes days, and no day is a moment. */
function typeInto({ type }: TargetColumn, fact: MessageFact): ColumnType | undefined {
  return factTypes[fact].find((one) => holds(type, one) && !(one === "date" && type.name !== "date"));
}

/** A column for what SQS says of a message, as the first of its types that the target can hold. */
export function factColumn(column: string, fact: MessageFact, target?: TargetColumn): ColumnMapping {
  return {
    column,
    source: { in: "message", fact },
    type: (target && typeInto(target, fact)) ?? factTypes[fact][0] ?? "text",
    transforms: [],
    // Only messages of a FIFO queue have a group.
    required: fact !== "group_id",
  };
}

/**
 * A mapping for a new table: a column for every field, one for the message's id, and one for when it was sent. A personal
 * list or object gets none, as it has no pseudonym.
 */
export function proposeTable({ fields, of }: FieldsFound, personal: PersonalFields): readonly Proposed[] {
  const columns = fields.flatMap((field) => {
    const isPersonal = personal.has(field.name);
    const made = isPersonal ? maskedField(field) : conversionsOf(field)[0];
    const name = columnName(isPersonal ? ["masked", ...field.path] : field.path);
    return made === undefined ? [] : [bodyColumn(name, field, made, isAlwaysThere(field, of, personal))];
  });
  const taken = new Set<string>();
  return [...columns, factColumn("message_id", "message_id"), factColumn("sent_at", "sent_at")].map(
    (column) => {
      const name = freeName(column.column, taken);
      taken.add(name);
      return { ...column, column: name, confidence: "exact" };
    },
  );
}

function freeName(wanted: string, taken: ReadonlySet<string>): string {
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? wanted : columnName([wanted.slice(0, 58), String(number)]);
    if (!taken.has(name)) return name;
  }
}
