/** The settings file that `etl config example` shows: the reference job spelled out, and another kind of job as comments. */

import { userLogins } from "../message/mapping.ts";
import { writeColumn } from "./column-mapping.ts";
import type { FileSettings } from "./file-schema.ts";
import { settingsToml } from "./settings-toml.ts";

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
