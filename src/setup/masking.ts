/** Masks for personal fields: which of the methods fits a field and a column, and what the column's mapping then is. */

import type { ColumnMapping, ColumnType, MaskMethodName, Transform } from "../message/mapping.ts";
import { pseudonymCharacters, redacted } from "../message/transforms/mask.ts";
import { type Field, soleType } from "./fields.ts";
import type { PersonalKind } from "./personal-names.ts";
import type { TargetColumn } from "./ports.ts";

type Masked = Pick<ColumnMapping, "type" | "transforms">;

/**
 * How a personal field is masked by default: the run's keyed hash, under which an address is written in one way first.
 *
 * @returns undefined for a list or an object, which is no single value: it is left out, or taken as it is
 */
export function maskedField(field: Field | undefined, kind: PersonalKind | undefined): Masked | undefined {
  const type = field === undefined ? "text" : (soleType(field) ?? onlyNull(field));
  switch (type) {
    case "text":
      return {
        type: "text",
        transforms: [{ kind: "mask", ...(kind === "IP address" ? { canonical: "ip" as const } : {}) }],
      };
    case "integer":
    case "decimal":
      return { type: "numeric", transforms: [{ kind: "mask" }] };
    default:
      return undefined;
  }
}

/** Nothing but null was seen: a text is likeliest. */
function onlyNull({ types }: Field): "text" | undefined {
  return types.size === 1 && types.has("null") ? "text" : undefined;
}

/**
 * The same for a column that is there.
 *
 * @returns undefined where the column can hold no pseudonym of it
 */
export function maskedInto(
  column: Pick<TargetColumn, "takes" | "maxCharacters">,
  field: Field,
  kind: PersonalKind,
): Masked | undefined {
  const masked = maskedField(field, kind);
  if (masked === undefined) return undefined;
  const room = column.maxCharacters ?? Number.POSITIVE_INFINITY;
  if (column.takes.includes("text") && room >= pseudonymCharacters.hmac) return masked;
  if (kind === "IP address" && column.takes.includes("inet") && hasNetwork(field)) {
    return masking(masked, "truncate");
  }
  return column.takes.includes("text") && room >= redacted.length ? masking(masked, "redact") : undefined;
}

/** Several addresses, or one with its port, are no address of which there is a network. */
function hasNetwork({ someShapes }: Field): boolean {
  return !someShapes.has("ips") && !someShapes.has("endpoint");
}

/** The column's value masked by the method, `default` for the run's own; unmasked where it is undefined. */
export function masking(
  column: Masked,
  method: MaskMethodName | "default" | undefined,
  canonical?: "ip",
): Masked {
  const before = column.transforms.filter(({ kind }) => kind !== "mask");
  if (method === undefined) return { type: column.type, transforms: before };
  const old = column.transforms.find((step) => step.kind === "mask");
  if (method === "truncate") return { type: "inet", transforms: [...before, { kind: "mask", method }] };
  const form = canonical ?? old?.canonical;
  const mask: Transform = {
    kind: "mask",
    ...(method === "default" ? {} : { method }),
    ...(form === undefined || method === "redact" ? {} : { canonical: form }),
  };
  // A pseudonym of an address is made of its text, so that what is no address is masked, too.
  const type: ColumnType = column.type === "inet" ? "text" : column.type;
  return { type, transforms: [...before, mask] };
}

/** How the column is masked, in a word; undefined where it is not. */
export function maskOf({
  transforms,
}: Pick<ColumnMapping, "transforms">): MaskMethodName | "default" | undefined {
  const mask = transforms.find((step) => step.kind === "mask");
  return mask === undefined ? undefined : (mask.method ?? "default");
}
