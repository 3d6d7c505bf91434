/** Checks the database: the way in, the server, the table, the ledger that keeps a row from being stored twice, and the records. */

import { stillPassedBy } from "../message/fields.ts";
import type { ColumnMapping } from "../message/mapping.ts";
import type { PartitionCover } from "../postgres/missing-partition.ts";
import type { RecordedRun } from "../postgres/status.ts";
import { passedByInWords } from "../text/counts.ts";
import {
  type Check,
  failed,
  failedBy,
  flawed,
  ifKnown,
  known,
  type Outcome,
  ok,
  skipped,
  warning,
} from "./check.ts";

/**
 * The oldest server with the SQL that etl needs: `materialized` in a `with`, and generated columns in the catalog.
 *
 * @see https://www.postgresql.org/docs/12/release-12.html
 */
export const oldestServer = { versionNumber: 12_00_00, version: "12" } as const;

/** What to type if a permission is missing. */
const askForGrants = "etl doctor --grants, and give the SQL to an administrator";

/** Everything about the database. Nothing after `server version` is asked of a server that is too old. */
export const databaseChecks: readonly Check[] = [
  {
    name: "password file",
    needs: ["settings"],
    applies: ({ connection }) => ifKnown(connection)?.openPasswordFile !== undefined,
    run({ connection }) {
      const { openPasswordFile: path } = known(connection);
      return warning(`password file ${path} is ignored: others may read it`, `chmod 0600 ${path}`);
    },
  },
  {
    name: "database",
    needs: ["settings"],
    run({ connection, server }) {
      const { address, name, user } = known(connection);
      known(server);
      return ok(`${name} at ${address}, as user ${user}`);
    },
  },
  {
    name: "database TLS",
    needs: ["database"],
    run({ connection, server }) {
      const { tlsMode, local } = known(connection);
      const mode = `(sslmode=${tlsMode})`;
      if (tlsMode === "verify-full") return ok(`encrypted and verified ${mode}`);
      if (tlsMode === "verify-ca") {
        return ok(`encrypted; the certificate is verified, but the server's name is not ${mode}`);
      }
      const isEncrypted = tlsMode === "require" || known(server).encrypted;
      const state = isEncrypted ? "encrypted" : "not encrypted";
      if (local) return ok(`${state}, but on this machine ${mode}`);
      return warning(
        `${state}, and the server is not verified ${mode}`,
        "sslmode=verify-full, and sslrootcert=system or the file of the authority's certificate",
      );
    },
  },
  {
    name: "server version",
    needs: ["database"],
    run({ server }) {
      const { versionNumber, version } = known(server);
      if (versionNumber >= oldestServer.versionNumber) return ok(`Postgres ${version}`);
      return failed(
        `Postgres ${version} is older than ${oldestServer.version}, the oldest that etl works with`,
        `upgrade the server to Postgres ${oldestServer.version} or later`,
      );
    },
  },
  {
    name: "writable",
    needs: ["server version"],
    run({ server }) {
      const { standby, readOnly } = known(server);
      if (standby) {
        return failed(
          "the server is a standby, which is read only",
          "connect to the primary (PGHOST, DATABASE_URL)",
          "unavailable",
        );
      }
      if (readOnly) {
        return failed(
          "transactions are read only for this user, database or server",
          "have an administrator set default_transaction_read_only to off",
          "unavailable",
        );
      }
      return ok("a primary, not read only");
    },
  },
  {
    // Not `synchronous_commit`: each transaction sets it.
    name: "durability",
    needs: ["server version"],
    run({ server }) {
      if (known(server).fsync) return ok("committed rows are on disk (fsync is on)");
      return warning(
        "fsync is off: if the server's machine crashes, rows are lost after their messages were deleted",
        "alter system set fsync = on; select pg_reload_conf()",
      );
    },
  },
  {
    name: "table",
    needs: ["server version"],
    run({ table }) {
      if (table !== undefined && "error" in table && table.error.kind === "permission") {
        return { ...failedBy(table.error), hint: askForGrants };
      }
      const { sqlName, unlogged } = known(table);
      if (!unlogged) return ok(sqlName);
      return flawed(
        `${sqlName} is unlogged: a crash of the server empties it, after the messages of its rows were deleted`,
        `alter table ${sqlName} set logged`,
      );
    },
  },
  {
    name: "columns",
    needs: ["table"],
    run({ table }) {
      const { misfit } = known(table);
      return misfit === undefined ? ok("every mapped column fits") : failedBy(misfit);
    },
  },
  {
    name: "table permission",
    needs: ["table"],
    run({ table }) {
      const { sqlName, lacking, needs } = known(table);
      const all = [
        ...lacking.map((privilege) => `${privilege} on ${sqlName}`),
        ...needs.filter((need) => need.lacking).map(({ grant, reason }) => `${grant} (${reason})`),
      ];
      return all.length === 0 ? ok(`the user may insert rows into ${sqlName}`) : lacks(all);
    },
  },
  {
    name: "partitions",
    needs: ["table"],
    applies: ({ partitions }) => ifKnown(partitions) !== undefined,
    run({ table, settings, partitions }) {
      const { columns } = known(settings).table.mapping;
      return judgePartitions(known(table).sqlName, known(partitions) as PartitionCover, columns);
    },
  },
  {
    name: "triggers",
    needs: ["table"],
    run({ table }) {
      const { sqlName, rowTriggers, insertRules, rowSecurity, makePolicy } = known(table);
      if (insertRules.length > 0) {
        return failed(
          `${sqlName} has a rule on insert (${insertRules.join(", ")}): etl cannot load rows through it`,
          `drop rule NAME on ${sqlName}, or give another --table`,
        );
      }
      if (makePolicy !== undefined) {
        const message = `${sqlName} has row level security, and no policy that lets the user insert a row`;
        return failed(message, makePolicy, "permission");
      }
      if (rowTriggers.length > 0) {
        return warning(
          `${rowTriggers.join(", ")} of ${sqlName} may leave rows out; a drain stops when a row is left out`,
          "check that none of these trigger functions returns null for a row of etl's",
        );
      }
      if (rowSecurity) {
        return warning(
          `${sqlName} has row level security: its policies may refuse rows`,
          "check that a policy lets this user insert every row (psql: \\d shows them)",
        );
      }
      return ok("none that may leave a row out");
    },
  },
  {
    // Two keys in one table are right after a change of keys. Otherwise the key is the wrong one.
    name: "masked rows",
    needs: ["table", "mask key"],
    run({ table, maskKey }) {
      const { key } = known(maskKey);
      const { sqlName, maskKeys } = known(table);
      if (key === undefined) return ok("no column is masked under a key");
      if ("error" in maskKeys) return skipped("could not be read");
      if (maskKeys.value === undefined)
        return ok("not checked: the user may not read them, and does not need to");
      const others = maskKeys.value.filter((id) => id !== key.id);
      if (others.length === 0) return ok(`none is masked under another key than ${key.id}`);
      return warning(
        `${sqlName} holds rows masked under another key (${others.join(", ")}) than the one that is set (${key.id}): new rows do not join with them`,
        "set the key that those rows were masked under, unless it was changed on purpose",
      );
    },
  },
  {
    name: "ledger",
    needs: ["table"],
    run({ ledger }) {
      const { sqlName, missing, makeIt, unlogged, intact, makeKey, refusal } = known(ledger);
      if (missing.length > 0) {
        return failed(
          `${areMissing(missing)}: messages that are delivered again would be stored again`,
          makeIt,
        );
      }
      if (unlogged) {
        return flawed(
          `${sqlName} is unlogged: after a crash of the server, messages that are delivered again are stored again`,
          `alter table ${sqlName} set logged`,
        );
      }
      if (!intact) {
        return flawed(`${sqlName} does not have the columns or the key that etl migrate gives it`, makeKey);
      }
      if (refusal !== undefined) return { ...failedBy(refusal), stops: false };
      return ok(`${sqlName}, with its key`);
    },
  },
  {
    name: "ledger permission",
    needs: ["ledger"],
    run({ ledger }) {
      const { lacking } = known(ledger);
      return lacking.length === 0 ? ok("the user may read, write and prune it") : lacks(lacking);
    },
  },
  {
    name: "queue in ledger",
    needs: ["ledger"],
    run({ description, ledger }) {
      const { queueNumber, lacking } = known(ledger);
      if (ifKnown(description) === undefined) return skipped("the queue did not say its ARN");
      if (queueNumber !== undefined) return ok(`registered as number ${queueNumber}`);
      if (lacking.length > 0) return skipped('needs "ledger permission"');
      return ok("new; its first drain registers it");
    },
  },
  {
    name: "records",
    needs: ["ledger"],
    run({ ledger }) {
      const { missingRecords, makeIt, lackingRecords } = known(ledger);
      const without = "a drain runs, but is not recorded, and etl status does not show it";
      if (missingRecords.length > 0) {
        return warning(`${areMissing(missingRecords)}: ${without}`, makeIt);
      }
      if (lackingRecords.length > 0) {
        return warning(`the user lacks ${lackingRecords.join(", ")}: ${without}`, askForGrants);
      }
      return ok("kept for etl status");
    },
  },
  {
    name: "fields",
    needs: ["ledger"],
    applies: ({ lastRun }) => ifKnown(lastRun) !== undefined,
    run({ settings, lastRun }) {
      const run = known(lastRun) as RecordedRun;
      const { mapped, absent, unmapped } = stillPassedBy(run, known(settings).table.mapping);
      const never = Object.entries(absent).filter(([, count]) => count >= mapped);
      const words = passedByInWords({ mapped, absent: Object.fromEntries(never), unmapped });
      const which = `the last run (${run.startedAt.toISOString().slice(0, 16).replace("T", " ")}Z)`;
      if (words === undefined) return ok(`the messages of ${which} fit the mapping`);
      return warning(
        `in ${which}: ${words}`,
        "etl config check --queue, which shows the names that messages have",
      );
    },
  },
];

