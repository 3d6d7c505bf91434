import { describe, expect, test } from "bun:test";
import { beginRemoval } from "../../../src/commands/rejects/retry-records.ts";
import { systemClock } from "../../../src/commands/system-clock.ts";
import { EtlError } from "../../../src/errors.ts";
import type { Message } from "../../../src/message/message.ts";
import type { Clock } from "../../../src/polling/ports.ts";
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
  await recordRejections(
    database,
    home,
    await registerQueue(database, home, { arn, retentionSeconds: 345_600 }, home),
    entries,
  );
}

/** As a redrive policy leaves a message, or with an origin as etl moves one. */
function deadLetter(messageId: string, origin?: { messageId: string; queue?: string }): Message {
  const sentAt = new Date(sentAtMillis).toISOString();
  const value = JSON.stringify({ reason: "field_missing", queue: queueArn, sentAt, ...origin });
  const attributes = origin === undefined ? [] : [{ name: "etl-rejection", dataType: "String", value }];
  return {
    ...{ messageId, sentAtMillis, attributes, receiptHandle: messageId, receiveCount: 1 },
    ...{ body: "{}", bodyIntact: true },
  };
}

function open(parts: { database?: Database; forced?: AbortSignal; clock?: Clock } = {}) {
  const told: string[] = [];
  const removal = beginRemoval({
    ...{
      database: parts.database ?? openUrl(testDatabase.url),
      home,
      table: home.sqlName,
      queueArn,
      clock: systemClock,
    },
    ...{ log: { info: (text: string) => void told.push(text) }, forced: new AbortController().signal },
    ...parts,
  });
  return { removal, told };
}

const failing = (retryable: boolean): Database & { calls: number } => ({
  ...database,
  calls: 0,
  close() {},
  async runOnce() {
    this.calls += 1;
    throw new EtlError({ kind: "unavailable", operation: "x", message: "away", hint: "mend it", retryable });
  },
});

/** Never answers. */
const silent: Database = { ...database, close() {}, runOnce: () => new Promise(() => {}) };

describe("the records of messages that have gone back", () => {
  test("are removed by the id that each was rejected by, and those of no other", async () => {
    await record(["by-policy", "by-etl", "stays", "elsewhere"]);
    await record(["by-policy"], otherArn);
    const { removal, told } = open();
    removal.add([deadLetter("by-policy"), deadLetter("new-1", { messageId: "by-etl" })]);
    removal.add([deadLetter("new-2", { messageId: "elsewhere", queue: otherArn })]);
    removal.add([{ ...deadLetter("stays"), sentAtMillis: sentAtMillis + 1 }, deadLetter("unknown")]);
    await removal.end();
    expect(await left()).toEqual(["by-policy", "elsewhere", "stays"]);
    expect(told).toEqual([]);
  });

  test("do not matter if rejections are not recorded", async () => {
    await testDatabase.sql.unsafe("drop table etl_run, etl_rejection");
    const { removal, told } = open();
    removal.add([deadLetter("one")]);
    await removal.end();
    expect(told).toEqual([]);
  });

  test.each([
    ["what may pass is tried with the next", true, 2],
    ["what does not is tried once", false, 1],
  ])("that cannot be removed are told of in one line: %s", async (_, retryable, calls) => {
    const away = failing(retryable);
    const { removal, told } = open({ database: away });
    removal.add([deadLetter("one"), deadLetter("two")]);
    removal.add([deadLetter("three")]);
    await removal.end();
    expect(told).toEqual(["3 moved messages may still be listed as rejected: away; try: mend it"]);
    expect(away.calls).toBe(calls);
  });

  test("are waited for two seconds, and not at all after a forced stop", async () => {
    const slept: number[] = [];
    const clock = { ...systemClock, sleep: async (millis: number) => void slept.push(millis) };
    for (const parts of [{ clock }, { forced: AbortSignal.abort() }]) {
      const { removal, told } = open({ database: silent, ...parts });
      removal.add([deadLetter("one")]);
      await removal.end();
      expect(told).toEqual(["1 moved message may still be listed as rejected"]);
    }
    expect(slept).toEqual([2_000]);
  });
});
