/** Writes `etl.toml`: what is set, and as comments what else there is. Nothing of it is lost when it is read again. */

import { stringify } from "smol-toml";
import { userLogins } from "../message/mapping.ts";
import { writeColumn } from "./column-mapping.ts";
import type { FileColumn } from "./column-schema.ts";
import { aboutWithDefault } from "./setting.ts";
import { type FileSettings, settingKeys, settingOf } from "./setting-table.ts";

const head = `# Settings of etl. Flags come before environment variables, those before this file, that before the defaults.
# A key behind a # is not set, and stands there with an example. Paths are seen from this file's folder.
# To check this file: etl config check`;

/** What an entry may hold; it stands above the first. */
const columnGuide = `# One entry a column. Its keys:
#   name          the column in the table
#   from          a field of the body: "id", "user.id", "items.0.id", or as a JSON Pointer "/user/id"; or "$message_id",
#                 "$sent_at", "$received_at", "$receive_count", "$group_id", "$attributes.NAME"; or { constant = "x" }
#   type          text (default), integer, bigint, numeric, boolean, date, timestamptz, uuid, inet, jsonb; a value
#                 that does not fit rejects its message
#   transform     one or a list of trim, lowercase, version, epoch_seconds, epoch_millis, json, mask
#   version_bits  bits for major, minor and patch, where 15, 8, 8 are not enough: [31, 16, 16] makes a bigint
#   mask          hmac (joins, and cannot be undone without the key), sha256, truncate (an IP address to its
#                 network) or redact; transform = "mask" masks as [mask] says; type = "inet" for IP addresses
#   required      true rejects a message without the value; else it is null, or the default
#   default       stands in for a value that is absent or null
#   empty         what an empty string is: "keep" (default), "null" (default if it is masked), or "reject"`;

const columnExample = `#[[table.columns]]
#name = "user_id"
#from = "user.id"
#required = true`;

/** Settings for a file, with a comment on each. Reading the text gives the same settings, but for tables without keys. */
export function settingsToml(file: FileSettings): string {
  const sections = [...new Set(settingKeys.map((key) => key.split(".")[0] ?? ""))];
  return `${[head, ...sections.map((name) => section(name, file))].join("\n\n")}\n`;
}

function section(name: string, file: FileSettings): string {
  const values = file[name as keyof FileSettings] as Readonly<Record<string, unknown>> | undefined;
  const lines = settingKeys.flatMap((key) => {
    const [table, inner = ""] = key.split(".");
    if (table !== name) return [];
    const value = values?.[inner];
    const setting = settingOf(key);
    const { example = tomlValue(setting.default) } = setting;
    return [
      `# ${aboutWithDefault(setting)}`,
      value === undefined ? `#${inner} = ${example}` : `${inner} = ${tomlValue(value)}`,
    ];
  });
  const columns = name === "table" ? ["", columnGuide, "", columnsToml(file.table?.columns)] : [];
  return [`[${name}]`, ...lines, ...columns].join("\n");
}

function columnsToml(columns: readonly FileColumn[] = []): string {
  const entries = columns.map((column) => {
    const lines = Object.entries(column).flatMap(([key, value]) =>
      value === undefined ? [] : [`${key} = ${tomlValue(value)}`],
    );
    return ["[[table.columns]]", ...lines].join("\n");
  });
  return entries.length === 0 ? columnExample : entries.join("\n\n");
}

/** A value on one line. */
export function tomlValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(tomlValue).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([key, inner]) => `${key} = ${tomlValue(inner)}`);
    return `{ ${entries.join(", ")} }`;
  }
  return stringify({ value }).trimEnd().replace("value = ", "");
}

const referenceJob: FileSettings = {
  queue: { url: "https://sqs.eu-west-1.amazonaws.com/123456789012/login-queue" },
  database: { url: "postgres://loader@db.example.com/warehouse?sslmode=verify-full&sslrootcert=system" },
  mask: { algorithm: "hmac-sha256", key_file: "etl-mask.key" },
  table: { name: "user_logins", conflict: "reject", columns: userLogins.columns.map(writeColumn) },
};

/** Order events that come through SNS and keep one row an order: what differs from the settings above. */
const otherJob = `[queue]
envelope = "sns"

[table]
name = "sales.orders"
conflict = "update"
key = ["order_id"]
newest_by = "changed_at"

[[table.columns]]
name = "order_id"
from = "order.id"
type = "bigint"
required = true

[[table.columns]]
name = "changed_at"
from = "order.changed"
transform = "epoch_millis"
required = true

[[table.columns]]
name = "total"
from = "order.total"
type = "numeric"

[[table.columns]]
name = "customer_email"
from = "customer.email"
transform = ["trim", "lowercase"]
mask = "hmac"

[[table.columns]]
name = "customer_network"
from = "customer.ip"
mask = "truncate"

[[table.columns]]
name = "kind"
from = "$attributes.kind"
default = "order"

[[table.columns]]
name = "loaded_from"
from = { constant = "orders" }
`;

/** The text of the file. It is right as it stands, once the mask key it names is there. */
export function exampleToml(): string {
  return `${settingsToml(referenceJob)}
# The columns above are those of preset = "user-logins", which needs none of them. Another job, for instance: events in
# envelopes of SNS, of which the newest of each order stays in the table. In place of the same tables above:

${otherJob.trimEnd().replaceAll(/^(?=.)/gm, "#")}
`;
}
