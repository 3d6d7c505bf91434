import { describe, expect, test } from "bun:test";
import { openLetterRecords } from "../../../src/commands/rejects/letter-records.ts";
import { systemClock } from "../../../src/commands/system-clock.ts";
import { EtlError } from "../../../src/errors.ts";
import type { Message } from "../../../src/message/message.ts";
import type { Database } from "../../../src/postgres/connect.ts";
import { registerQueue } from "../../../src/postgres/ledger.ts";
import { recordRejections } from "../../../src/postgres/records.ts";
import { openUrl } from "../../support/postgres-database.ts";
import { migratedDatabase } from "../../support/postgres-file.ts";

const home = { schema: "public", sqlName: "public.user_logins" };
const queueArn = "arn:aws:sqs:eu-west-1:000000000000:login-queue";
const otherArn = "arn:aws:sqs:eu-west-1:000000000000:other-queue";
const sentAtMillis = Date.UTC(2026, 10, 22, 3, 4, 5, 678);
const { testDatabase, database } = await migratedDatabase();

const left = async () =>
  (await testDatabase.sql`select message_id from etl_rejection order by message_id`).map(
    ({ message_id }) => message_id,
  );

async function record(messageIds: readonly string[], arn = queueArn) {
  const entries = messageIds.map((messageId) => ({
    ...({ messageId, sentAtMillis, reason: "field_missing", path: "ip" } as const),
  }));
  await recordRejections(database, home, await registerQueue(database, home, arn, home), entries);
}

/** As a redrive policy leaves a message where no origin is given, and as etl moves one where it is. */
function letter(
  messageId: string,
  origin?: { readonly messageId: string; readonly queue?: string },
): Message {
  const sentAt = new Date(sentAtMillis).toISOString();
  const value = JSON.stringify({ reason: "field_missing", queue: queueArn, sentAt, ...origin });
  const attributes = origin === undefined ? [] : [{ name: "etl-rejection", dataType: "String", value }];
  return {
    ...{ messageId, sentAtMillis, attributes, receiptHandle: messageId, receiveCount: 1 },
    ...{ body: "{}", bodyIntact: true },
  };
}

function open(parts: { database?: Database; forced?: AbortSignal } = {}) {
  const told: string[] = [];
  const records = openLetterRecords({
    ...{ database: openUrl(testDatabase.url), home, table: home.sqlName, queueArn, clock: systemClock },
    ...{ log: { info: (text: string) => void told.push(text) }, forced: new AbortController().signal },
    ...parts,
  });
  return { records, told };
}

const failing = (retryable: boolean): Database & { calls: number } => ({
  ...database,
  calls: 0,
  close() {},
  async transaction() {
    this.calls += 1;
    throw new EtlError({ kind: "unavailable", operation: "x", message: "away", hint: "mend it", retryable });
  },
});

/** Where nothing is ever answered. */
const silent: Database = { ...database, close() {}, transaction: () => new Promise(() => {}) };

describe("the records of messages that have gone back", () => {
  test("are removed by the id that each was rejected by, and those of no other", async () => {
    await record(["by-policy", "by-etl", "stays", "elsewhere"]);
    await record(["by-policy"], otherArn);
    const { records, told } = open();
    records.moved([letter("by-policy"), letter("new-1", { messageId: "by-etl" })]);
    records.moved([letter("new-2", { messageId: "elsewhere", queue: otherArn })]);
    records.moved([{ ...letter("stays"), sentAtMillis: sentAtMillis + 1 }, letter("unknown")]);
    await records.end();
    expect(await left()).toEqual(["by-policy", "elsewhere", "stays"]);
    expect(told).toEqual([]);
  });

  test("are no matter where rejections are not recorded", async () => {
    await testDatabase.sql.unsafe("drop table etl_run, etl_rejection");
    const { records, told } = open();
    records.moved([letter("one")]);
    await records.end();
    expect(told).toEqual([]);
  });

  test.each([
    ["what may pass is tried with the next", true, 2],
    ["what does not is tried once", false, 1],
  ])("that cannot be removed are told of in one line: %s", async (_, retryable, calls) => {
    const away = failing(retryable);
    const { records, told } = open({ database: away });
    records.moved([letter("one"), letter("two")]);
    records.moved([letter("three")]);
    await records.end();
    expect(told).toEqual(["3 moved messages may still be listed as rejected: away; try: mend it"]);
    expect(away.calls).toBe(calls);
  });

  test("are waited for two seconds, and not at all after a forced stop", async () => {
    const slept: number[] = [];
    const clock = { ...systemClock, sleep: async (millis: number) => void slept.push(millis) };
    const told: string[] = [];
    const log = { info: (text: string) => void told.push(text) };
    const forced = new AbortController();
    const parts = { database: silent, home, table: home.sqlName, queueArn, log, forced: forced.signal };
    const slow = openLetterRecords({ ...parts, clock });
    slow.moved([letter("one")]);
    await slow.end();
    expect(slept).toEqual([2_000]);
    forced.abort();
    const stopped = openLetterRecords({ ...parts, clock: systemClock });
    stopped.moved([letter("one")]);
    await stopped.end();
    const line = "1 moved message may still be listed as rejected";
    expect(told).toEqual([line, line]);
  });
});
