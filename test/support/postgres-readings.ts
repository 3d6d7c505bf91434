/** Readings of meters: a mapping whose rows meet others of their key, for tests of conflicts. */

import type { ColumnMapping, ColumnType, Conflict, Mapping } from "../../src/message/mapping.ts";
import type { MappedMessage, Row } from "../../src/message/message.ts";
import { readTable } from "../../src/postgres/catalog.ts";
import type { Database } from "../../src/postgres/connect.ts";
import { registerQueue } from "../../src/postgres/ledger.ts";
import { createPostgresLoader } from "../../src/postgres/loader.ts";
import { checkTable } from "../../src/postgres/table-check.ts";
import { type CountingLoader, counting } from "./postgres-database.ts";

/** A column that takes the field of its own name. */
export function mappedField(column: string, type: ColumnType, required = true): ColumnMapping {
  return { column, source: { in: "body", path: [column] }, type, transforms: [], required };
}

/** `meter`, `taken_at` (may be null) and `value`. */
export function readings(conflict: Conflict): Mapping {
  return {
    columns: [
      mappedField("meter", "text"),
      mappedField("taken_at", "timestamptz", false),
      mappedField("value", "integer"),
    ],
    conflict,
  };
}

/** The newest reading of each meter is kept. */
export const newestReading = readings({ action: "update", key: ["meter"], newestBy: "taken_at" });

/** One message; its number makes its id, and its value unless one is given. */
export function reading(
  number: number,
  meter: string,
  takenAt: string | null,
  value = String(number),
): MappedMessage {
  return cellsMessage(number, [meter, takenAt, value]);
}

/** A message with these cells. */
export function cellsMessage(number: number, cells: readonly (string | null)[]): MappedMessage {
  return {
    ref: {
      messageId: `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`,
      receiptHandle: `handle-${number}`,
      sentAtMillis: 1_767_323_045_678 + number,
      receiveCount: 1,
    },
    rows: [cells as Row],
  };
}

/** Opens a loader as a command does: the table is read and checked. */
export async function openLoader(
  database: Database,
  mapping: Mapping,
  tableName = "reading",
): Promise<CountingLoader> {
  const table = await readTable(database, tableName);
  checkTable(table, mapping, "hmac");
  const queueId = await registerQueue(
    database,
    table,
    { arn: "arn:aws:sqs:eu-west-1:000000000000:readings", retentionSeconds: 345_600 },
    table,
  );
  return counting(createPostgresLoader(database, { table, mapping, ledger: table, queueId }));
}
