import { describe, expect, test } from "bun:test";
import { checkDatabase, databaseChecks } from "../../src/doctor/database-checks.ts";
import { databaseWith, expectOnly, failing } from "../support/doctor-facts.ts";

const good = checkDatabase(databaseWith({}));

test("a database side of which nothing is wrong: every line is ok", () => {
  expect(good.map(({ check }) => check)).toEqual([...databaseChecks]);
  expect(good.filter(({ status, hint }) => status !== "ok" || hint !== undefined)).toEqual([]);
});

describe("one thing is wrong, and one line says so", () => {
  const misfit = failing("config", "column locale").error;
  test.each<[what: string, changes: Parameters<typeof databaseWith>[0], line: RegExp]>([
    [
      "a password file for everybody",
      { connection: { warnings: ["password file x is ignored: others may read it; try: chmod 0600 x"] } },
      /^warning \| password file \| password file x is ignored: others may read it \| chmod 0600 x \| 0$/,
    ],
    [
      "no encryption",
      { connection: { tlsMode: "disable" }, server: { encrypted: false } },
      /^warning \| database TLS \| not encrypted, .*sslmode=disable.* sslmode=verify-full/,
    ],
    [
      "encryption by chance",
      { connection: { tlsMode: "prefer" } },
      /^warning \| database TLS \| encrypted, and nothing shows .*sslmode=prefer/,
    ],
    [
      "encryption with anyone",
      { connection: { tlsMode: "require" }, server: { encrypted: false } },
      /^warning \| database TLS \| encrypted, and nothing shows/,
    ],
    ["any name", { connection: { tlsMode: "verify-ca" } }, /^ok \| database TLS \| .*name is not/],
    [
      "a database on this machine",
      { connection: { tlsMode: "disable", local: true }, server: { encrypted: false } },
      /^ok \| database TLS \| not encrypted, and on this machine/,
    ],
    [
      "an old server",
      { server: { versionNumber: 11_00_22, version: "11.22" } },
      /^failed \| server version \| Postgres 11.22 is older than 12, .* 78$/,
    ],
    ["a standby", { server: { standby: true } }, /^failed \| writable \| the server is a standby.* 69$/],
    [
      "read only",
      { server: { readOnly: true } },
      /^failed \| writable \| .*read only .*default_transaction_read_only.* 69$/,
    ],
    ["no fsync", { server: { fsync: false } }, /^warning \| durability \| fsync is off/],
    [
      "an unlogged table",
      { table: { unlogged: true } },
      /^failed \| table \| .* unlogged: .*set logged \| 78$/,
    ],
    [
      "a column that does not fit",
      { table: { misfit } },
      /^failed \| columns \| column locale failed \| mend column locale \| 78$/,
    ],
    [
      "no permission",
      { table: { lacking: ["insert"] } },
      /^failed \| table permission \| the user lacks insert on public.user_logins \| etl doctor --grants, .* 77$/,
    ],
    [
      "a trigger",
      { table: { rowTriggers: ["audit"] } },
      /^warning \| triggers \| audit of public.user_logins may leave rows out/,
    ],
    [
      "a rule",
      { table: { insertRules: ["elsewhere"] } },
      /^failed \| triggers \| .* rule on insert \(elsewhere\).* 78$/,
    ],
    [
      "rows masked under another key",
      { table: { maskKeys: { value: { set: "1c2a73e4", found: ["0badcafe", "1c2a73e4"] } } } },
      /^warning \| masked rows \| .*another key \(0badcafe\) than the one that is set \(1c2a73e4\)/,
    ],
    [
      "no key",
      { table: { maskKeys: "none needed" } },
      /^ok \| masked rows \| no column is masked under a key/,
    ],
    [
      "rows that may not be read",
      { table: { maskKeys: "not readable" } },
      /^ok \| masked rows \| not looked at: the user may not read them/,
    ],
    [
      "rows that cannot be read",
      { table: { maskKeys: failing("config", "read masked rows") } },
      /^skipped \| masked rows \| could not be looked at/,
    ],
    ["policies", { table: { rowSecurity: true } }, /^warning \| triggers \| .*row level security/],
    [
      "no ledger",
      { ledger: { missing: ["public.etl_ledger"] } },
      /^failed \| ledger \| public.etl_ledger is not there.* etl migrate --table public.user_logins \| 78$/,
    ],
    [
      "an unlogged ledger",
      { ledger: { unlogged: true } },
      /^failed \| ledger \| .* unlogged: .*set logged \| 78$/,
    ],
    [
      "a ledger without its key",
      { ledger: { intact: false } },
      /^failed \| ledger \| .*the columns or the key.* 78$/,
    ],
    [
      "a ledger that may not be pruned",
      { ledger: { lacking: ["delete on public.etl_ledger"] } },
      /^failed \| ledger permission \| the user lacks delete on public.etl_ledger \| .*--grants.* 77$/,
    ],
    ["a new queue", { ledger: { queueNumber: undefined } }, /^ok \| queue in ledger \| new here/],
    [
      "no records",
      { ledger: { missingRecords: ["public.etl_run"] } },
      /^warning \| records \| public.etl_run is not there: .* etl migrate/,
    ],
    [
      "records that may not be kept",
      { ledger: { lackingRecords: ["insert on public.etl_run"] } },
      /^warning \| records \| the user lacks insert on public.etl_run: .*--grants/,
    ],
  ])("%s", (_, changes, line) => {
    expectOnly(checkDatabase(databaseWith(changes)), good, [line]);
  });
});

describe("what was not asked is not known, and said so once", () => {
  const { connection, server, table } = databaseWith({});
  const queueArn = undefined;
  const statuses = (findings: ReturnType<typeof checkDatabase>) => findings.map(({ status }) => status);
  const skips = (count: number) => Array.from({ length: count }, () => "skipped" as const);

  test("the settings lead nowhere", () => {
    const findings = checkDatabase({ connection: failing("config", "connect"), queueArn });
    expectOnly(findings, good, [/^failed \| database \| connect failed \| mend connect \| 78$/]);
    expect(statuses(findings)).toEqual(["failed", ...skips(databaseChecks.length - 1)]);
  });

  test("the server does not answer", () => {
    const findings = checkDatabase({ connection, server: failing("unavailable", "connect"), queueArn });
    expectOnly(findings, good, [/^failed \| database \| connect failed \| mend connect \| 69$/]);
    expect(statuses(findings)).toEqual(["failed", ...skips(databaseChecks.length - 1)]);
  });

  test("the table is not there", () => {
    const findings = checkDatabase({ connection, server, table: failing("config", "read table"), queueArn });
    expectOnly(findings, good, [/^failed \| table \| read table failed \| mend read table \| 78$/]);
    expect(statuses(findings).slice(5)).toEqual(["failed", ...skips(8)]);
  });

  test("the table's schema may not be used: the hint is the grants", () => {
    const findings = checkDatabase({
      connection,
      server,
      table: failing("permission", "read table"),
      queueArn,
    });
    expectOnly(findings, good, [/^failed \| table \| read table failed \| etl doctor --grants.* 77$/]);
  });

  test("the ledger does not answer", () => {
    const findings = checkDatabase({
      connection,
      server,
      table,
      ledger: failing("temporary", "inspect"),
      queueArn,
    });
    expectOnly(findings, good, [/^failed \| ledger \| inspect failed \| mend inspect \| 75$/]);
  });

  test("nobody knows the queue's ARN", () => {
    const findings = checkDatabase({ ...databaseWith({}), queueArn });
    expectOnly(findings, good, [/^skipped \| queue in ledger \| the queue did not say its ARN/]);
  });
});
