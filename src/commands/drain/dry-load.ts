/** What would become of rows: judged by Postgres without a write, or by a load that is rolled back. */

import { EtlError } from "../../errors.ts";
import type { ColumnLimits, MappedMessage, MessageRef } from "../../message/message.ts";
import { askForGrants, columnLimits, type TableDescription } from "../../postgres/catalog.ts";
import type { Database } from "../../postgres/connect.ts";
import { type LedgerHome, ledgerHome, type QueueIdentity, registerQueue } from "../../postgres/ledger.ts";
import { createPostgresLoader, refusedRow } from "../../postgres/loader.ts";
import { PartitionGaps } from "../../postgres/missing-partition.ts";
import { rolledBack } from "../../postgres/rolled-back.ts";
import { openRowCheck, type RowCheck } from "../../postgres/row-check.ts";
import { lookUpMessages } from "../../postgres/status.ts";
import { CircuitBreaker } from "../../processing/circuit-breaker.ts";
import { type Failed, type Fate, provesTable } from "../../processing/outcome.ts";
import { countOf } from "../../terminal/text.ts";
import type { Context } from "../context.ts";
import { warnOfOtherMaskKeys } from "../masker.ts";
import { openTable } from "../table.ts";
import type { DrainCommand } from "./drain.ts";

/** The live table, and where its ledger is. */
interface Target {
  readonly table: TableDescription;
  readonly home: LedgerHome;
}

/** What is known of the table before a row is looked at. */
export interface TableCheck {
  readonly limits: ColumnLimits;
  readonly target?: Target;
  /** Asks Postgres about rows; absent if nobody can say. */
  readonly rowCheck?: RowCheck;
  /** Why the table, as it stands, can take none of the rows. */
  readonly unfit?: EtlError;
}

/** What the live table allows. If nobody can say, nothing is limited, and the person is told. */
export async function checkTable(command: DrainCommand, database: Database): Promise<TableCheck> {
  const { context, settings, masker, writeCheck } = command;
  try {
    const table = await openTable(database, settings, context);
    await warnOfOtherMaskKeys(database, table, settings, masker, context);
    const found = {
      limits: columnLimits(table),
      target: { table, home: ledgerHome(table, settings.ledger) },
    };
    if (writeCheck) {
      context.log.info("rows are written in a transaction that is rolled back");
      return found;
    }
    const rowCheck = await openRowCheck(database, table, settings.table.mapping).catch((error: unknown) => {
      if (!(error instanceof EtlError) || error.retryable) throw error;
      context.log.warn(`the rows are checked against the types of the live table alone: ${error.message}`);
      return undefined;
    });
    if (rowCheck === undefined) return found;
    const { unknown } = rowCheck;
    context.log.info(
      unknown.length === 0
        ? "rows are checked against the live table"
        : `rows are checked against the live table, but for what a write alone can tell: ${unknown.join(", ")} (--write-check tries it)`,
    );
    return { ...found, rowCheck };
  } catch (error) {
    if (!(error instanceof EtlError)) throw error;
    // Something else has ended the dry run, and is what there is to tell.
    if (error.operation === "close") return { limits: new Map() };
    const mayPass = error.kind === "unavailable" || error.kind === "temporary";
    // What will not pass ends the dry run, and is told then, once.
    const reason = mayPass && !writeCheck ? error.message : "the error below says why";
    context.log.warn(`the rows are not checked against the live table: ${reason}`);
    return mayPass && !writeCheck ? { limits: new Map() } : { limits: new Map(), unfit: error };
  }
}

/** Asks the ledger which messages of a queue are stored. */
export async function areStored(
  database: Database,
  { table, home }: Target,
  queue: string,
  messages: readonly MessageRef[],
): Promise<readonly boolean[]> {
  try {
    const known = await lookUpMessages(database, home, { queue, table: table.sqlName }, messages);
    return known.map(({ stored }) => stored);
  } catch (error) {
    // Without a ledger, nothing is stored; a drain says what to do about it.
    if (error instanceof EtlError) return [];
    throw error;
  }
}

