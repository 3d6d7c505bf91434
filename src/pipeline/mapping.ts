/** The mapping as data: which column takes which field, through which transform. */

/** How a field's value becomes a column's value. */
export type Transform =
  /** The string as it is. */
  | "text"
  /** A pseudonym: equal values stay equal, the value itself is gone. */
  | "mask"
  /** A version string as one integer, `major << 16 | minor << 8 | patch`. */
  | "version"
  /** The UTC day of a timestamp. */
  | "utc_date";

/** One column of the target table and where its value comes from. */
export interface ColumnMapping {
  /** The column's name in the table. */
  readonly column: string;
  /** A top-level field of the body, or `$sent_at` for the time the message was sent. */
  readonly from: string;
  readonly transform: Transform;
  /** Whether an absent or null value rejects the message; where false the column gets null. */
  readonly required: boolean;
  /** The type `etl migrate` creates the column with. An existing table may have another that fits. */
  readonly createType: string;
  /** What the masked value is, where one value is written in several ways that must mask alike. */
  readonly canonical?: "ip";
}

/** A whole mapping; its order is the order of the columns in a row. */
export type Mapping = readonly ColumnMapping[];

/** The reference job: login events into `user_logins`. */
export const userLogins: Mapping = [
  { column: "user_id", from: "user_id", transform: "text", required: true, createType: "varchar(128)" },
  {
    column: "device_type",
    from: "device_type",
    transform: "text",
    required: true,
    createType: "varchar(32)",
  },
  {
    column: "masked_ip",
    from: "ip",
    transform: "mask",
    required: true,
    createType: "varchar(256)",
    canonical: "ip",
  },
  {
    column: "masked_device_id",
    from: "device_id",
    transform: "mask",
    required: true,
    createType: "varchar(256)",
  },
  { column: "locale", from: "locale", transform: "text", required: false, createType: "varchar(32)" },
  { column: "app_version", from: "app_version", transform: "version", required: true, createType: "integer" },
  { column: "create_date", from: "$sent_at", transform: "utc_date", required: true, createType: "date" },
];
