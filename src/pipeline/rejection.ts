/** A message that cannot become a row, as a value: why and where, never what it holds. */

/** Why a message was rejected: a stable word, counted in the receipt. */
export type RejectionReason =
  | "body_md5_mismatch"
  | "body_not_json"
  | "body_not_object"
  | "field_missing"
  | "field_null"
  | "field_not_text"
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
  /** The source path in the body, such as `app_version`; empty for the body as a whole. */
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
 * row. Only refusals have a `reason`.
 */
export function isRefusal(outcome: object | string | null): outcome is Refusal {
  return typeof outcome === "object" && outcome !== null && "reason" in outcome;
}
