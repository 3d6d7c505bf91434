/** What a column's source, transforms and type can be together: found out before the first message. */

import { EtlError } from "../errors.ts";
import type { ColumnMapping, ColumnType, Mapping, Transform, VersionBits } from "./mapping.ts";
import { valueKind } from "./value-kind.ts";

/** `text` is the type where none is given: the version's own is found by its bits. */
const versionTypes: readonly ColumnType[] = ["text", "integer", "bigint", "numeric"];
const timeTypes: readonly ColumnType[] = ["date", "timestamptz"];
const addressTypes: readonly ColumnType[] = ["text", "inet"];

const described = { value: "a value", instant: "a time", time: "a time", version: "a version" } as const;

/** How many bits Postgres's types hold without a sign. */
const integerBits = 31;
const bigintBits = 63;

/**
 * Checks a mapping as far as that goes without a message and without the table.
 *
 * @throws EtlError `config` for the first column whose parts do not go together
 */
export function checkMapping({ columns }: Mapping): void {
  for (const column of columns) {
    if (column.source.in === "body" && column.source.path.length === 0)
      throw misfit(column, "its path into the body is empty", "name a field of the body");
    if (column.required && column.default !== undefined)
      throw misfit(column, "it is required and has a default", "take one of the two out");
    if (column.default !== undefined && valueKind({ ...column, transforms: [] }) === "instant")
      throw misfit(column, "its source is always there, and it has a default", "take the default out");
    for (const [index, step] of column.transforms.entries()) checkTransform(column, step, index);
    checkType(column);
  }
}

function checkTransform(column: ColumnMapping, step: Transform, index: number): void {
  if (step.kind === "mask") {
    if (index < column.transforms.length - 1)
      throw misfit(column, "a transform follows the mask", "put the mask last");
    if ((step.method === "truncate" || step.canonical !== undefined) && !addressTypes.includes(column.type))
      throw misfit(column, `${column.type} is masked as an IP address`, "set the type to inet");
    return;
  }
  const before = valueKind({ source: column.source, transforms: column.transforms.slice(0, index) });
  if (before !== "value")
    throw misfit(
      column,
      `the transform ${step.kind} cannot be made from ${described[before]}`,
      "take it out",
    );
  if (step.kind === "version") checkBits(column, step.bits);
}

function checkType(column: ColumnMapping): void {
  const kind = valueKind(column);
  if (kind === "value") return;
  const types = kind === "version" ? versionTypes : timeTypes;
  if (!types.includes(column.type))
    throw misfit(
      column,
      `${described[kind]} cannot be of type ${column.type}`,
      `set the type to ${types.join(" or ")}`,
    );
}

function checkBits(column: ColumnMapping, bits: VersionBits): void {
  const sum = bits.reduce((total, count) => total + count, 0);
  const most = column.type === "integer" ? integerBits : bigintBits;
  if (bits.every((count) => Number.isInteger(count) && count > 0) && sum <= most) return;
  throw misfit(
    column,
    `its version takes ${bits.join(" + ")} bits, and ${most} fit`,
    `give each part one bit or more, and ${most} in all at the most`,
  );
}

/** The refusal of a column whose parts do not go together. */
export function misfit({ column }: Pick<ColumnMapping, "column">, problem: string, hint: string): EtlError {
  return new EtlError({ kind: "config", operation: "map", message: `column ${column}: ${problem}`, hint });
}
