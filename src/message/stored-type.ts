import { integerBits } from "./conversions.ts";
import type { ColumnMapping, ColumnType, DefaultMaskMethod, Mapping, MaskMethodName } from "./mapping.ts";
import { pseudonymCharacters, redacted } from "./mask.ts";

/**
 * Any value that JSON can say; an instant, as milliseconds since 1970 UTC; a time or a packed version, as a text that is
 * ready to be stored.
 */
export type ValueKind = "value" | "instant" | "time" | "version";

/** What a column's source and transforms make, before its type is looked at. */
export function valueKind({ source, transforms }: Pick<ColumnMapping, "source" | "transforms">): ValueKind {
  const kinds = transforms.map(({ kind }) => kind);
  if (kinds.includes("version")) return "version";
  if (kinds.includes("epoch_seconds") || kinds.includes("epoch_millis")) return "time";
  const isInstant = source.in === "message" && (source.fact === "sent_at" || source.fact === "received_at");
  return isInstant ? "instant" : "value";
}

/** The type of the stored value: a pseudonym is a text, whatever it was made of, and a truncated address an `inet`. */
export function storedType({ type, transforms }: Pick<ColumnMapping, "type" | "transforms">): ColumnType {
  const mask = transforms.find((step) => step.kind === "mask");
  if (mask !== undefined) return mask.method === "truncate" ? "inet" : "text";
  const version = transforms.find((step) => step.kind === "version");
  if (version === undefined || type !== "text") return type;
  return version.bits[0] + version.bits[1] + version.bits[2] <= integerBits ? "integer" : "bigint";
}

/** How long a masked text is at the most, in characters; undefined if the column does not store a masked text. */
export function storedCharacters(
  { transforms }: Pick<ColumnMapping, "transforms">,
  defaultMethod: DefaultMaskMethod,
): number | undefined {
  const mask = transforms.find((step) => step.kind === "mask");
  const method = mask && (mask.method ?? defaultMethod);
  if (method === undefined || method === "truncate") return undefined;
  return method === "redact" ? redacted.length : pseudonymCharacters[method];
}

/** The type that `etl migrate` creates the column with, as SQL. */
export function createTypeOf(column: ColumnMapping): string {
  return column.createType ?? storedType(column);
}

/** Whether any column is masked under the key, so that no run can do without it. */
export function usesKey(mapping: Mapping, defaultMethod: DefaultMaskMethod): boolean {
  return keyedColumns(mapping, defaultMethod).length > 0;
}

/** The names of the columns that are masked under the key. */
export function keyedColumns(mapping: Mapping, defaultMethod: DefaultMaskMethod): readonly string[] {
  return maskedBy("hmac", mapping, defaultMethod);
}

/** Whether any column is masked with a hash that has no key: whoever can list the values can reverse it. */
export function usesPlainHash(mapping: Mapping, defaultMethod: DefaultMaskMethod): boolean {
  return maskedBy("sha256", mapping, defaultMethod).length > 0;
}

function maskedBy(method: MaskMethodName, { columns }: Mapping, defaultMethod: DefaultMaskMethod) {
  return columns
    .filter(({ transforms }) =>
      transforms.some((step) => step.kind === "mask" && (step.method ?? defaultMethod) === method),
    )
    .map(({ column }) => column);
}

/** Whether any column comes from a message attribute, so that the queue must be asked for them. */
export function needsAttributes({ columns }: Mapping): boolean {
  return columns.some(({ source }) => source.in === "attributes");
}
