import { test } from "bun:test";
import type { Facts } from "../../src/doctor/check.ts";
import {
  connectionWith,
  expectOnly,
  failing,
  goodFacts,
  ledgerWith,
  linesFor,
  serverWith,
  tableWith,
} from "../support/doctor-facts.ts";

const good = linesFor(goodFacts);

test.each<[what: string, changes: Partial<Facts>, ...lines: RegExp[]]>([
  [
    "a password file for everybody",
    connectionWith({ warnings: ["password file x is ignored: others may read it; try: chmod 0600 x"] }),
    /^warning \| password file \| password file x is ignored: others may read it \| chmod 0600 x \| 0$/,
  ],
  [
    "database settings that lead nowhere",
    { connection: failing("config", "connect"), server: undefined, table: undefined, ledger: undefined },
    /^failed \| database \| connect failed \| mend connect \| 78$/,
  ],
  [
    "a database that does not answer",
    { server: failing("unavailable", "connect"), table: undefined, ledger: undefined },
    /^failed \| database \| connect failed \| mend connect \| 69$/,
  ],
  [
    "no encryption",
    { ...connectionWith({ tlsMode: "disable" }), ...serverWith({ encrypted: false }) },
    /^warning \| database TLS \| not encrypted, .*sslmode=disable.* sslmode=verify-full/,
  ],
  [
    "encryption if the server offers it",
    connectionWith({ tlsMode: "prefer" }),
    /^warning \| database TLS \| encrypted, and the server is not verified .*sslmode=prefer/,
  ],
  [
    "encryption with any server",
    { ...connectionWith({ tlsMode: "require" }), ...serverWith({ encrypted: false }) },
    /^warning \| database TLS \| encrypted, and the server is not verified/,
  ],
  [
    "a certificate with any name",
    connectionWith({ tlsMode: "verify-ca" }),
    /^ok \| database TLS \| .*name is not/,
  ],
  [
    "a database on this machine",
    { ...connectionWith({ tlsMode: "disable", local: true }), ...serverWith({ encrypted: false }) },
    /^ok \| database TLS \| not encrypted, but on this machine/,
  ],
  [
    "an old server",
    { ...serverWith({ versionNumber: 11_00_22, version: "11.22" }), table: undefined, ledger: undefined },
    /^failed \| server version \| Postgres 11.22 is older than 12, .* 78$/,
  ],
  ["a standby", serverWith({ standby: true }), /^failed \| writable \| the server is a standby.* 69$/],
  [
    "a server that is read only",
    serverWith({ readOnly: true }),
    /^failed \| writable \| .*read only .*default_transaction_read_only.* 69$/,
  ],
  ["no fsync", serverWith({ fsync: false }), /^warning \| durability \| fsync is off/],
  [
    "no table",
    { table: failing("config", "read table"), ledger: undefined },
    /^failed \| table \| read table failed \| mend read table \| 78$/,
  ],
  [
    "a schema that may not be used",
    { table: failing("permission", "read table"), ledger: undefined },
    /^failed \| table \| read table failed \| etl doctor --grants.* 77$/,
  ],
  [
    "an unlogged table",
    tableWith({ unlogged: true }),
    /^failed \| table \| .* unlogged: .*set logged \| 78$/,
  ],
  [
    "a column that does not fit",
    tableWith({ misfit: failing("config", "column locale").error }),
    /^failed \| columns \| column locale failed \| mend column locale \| 78$/,
  ],
  [
    "a missing permission",
    tableWith({ lacking: ["insert"] }),
    /^failed \| table permission \| the user lacks insert on public.user_logins \| etl doctor --grants, .* 77$/,
  ],
  [
    "a trigger",
    tableWith({ rowTriggers: ["audit"] }),
    /^warning \| triggers \| audit of public.user_logins may leave rows out/,
  ],
  [
    "a rule",
    tableWith({ insertRules: ["elsewhere"] }),
    /^failed \| triggers \| .* rule on insert \(elsewhere\).* 78$/,
  ],
  ["policies", tableWith({ rowSecurity: true }), /^warning \| triggers \| .*row level security/],
  [
    "rows masked under another key",
    tableWith({ maskKeys: { value: ["0badcafe", "1c2a73e4"] } }),
    /^warning \| masked rows \| .*another key \(0badcafe\) than the one that is set \(1c2a73e4\)/,
  ],
  [
    "rows that the user may not read",
    tableWith({ maskKeys: { value: undefined } }),
    /^ok \| masked rows \| not checked: the user may not read them/,
  ],
  [
    "rows that cannot be read",
    tableWith({ maskKeys: failing("config", "read masked rows") }),
    /^skipped \| masked rows \| could not be read/,
  ],
  [
    "no ledger",
    ledgerWith({ missing: ["public.etl_ledger"] }),
    /^failed \| ledger \| public.etl_ledger does not exist.* etl migrate --table public.user_logins \| 78$/,
  ],
  [
    "a ledger that cannot be asked",
    { ledger: failing("temporary", "inspect") },
    /^failed \| ledger \| inspect failed \| mend inspect \| 75$/,
  ],
  [
    "an unlogged ledger",
    ledgerWith({ unlogged: true }),
    /^failed \| ledger \| .* unlogged: .*set logged \| 78$/,
  ],
  [
    "a ledger without its key",
    ledgerWith({ intact: false }),
    /^failed \| ledger \| .*the columns or the key.* 78$/,
  ],
  [
    "a ledger that may not be pruned",
    ledgerWith({ lacking: ["delete on public.etl_ledger"] }),
    /^failed \| ledger permission \| the user lacks delete on public.etl_ledger \| .*--grants.* 77$/,
  ],
  ["a new queue", ledgerWith({ queueNumber: undefined }), /^ok \| queue in ledger \| new; /],
  [
    "no records",
    ledgerWith({ missingRecords: ["public.etl_run"] }),
    /^warning \| records \| public.etl_run does not exist: .* etl migrate/,
  ],
  [
    "records that may not be kept",
    ledgerWith({ lackingRecords: ["insert on public.etl_run"] }),
    /^warning \| records \| the user lacks insert on public.etl_run: .*--grants/,
  ],
])("one thing is wrong, and one line says so: %s", (_, changes, ...lines) => {
  expectOnly(linesFor({ ...goodFacts, ...changes }), good, lines);
});
