/** Checks the database: whether it lets us in, how it is talked to, and whether what it commits is there to stay. */

import type { ConnectionFacts, DatabaseFacts, ServerFacts } from "./database-facts.ts";
import { type CheckName, type Finding, failed, failedBy, ok, skipped, warning } from "./finding.ts";
import { checkLedger, ledgerChecks } from "./ledger-checks.ts";
import { checkTable, tableChecks } from "./table-checks.ts";

/**
 * The oldest server whose SQL is enough: `materialized` in a `with`, and generated columns in the catalog.
 *
 * @see https://www.postgresql.org/docs/12/release-12.html
 */
export const oldestServer = { versionNumber: 12_00_00, version: "12" } as const;

/** The checks of a database, for where none can be made. */
export const databaseChecks: readonly CheckName[] = [
  "database",
  "database TLS",
  "server version",
  "writable",
  "durability",
  ...tableChecks,
  ...ledgerChecks,
];

/** Everything about the database side, in the order of the check names. */
export function checkDatabase(facts: DatabaseFacts): readonly Finding[] {
  const { connection, server } = facts;
  const unreached = databaseChecks
    .slice(1)
    .map((check) => skipped(check, "the database has to answer first"));
  if ("error" in connection) return [failedBy("database", connection.error), ...unreached];
  const { address, name, user, warnings } = connection.value;
  const files = warnings.map((text) => passwordFile(text));
  if (server === undefined) return [...files, skipped("database", "was not asked"), ...unreached];
  if ("error" in server) return [...files, failedBy("database", server.error), ...unreached];
  const { versionNumber, version } = server.value;
  const general = [
    ok("database", `${name} at ${address}, as user ${user}`),
    checkTls(connection.value, server.value),
  ];
  if (versionNumber < oldestServer.versionNumber) {
    const old = failed(
      "server version",
      "config",
      `Postgres ${version} is older than ${oldestServer.version}, the oldest that etl works with`,
      `upgrade the server to Postgres ${oldestServer.version} or later`,
    );
    const rest = databaseChecks.slice(databaseChecks.indexOf("writable"));
    return [...files, ...general, old, ...rest.map((check) => skipped(check, 'needs "server version"'))];
  }
  return [
    ...files,
    ...general,
    ok("server version", `Postgres ${version}`),
    checkWritable(server.value),
    checkDurability(server.value),
    ...checkTable(facts),
    ...checkLedger(facts),
  ];
}

/** The one warning of the settings, whose way out stands behind `; try: `. */
function passwordFile(text: string): Finding {
  const [message = text, hint = "check the password file"] = text.split("; try: ");
  return warning("password file", message, hint);
}

function checkTls({ tlsMode, local }: ConnectionFacts, { encrypted }: ServerFacts): Finding {
  const check = "database TLS";
  switch (tlsMode) {
    case "verify-full":
      return ok(check, "encrypted and verified (sslmode=verify-full)");
    case "verify-ca":
      return ok(
        check,
        "encrypted; the certificate is verified, and the server's name is not (sslmode=verify-ca)",
      );
    default: {
      const state = tlsMode === "require" || encrypted ? "encrypted" : "not encrypted";
      if (local) return ok(check, `${state}, and on this machine (sslmode=${tlsMode})`);
      return warning(
        check,
        `${state}, and nothing shows that this is the right server (sslmode=${tlsMode})`,
        "sslmode=verify-full, and sslrootcert=system or the file of the authority's certificate",
      );
    }
  }
}

function checkWritable({ standby, readOnly }: ServerFacts): Finding {
  if (standby) {
    return failed(
      "writable",
      "unavailable",
      "the server is a standby, which nothing can be written to",
      "connect to the primary (PGHOST, DATABASE_URL)",
    );
  }
  if (readOnly) {
    return failed(
      "writable",
      "unavailable",
      "transactions are read only for this user, database or server",
      "have an administrator set default_transaction_read_only to off",
    );
  }
  return ok("writable", "a primary that may be written to");
}

/** `synchronous_commit` is no question: every transaction of ours sets it. */
function checkDurability({ fsync }: ServerFacts): Finding {
  if (fsync) return ok("durability", "what is committed is on disk (fsync is on)");
  return warning(
    "durability",
    "fsync is off: when the server's machine crashes, rows are lost whose messages are deleted",
    "alter system set fsync = on; select pg_reload_conf()",
  );
}
