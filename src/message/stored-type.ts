/** What lands in the table: the type, the length and the declaration of each column that a mapping fills. */

import type { ColumnMapping, ColumnType, Mapping, MaskMethodName, Transform } from "./mapping.ts";
import { pseudonymCharacters, redacted } from "./transforms/mask.ts";

/** The mask methods that a run can have as its default, by name. */
export type DefaultMaskMethod = Extract<MaskMethodName, "hmac" | "sha256">;

/** As many bits as fit Postgres's `integer` without its sign. */
const integerBits = 31;

/** The type of the stored value: a pseudonym is a text, whatever it was made of, and a truncated address an `inet`. */
export function storedType({ type, transforms }: Pick<ColumnMapping, "type" | "transforms">): ColumnType {
  const mask = transforms.find(isMask);
  if (mask !== undefined) return mask.method === "truncate" ? "inet" : "text";
  const version = transforms.find(isVersion);
  if (version === undefined || type !== "text") return type;
  return version.bits[0] + version.bits[1] + version.bits[2] <= integerBits ? "integer" : "bigint";
}

/** How long a masked text is at the most, in characters; undefined where the column stores no masked text. */
export function storedCharacters(
  { transforms }: Pick<ColumnMapping, "transforms">,
  defaultMethod: DefaultMaskMethod,
): number | undefined {
  const mask = transforms.find(isMask);
  if (mask === undefined) return undefined;
  const method = mask.method ?? defaultMethod;
  if (method === "truncate") return undefined;
  return method === "redact" ? redacted.length : pseudonymCharacters[method];
}

/** The type that `etl migrate` creates the column with, as SQL. */
export function createTypeOf(column: ColumnMapping): string {
  return column.createType ?? storedType(column);
}

/** Whether any column is masked under the key, so that there is no run without one. */
export function usesKey(mapping: Mapping, defaultMethod: DefaultMaskMethod): boolean {
  return keyedColumns(mapping, defaultMethod).length > 0;
}

/** The names of the columns that are masked under the key. */
export function keyedColumns(mapping: Mapping, defaultMethod: DefaultMaskMethod): readonly string[] {
  return maskedBy(mapping, defaultMethod, "hmac").map(({ column }) => column);
}

/** Whether any column is masked with a hash that has no key, which whoever can list the values can reverse. */
export function usesPlainHash(mapping: Mapping, defaultMethod: DefaultMaskMethod): boolean {
  return maskedBy(mapping, defaultMethod, "sha256").length > 0;
}

function maskedBy(
  { columns }: Mapping,
  defaultMethod: DefaultMaskMethod,
  method: MaskMethodName,
): readonly ColumnMapping[] {
  return columns.filter(({ transforms }) =>
    transforms.some((step) => isMask(step) && (step.method ?? defaultMethod) === method),
  );
}

/** Whether any column comes from a message attribute, so that the queue must be asked for them. */
export function needsAttributes({ columns }: Mapping): boolean {
  return columns.some(({ source }) => source.in === "attributes");
}

function isMask(step: Transform): step is Extract<Transform, { kind: "mask" }> {
  return step.kind === "mask";
}

function isVersion(step: Transform): step is Extract<Transform, { kind: "version" }> {
  return step.kind === "version";
}
