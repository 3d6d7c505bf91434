/** What a value is before Postgres stores it. Each is converted strictly, and what does not fit is a rejection. */
export const columnTypes = [
  "text",
  "integer",
  "bigint",
  "numeric",
  "boolean",
  "date",
  "timestamptz",
  "uuid",
  "inet",
  "jsonb",
] as const;

/** One of {@link columnTypes}. */
export type ColumnType = (typeof columnTypes)[number];

/** What the queue says of a message, beside its body; written with a `$` before it. */
export const messageFacts = ["message_id", "sent_at", "received_at", "receive_count", "group_id"] as const;

/** One of {@link messageFacts}. */
export type MessageFact = (typeof messageFacts)[number];

/** Where a column's value comes from. */
export type ColumnSource =
  /** A value inside the body: the names (of arrays the indexes) on the way to it; never empty. */
  | { readonly in: "body"; readonly path: readonly string[] }
  | { readonly in: "message"; readonly fact: MessageFact }
  /** A message attribute that the sender gave, of the type String or Number. */
  | { readonly in: "attributes"; readonly name: string }
  | { readonly in: "constant"; readonly value: Scalar };

/** A value that a settings file can state. */
export type Scalar = string | number | boolean;

/** How a personal value is made unreadable. */
export const maskMethods = ["hmac", "sha256", "truncate", "redact"] as const;

/** One of {@link maskMethods}: a keyed pseudonym, a plain hash, an IP address's network, a fixed word. */
export type MaskMethodName = (typeof maskMethods)[number];

/** The mask methods that a run can have as its default. */
export type DefaultMaskMethod = Extract<MaskMethodName, "hmac" | "sha256">;

/** The mask of a column: always the last of its transforms. */
export interface MaskStep {
  readonly kind: "mask";
  /** @defaultValue the run's method */
  readonly method?: MaskMethodName;
  /** The value is an IP address, to be written in one way before it is masked; anything else is masked as it is. */
  readonly canonical?: "ip";
}

/** How many bits of the integer each part of a version takes: major, minor, patch; 63 in all at the most. */
export type VersionBits = readonly [major: number, minor: number, patch: number];

/** One step from the source's value to the column's, in the order of the list. */
export type Transform =
  /** White space off both ends. */
  | { readonly kind: "trim" }
  | { readonly kind: "lowercase" }
  /** A version string as one integer that sorts as versions do. */
  | { readonly kind: "version"; readonly bits: VersionBits }
  /** A number of seconds, or of milliseconds, since 1970 UTC as a time. */
  | { readonly kind: "epoch_seconds" }
  | { readonly kind: "epoch_millis" }
  /** A string that holds JSON as the value it holds. */
  | { readonly kind: "json" }
  | MaskStep;

/** What can become of an empty string: it counts as a null, it is a value like any other, or it rejects its message. */
export const emptyActions = ["null", "keep", "reject"] as const;

/** One of {@link emptyActions}. */
export type EmptyAction = (typeof emptyActions)[number];

/** One column of the target table and where its value comes from. */
export interface ColumnMapping {
  /** The column's name in the table. */
  readonly column: string;
  readonly source: ColumnSource;
  /** What the value is, before it is masked: a masked value is a text, a truncated address an `inet`. */
  readonly type: ColumnType;
  readonly transforms: readonly Transform[];
  /** Whether an absent or null value rejects the message; if not, the column gets the default, or null. */
  readonly required: boolean;
  /** Stands in for an absent or null value, and goes the same way as one. */
  readonly default?: Scalar;
  /** What becomes of an empty string. @defaultValue `null` if the column is masked, else `keep` */
  readonly empty?: EmptyAction;
  /** The type `etl migrate` creates the column with. @defaultValue by what is stored */
  readonly createType?: string;
}

/** What happens to a row whose key the table has already, from another message. */
export type Conflict =
  /** The row is refused: its message is rejected. */
  | { readonly action: "reject" }
  /** The row that is there stays; the message counts as a duplicate. Without a `key`, by whatever unique indexes there are. */
  | { readonly action: "ignore"; readonly key?: readonly string[] }
  /** The newer row by `newestBy` stays or comes in; an older one counts as a duplicate. Equal ones: the later delivery. */
  | { readonly action: "update"; readonly key: readonly string[]; readonly newestBy: string };

/** What can become of a message with a field that no column takes. */
export const unmappedActions = ["warn", "ignore", "reject"] as const;

/** One of {@link unmappedActions}: it is loaded and the field counted, or loaded, or rejected. */
export type UnmappedAction = (typeof unmappedActions)[number];

/** A whole mapping; the order of its columns is the order of the cells in a row. */
export interface Mapping {
  readonly columns: readonly ColumnMapping[];
  readonly conflict: Conflict;
  /** @defaultValue `warn` */
  readonly unmapped?: UnmappedAction;
}

/** What stands around the sender's own text, and is removed; `auto` tells for each message which of the others it is. */
export const envelopes = ["none", "sns", "eventbridge", "auto"] as const;

/** How the sender's own text is encoded, inside the envelope. */
export const encodings = ["none", "base64", "gzip+base64"] as const;

/** How the body of every message is written. */
export interface BodyFormat {
  readonly envelope: (typeof envelopes)[number];
  readonly encoding: (typeof encodings)[number];
}

/**
 * The name of a source, by which rejections tell of it and pseudonyms are keyed: the names on the way to a value with dots
 * between them, or a JSON Pointer if a name could be misread so; anything else with a `$` before it. Two sources never
 * have the same name.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6901
 */
export function sourceName(source: ColumnSource): string {
  switch (source.in) {
    case "body":
      return source.path.every((name) => plainName.test(name)) ? source.path.join(".") : pointer(source.path);
    case "message":
      return `$${source.fact}`;
    case "attributes":
      return `$attributes.${source.name}`;
    case "constant":
      return "$constant";
  }
}

/** Without dots, quotes, a `$` or `/` at its start, and white space at its ends. */
const plainName = /^[^\s."$/](?:[^."]*[^\s."])?$/;

function pointer(path: readonly string[]): string {
  return path.map((name) => `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/** The path of a field by its {@link sourceName}. */
export function fieldPath(name: string): readonly string[] {
  if (!name.startsWith("/")) return name.split(".");
  return name
    .slice(1)
    .split("/")
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** The reference job: login events into `user_logins`. */
export const userLogins: Mapping = {
  columns: [
    field("user_id", "varchar(128)"),
    field("device_type", "varchar(32)"),
    { ...field("masked_ip", "varchar(256)", "ip"), transforms: [{ kind: "mask", canonical: "ip" }] },
    { ...field("masked_device_id", "varchar(256)", "device_id"), transforms: [{ kind: "mask" }] },
    { ...field("locale", "varchar(32)"), required: false },
    {
      ...field("app_version", "integer"),
      type: "integer",
      transforms: [{ kind: "version", bits: [15, 8, 8] }],
    },
    { ...field("create_date", "date"), type: "date", source: { in: "message", fact: "sent_at" } },
  ],
  conflict: { action: "reject" },
};

function field(column: string, createType: string, name = column): ColumnMapping {
  return {
    column,
    source: { in: "body", path: [name] },
    type: "text",
    transforms: [],
    required: true,
    createType,
  };
}
