/** Checks the live table: that it is there, takes what the mapping makes, and keeps what it has taken. */

import type { DatabaseFacts, TableFacts } from "./database-facts.ts";
import { type CheckName, type Finding, failed, failedBy, ok, skipped, warning } from "./finding.ts";

/** The checks of a table, in order. */
export const tableChecks: readonly CheckName[] = [
  "table",
  "columns",
  "table permission",
  "triggers",
  "masked rows",
];

/** What to type where a permission is missing. */
export const askForGrants = "etl doctor --grants, and give the SQL to an administrator";

/** Everything about the table. */
export function checkTable({ table }: DatabaseFacts): readonly Finding[] {
  if (table === undefined || "error" in table) {
    const [first, ...rest] = tableChecks as [CheckName, ...CheckName[]];
    const finding = table === undefined ? skipped(first, "was not asked") : failedTable(first, table);
    return [finding, ...rest.map((check) => skipped(check, 'needs "table"'))];
  }
  return [
    checkPersistence(table.value),
    checkColumns(table.value),
    checkPermission(table.value),
    checkTriggers(table.value),
    checkMaskKeys(table.value),
  ];
}

function failedTable(
  check: CheckName,
  { error }: { readonly error: Parameters<typeof failedBy>[1] },
): Finding {
  const finding = failedBy(check, error);
  return error.kind === "permission" ? { ...finding, hint: askForGrants } : finding;
}

function checkPersistence({ sqlName, unlogged }: TableFacts): Finding {
  if (!unlogged) return ok("table", sqlName);
  return failed(
    "table",
    "config",
    `${sqlName} is unlogged: a crash of the server empties it, and the messages of its rows are deleted by then`,
    `alter table ${sqlName} set logged`,
  );
}

function checkColumns({ misfit }: TableFacts): Finding {
  if (misfit === undefined) return ok("columns", "every mapped column fits");
  return failedBy("columns", misfit);
}

function checkPermission({ sqlName, lacking }: TableFacts): Finding {
  const check = "table permission";
  if (lacking.length === 0) return ok(check, `rows may be inserted into ${sqlName}`);
  return failed(check, "permission", `the user lacks ${lacking.join(", ")} on ${sqlName}`, askForGrants);
}

function checkTriggers({ sqlName, rowTriggers, insertRules, rowSecurity }: TableFacts): Finding {
  const check = "triggers";
  if (insertRules.length > 0) {
    return failed(
      check,
      "config",
      `${sqlName} has a rule on insert (${insertRules.join(", ")}), which rows cannot be loaded through`,
      `drop rule NAME on ${sqlName}, or give another --table`,
    );
  }
  if (rowTriggers.length > 0) {
    return warning(
      check,
      `${rowTriggers.join(", ")} of ${sqlName} may leave rows out; a drain ends where one does`,
      "check that none of these trigger functions returns null for a row of etl's",
    );
  }
  if (rowSecurity) {
    return warning(
      check,
      `${sqlName} has row level security: its policies may refuse rows`,
      "check that a policy lets this user insert every row (psql: \\d shows them)",
    );
  }
  return ok(check, "none that may leave a row out");
}

/** Two keys in one table are right after a change of keys, and otherwise the wrong file. */
function checkMaskKeys({ sqlName, maskKeys }: TableFacts): Finding {
  const check = "masked rows";
  if (maskKeys === "none needed") return ok(check, "no column is masked under a key");
  if (maskKeys === "no good key") return skipped(check, 'needs "mask key"');
  if (maskKeys === "not readable")
    return ok(check, "not looked at: the user may not read them, and need not");
  if ("error" in maskKeys) return skipped(check, "could not be looked at");
  const { set, found } = maskKeys.value;
  const others = found.filter((id) => id !== set);
  if (others.length === 0) return ok(check, `none is masked under another key than ${set}`);
  return warning(
    check,
    `${sqlName} holds rows masked under another key (${others.join(", ")}) than the one that is set (${set}): new rows do not join with them`,
    "set the key that those rows were masked under, unless it was changed on purpose",
  );
}