function lacks(privileges: readonly string[]): Outcome {
  return failed(`the user lacks ${privileges.join(", ")}`, askForGrants, "permission");
}

/**
 * A drain ends if no partition takes what is sent now, and leaves in the queue what is late. How late a message can be is known
 * of the time at which it was sent: the queue keeps it for so long.
 */
function judgePartitions(
  sqlName: string,
  { count, column, makeFirst, makePresent, makeLate }: PartitionCover,
  columns: readonly ColumnMapping[],
): Outcome {
  if (makeFirst !== undefined) return flawed(`${sqlName} is partitioned, and has no partition`, makeFirst);
  const found = count === 1 ? "1 partition" : `${count} partitions`;
  if (column === undefined) return ok(found);
  const source = columns.find((mapped) => mapped.column === column)?.source;
  const fact = source?.in === "message" ? source.fact : undefined;
  if (makePresent !== undefined) {
    const message = `${sqlName} has no partition for the present (by ${column})`;
    const isPresent = source === undefined || fact === "sent_at" || fact === "received_at";
    return isPresent ? flawed(message, makePresent) : warning(message, makePresent);
  }
  if (fact !== "sent_at" || makeLate === undefined) return ok(`${found}, one of them for the present`);
  return warning(
    `${sqlName} has no partition for some days on which a message of the queue may have been sent: a drain leaves it in the queue`,
    makeLate,
  );
}

function areMissing(tables: readonly string[]): string {
  return `${tables.join(" and ")} ${tables.length === 1 ? "does" : "do"} not exist`;
}
