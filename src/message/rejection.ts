/** A message that cannot become a row, as a value: why and where, never what it holds. */

import type { PayloadFault } from "./message.ts";

/** Why a message was rejected: a stable word, counted in the receipt. */
export type RejectionReason =
  | "body_md5_mismatch"
  | PayloadFault
  /** What stands around the sender's text is not what the settings say. */
  | "envelope_not_sns"
  | "envelope_not_eventbridge"
  | "body_not_base64"
  | "body_not_gzip"
  /** Decompressed, it would be larger than a message may be. */
  | "body_too_large"
  /** Decoded, it is not UTF-8. */
  | "body_not_text"
  | "body_not_json"
  | "body_not_object"
  | "field_missing"
  | "field_null"
  /** What stands on the way to the field has no fields: a text, a number, or an array where a name is asked for. */
  | "field_not_reachable"
  | "field_not_text"
  | "field_not_integer"
  | "field_not_number"
  | "field_not_boolean"
  | "field_not_date"
  | "field_not_time"
  | "field_not_uuid"
  | "field_not_address"
  | "field_not_json"
  | "attribute_not_text"
  | "integer_out_of_range"
  | "number_out_of_range"
  | "time_out_of_range"
  /** More digits after the point than the table's column keeps: Postgres would round it without a word. */
  | "number_too_precise"
  | "time_too_precise"
  | "json_too_deep"
  | "text_nul"
  | "text_lone_surrogate"
  | "text_too_long"
  | "null_not_allowed"
  | "version_not_text"
  | "version_empty_part"
  | "version_signed"
  | "version_not_numeric"
  | "version_too_many_parts"
  | "version_out_of_range"
  /** Postgres refused the row for its data; the five letters are its SQLSTATE. */
  | `sqlstate_${string}`;

/** Where and why a value did not fit, before it is known which message it came from. */
export interface Refusal {
  readonly reason: RejectionReason;
  /** The name of the source, such as `app_version`, `/user/id` or `$attributes.kind`; empty for the body as a whole. */
  readonly path: string;
  /** The table's column, where that is what refused it. */
  readonly column?: string;
  /** The table's constraint or unique index, where that is what refused it. */
  readonly constraint?: string;
}

/** A message that was not turned into a row. */
export interface Rejection extends Refusal {
  readonly messageId: string;
}

/**
 * Whether a step of the pipeline returned a reason instead of its result, from the first look at the body to the whole
 * row. Only refusals have a `reason`; never ask it of a value from a body, which may have a field of that name.
 */
export function isRefusal(outcome: object | string | null): outcome is Refusal {
  return typeof outcome === "object" && outcome !== null && "reason" in outcome;
}
