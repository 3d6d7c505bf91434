/** A message without its body: all that is needed to record and to settle it. */
export interface MessageRef {
  /** The queue's id of the message, the same on every delivery. Not promised to be a UUID. */
  readonly messageId: string;
  /** Settles this one delivery; each delivery has its own. */
  readonly receiptHandle: string;
  /** `SentTimestamp`: milliseconds since 1970 UTC, the same on every delivery. */
  readonly sentAtMillis: number;
  /** `ApproximateReceiveCount`: how often the queue has handed it out, this time included. */
  readonly receiveCount: number;
  /** `MessageGroupId`: messages of one group of a FIFO queue keep their order. */
  readonly groupId?: string | undefined;
}

/** A `maxReceiveCount` up to this is used up by a killed run or two and a look at a message: it is then in the dead-letter queue. */
export const fewReceives = 3;

/** A message attribute as its sender gave it, beside the body. */
export interface MessageAttribute {
  readonly name: string;
  /** `String`, `Number` or `Binary`, and a custom label behind a dot. */
  readonly dataType: string;
  /** The text; of a binary attribute its base64. */
  readonly value: string;
}

/** Why a payload that a body points to can never be had. */
export type PayloadFault = "payload_missing" | "payload_too_large" | "payload_not_text";

/** One delivery of one message. */
export interface Message extends MessageRef {
  readonly body: string;
  /** False if the body does not match the MD5 the queue sent with it. */
  readonly bodyIntact: boolean;
  /** The sender's attributes; absent if they were not asked for. */
  readonly attributes?: readonly MessageAttribute[];
  /** What the body points to, fetched from where the sender put it; takes the body's place when it is decoded. */
  readonly payload?: string;
  /** Why there is no payload, if the body points to one that can never be had. */
  readonly payloadFault?: PayloadFault;
}

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
  /** The body has none of the fields that columns take. */
  | "nothing_mapped"
  /** No column takes the field, and the settings say that this is a reason. */
  | "field_unmapped"
  /** An empty string where the column takes none. */
  | "field_empty"
  | "field_missing"
  | "field_null"
  /** What stands on the way to the field has no fields: a text, a number, or an array if a name is asked for. */
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
  /** More digits after the point than the table's column keeps: Postgres would round it without an error. */
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

/** What a body that nothing is taken of looks like. */
export type BodyShape = "sns" | "eventbridge" | "s3_pointer";

/**
 * Whether the message is of another shape than the settings describe, so that the settings or the sender may have changed,
 * and every message be of it.
 */
export function isOfAnotherShape(refusal: Refusal): boolean {
  const { reason } = refusal;
  return (
    reason === "nothing_mapped" || reason === "field_unmapped" || settingThatReads(refusal) !== undefined
  );
}

/** The line under `[queue]` with which the message could be read: it is not to blame. Undefined if there is none. */
export function settingThatReads({ reason, looksLike }: Refusal): string | undefined {
  if (looksLike === "s3_pointer") return "extended_payloads = true";
  const isEnvelope = reason === "envelope_not_sns" || reason === "envelope_not_eventbridge";
  return isEnvelope || looksLike !== undefined ? 'envelope = "auto"' : undefined;
}

/** Where and why a value did not fit, before it is known which message it came from. */
export interface Refusal {
  readonly reason: RejectionReason;
  /** The name of the source, such as `app_version`, `/user/id` or `$attributes.kind`; empty for the body as a whole. */
  readonly path: string;
  /** The table's column, if that is what refused the value. */
  readonly column?: string;
  /** The table's constraint or unique index, if that is what refused the row. */
  readonly constraint?: string;
  /** If nothing is mapped: the names of some fields that the body has, never their values. */
  readonly fields?: readonly string[];
  /** How many fields it has besides. */
  readonly otherFields?: number;
  /** If it looks like something that the settings could unwrap. */
  readonly looksLike?: BodyShape;
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

declare const masked: unique symbol;
declare const plain: unique symbol;

/** A pseudonym. Only a masker makes one, so a raw value cannot be passed for it. */
export type Masked = string & { readonly [masked]: true };

/** A value that the mapping says may be stored as it is. Only a transform makes one. */
export type Plain = string & { readonly [plain]: true };

/** One column's value as text, as it is bound; Postgres casts it to the column's type. */
export type Cell = Masked | Plain | null;

/** One row: as many cells as the mapping has columns, in its order. */
export type Row = readonly Cell[];

/** The rows that a message became, and the message itself. */
export interface MappedMessage {
  readonly ref: MessageRef;
  readonly rows: readonly Row[];
}

/** What the live table allows in one column, read from its catalog. */
export interface ColumnLimit {
  /** The longest text it takes, in characters (code points, as Postgres counts); absent if unbounded. */
  readonly maxCharacters?: number;
  /**
   * The most digits it keeps after the point, of a number or of a time's seconds; absent if it keeps all. Postgres
   * rounds what has more, without an error.
   */
  readonly maxFractionDigits?: number;
  readonly nullable: boolean;
}

/** Limits by column name; a column that is not in it is unlimited. */
export type ColumnLimits = ReadonlyMap<string, ColumnLimit>;
