/** What runs through a column's transforms, as far as the mapping alone tells. */

import type { ColumnMapping } from "./mapping.ts";

/**
 * Any value that JSON can say; an instant, as milliseconds since 1970 UTC; a time or a packed version, as a text that is ready
 * to be stored.
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
