/** The ways in which a field's value can become a column's: what a person chooses from, and what is proposed. */

import type { ColumnType, Transform, VersionBits } from "../message/mapping.ts";
import { type Field, soleType } from "./fields.ts";
import { wordsOf } from "./words.ts";

/** A type and what is done to get there. */
export interface Conversion {
  readonly type: ColumnType;
  readonly transforms: readonly Transform[];
  /** In words, for a person to choose by. */
  readonly label: string;
}

/** As the reference job packs versions: what fits an `integer`. */
const versionBits: VersionBits = [15, 8, 8];

const plain = (type: ColumnType): Conversion => ({ type, transforms: [], label: type });

const asText = plain("text");
const asLowerCase: Conversion = {
  type: "text",
  transforms: [{ kind: "lowercase" }],
  label: "text, in lower case",
};
const asInteger = plain("integer");
const asBigint = plain("bigint");
const asNumeric = plain("numeric");
const asBoolean = plain("boolean");
const asDate = plain("date");
const asTime = plain("timestamptz");
const asUuid = plain("uuid");
const asInet = plain("inet");
const asJson = plain("jsonb");
const fromVersion: Conversion = {
  type: "integer",
  transforms: [{ kind: "version", bits: versionBits }],
  label: "integer, from a version such as 2.3.1",
};
const fromSeconds: Conversion = {
  type: "timestamptz",
  transforms: [{ kind: "epoch_seconds" }],
  label: "timestamptz, from seconds since 1970",
};
const fromMillis: Conversion = {
  type: "timestamptz",
  transforms: [{ kind: "epoch_millis" }],
  label: "timestamptz, from milliseconds since 1970",
};
const fromJsonText: Conversion = {
  type: "jsonb",
  transforms: [{ kind: "json" }],
  label: "jsonb, from a text that holds JSON",
};

/** Every conversion that can be chosen. */
export const conversions: readonly Conversion[] = [
  ...[asText, asLowerCase, asInteger, asBigint, asNumeric, asBoolean, asDate, asTime, asUuid, asInet, asJson],
  ...[fromVersion, fromSeconds, fromMillis, fromJsonText],
];

/**
 * The conversions that every sampled value of the field goes through, the one that keeps most of its meaning first. A
 * field without a value but null can become anything.
 */
export function conversionsOf(field: Field): readonly Conversion[] {
  const type = soleType(field);
  const { allShapes, integers = "integer" } = field;
  switch (type) {
    case "boolean":
      return [asBoolean, asJson];
    case "array":
    case "object":
      return [asJson];
    case "integer": {
      const sizes = {
        integer: [asBigint, asInteger, asNumeric],
        bigint: [asBigint, asNumeric],
        numeric: [asNumeric],
      };
      return [...timesOf(field), ...sizes[integers], asJson];
    }
    case "decimal":
      return [asNumeric, asJson];
    case "text": {
      const found: Conversion[] = [];
      if (allShapes.has("timestamp")) found.push(asTime);
      if (allShapes.has("date")) found.push(asDate);
      if (allShapes.has("uuid")) found.push(asUuid);
      if (allShapes.has("json")) found.push(fromJsonText);
      found.push(asText);
      if (allShapes.has("version")) found.push(fromVersion);
      if (allShapes.has("ip")) found.push(asInet);
      if (allShapes.has("integer")) found.push(asBigint, asInteger);
      if (allShapes.has("integer") || allShapes.has("decimal")) found.push(asNumeric);
      if (allShapes.has("boolean")) found.push(asBoolean);
      return [...found, asJson];
    }
    case undefined:
      return [...field.types.keys()].every((held) => held === "null")
        ? [asText, asBigint, asInteger, asNumeric, asBoolean, asTime, asDate, asUuid, asInet, asJson]
        : [asJson];
  }
}

const timeWords: ReadonlySet<string> = new Set(
  "at time timestamp ts date created updated modified sent received expires expiry when".split(" "),
);

/** Whole numbers that are times: of the last years and the next, in a field whose name says so. */
function timesOf(field: Field): readonly Conversion[] {
  if (!wordsOf(field.path.at(-1) ?? "").some((word) => timeWords.has(word))) return [];
  switch (field.epoch) {
    case "seconds":
      return [fromSeconds];
    case "millis":
      return [fromMillis];
    case undefined:
      return [];
  }
}
