/** Checks the ledger, which keeps a message that is delivered again from being stored again. */

import { shellQuoted } from "../text/shell-quoted.ts";
import type { DatabaseFacts, LedgerFacts } from "./database-facts.ts";
import { type CheckName, type Finding, failed, failedBy, ok, skipped, warning } from "./finding.ts";
import { askForGrants } from "./table-checks.ts";

/** The checks of the ledger, in order. */
export const ledgerChecks: readonly CheckName[] = [
  "ledger",
  "ledger permission",
  "queue in ledger",
  "records",
];

/** Everything about the ledger. */
export function checkLedger({ table, ledger, queueArn }: DatabaseFacts): readonly Finding[] {
  const [first, ...rest] = ledgerChecks as [CheckName, ...CheckName[]];
  const restSkipped = rest.map((check) => skipped(check, 'needs "ledger"'));
  if (ledger === undefined) return ledgerChecks.map((check) => skipped(check, 'needs "table"'));
  if ("error" in ledger) return [failedBy(first, ledger.error), ...restSkipped];
  const { missing, lacking, queueNumber } = ledger.value;
  const tableName = table !== undefined && "value" in table ? table.value.sqlName : "NAME";
  if (missing.length > 0) {
    const absent = failed(
      first,
      "config",
      `${missing.join(" and ")} ${missing.length === 1 ? "is" : "are"} not there: messages that come again would be stored again`,
      `etl migrate --table ${shellQuoted(tableName)}`,
    );
    return [absent, ...restSkipped];
  }
  return [
    checkShape(ledger.value),
    lacking.length === 0
      ? ok("ledger permission", "it may be read, written and pruned")
      : failed("ledger permission", "permission", `the user lacks ${lacking.join(", ")}`, askForGrants),
    checkQueueNumber(queueNumber, queueArn, lacking),
    checkRecords(ledger.value, tableName),
  ];
}

function checkShape({ sqlName, unlogged, intact }: LedgerFacts): Finding {
  if (unlogged) {
    return failed(
      "ledger",
      "config",
      `${sqlName} is unlogged: after a crash of the server, messages that come again are stored again`,
      `alter table ${sqlName} set logged`,
    );
  }
  if (!intact) {
    return failed(
      "ledger",
      "config",
      `${sqlName} has not the columns or the key that etl migrate gives it`,
      `alter table ${sqlName} add primary key (sent_at, message_id, queue_id)`,
    );
  }
  return ok("ledger", `${sqlName}, with its key`);
}

function checkQueueNumber(
  queueNumber: number | undefined,
  queueArn: string | undefined,
  lacking: readonly string[],
): Finding {
  const check = "queue in ledger";
  if (queueArn === undefined) return skipped(check, "the queue did not say its ARN");
  if (queueNumber !== undefined) return ok(check, `known, as number ${queueNumber}`);
  if (lacking.length > 0) return skipped(check, 'needs "ledger permission"');
  return ok(check, "new here; its first drain registers it");
}

function checkRecords({ missingRecords, lackingRecords }: LedgerFacts, tableName: string): Finding {
  const check = "records";
  const without = "a drain works without, and etl status does not know of it";
  if (missingRecords.length > 0) {
    const are = missingRecords.length === 1 ? "is" : "are";
    return warning(
      check,
      `${missingRecords.join(" and ")} ${are} not there: ${without}`,
      `etl migrate --table ${shellQuoted(tableName)}`,
    );
  }
  if (lackingRecords.length > 0) {
    return warning(check, `the user lacks ${lackingRecords.join(", ")}: ${without}`, askForGrants);
  }
  return ok(check, "kept for etl status");
}