/** What would become of a message, or that nothing is known to keep its rows out. */
export type Seen = Fate | Failed | { readonly kind: "fits" };

/** Nothing keeps its rows out. */
export const fits: Seen = { kind: "fits" };

/** What Postgres says of each message's rows. If it does not answer, they are shown, and the person is told. */
export async function judge(
  { rowCheck, target }: TableCheck,
  gaps: PartitionGaps,
  messages: readonly MappedMessage[],
  { log }: Context,
): Promise<readonly Seen[]> {
  if (rowCheck === undefined || target === undefined) return messages.map(() => fits);
  try {
    const judgements = [...(await rowCheck.judge(messages.flatMap(({ rows }) => rows)))];
    const seen: Seen[] = [];
    for (const message of messages) {
      const { messageId } = message.ref;
      const own = judgements.splice(0, message.rows.length);
      const refused = own.find(({ kind }) => kind === "refused");
      if (refused?.kind === "refused") {
        seen.push({ kind: "rejected", rejection: refusedRow(messageId, refused.fault), by: "table" });
        continue;
      }
      if (own.some(({ kind }) => kind === "unknown"))
        log.warn(`message ${messageId}: whether the table takes its row could not be checked`);
      const unplaced = own.some(({ kind }) => kind === "no partition");
      const [postponed] = unplaced ? await gaps.add([[message, target.table]]) : [];
      seen.push(postponed ?? fits);
    }
    return seen;
  } catch (error) {
    if (!(error instanceof EtlError)) throw error;
    log.warn(`${countOf(messages.length, "message")} not checked against the live table: ${error.message}`);
    return messages.map(() => fits);
  }
}

/** A row that fails alone for an error that may pass is rejected by a drain in the end, if the table took others meanwhile. */
function afterAllTries(outcomes: readonly (Fate | Failed)[]): readonly (Fate | Failed)[] {
  const isTaking = outcomes.some(provesTable);
  return outcomes.map((outcome) => {
    const alone = outcome.kind === "unsettled" ? outcome.alone : undefined;
    if (alone?.rejection === undefined || !(isTaking || alone.besideStored)) return outcome;
    return { kind: "rejected", rejection: alone.rejection, by: "table" };
  });
}

/**
 * Loads the messages as a drain does, in one transaction that is rolled back.
 *
 * @returns a fate for each, or none if the load failed; and the error that would end a drain
 */
export async function writeAndRollBack(
  { settings, context }: DrainCommand,
  database: Database,
  { target, queue }: { readonly target: Target | undefined; readonly queue: QueueIdentity },
  messages: readonly MappedMessage[],
): Promise<{ readonly fates: readonly Seen[]; readonly error?: EtlError | undefined }> {
  if (target === undefined) return { fates: [] };
  const { table, home } = target;
  const { mapping } = settings.table;
  const { batchSize } = settings.drain;
  try {
    const options = { operation: "load", grants: askForGrants(table.sqlName) };
    return await rolledBack(database, options, async (inside) => {
      const queueId = await registerQueue(inside, home, queue, table);
      const gaps = new PartitionGaps(inside, mapping);
      const loader = createPostgresLoader(inside, { table, mapping, ledger: home, queueId, gaps });
      const breaker = new CircuitBreaker<MessageRef>();
      const fates: (Fate | Failed)[] = [];
      let error: EtlError | undefined;
      for (let start = 0; start < messages.length; start += batchSize) {
        const batch = messages.slice(start, start + batchSize);
        const loaded = afterAllTries(await loader.load(batch));
        fates.push(...loaded);
        const settlements = batch.map(({ ref }, index) => [ref, loaded[index] as Fate | Failed] as const);
        const failed = loaded.find((fate) => fate.kind === "unsettled")?.error;
        error ??= breaker.judge(settlements, () => false).error;
        if (failed instanceof EtlError) error ??= failed;
      }
      return { fates, error: error ?? gaps.error };
    });
  } catch (error) {
    if (!(error instanceof EtlError)) throw error;
    context.log.warn("the rows could not be written: the error below says why");
    return { fates: [], error };
  }
}
