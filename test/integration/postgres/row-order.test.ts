import { beforeEach, expect, test } from "bun:test";
import type { MappedMessage } from "../../../src/message/message.ts";
import { openLoginLoader } from "../../support/postgres-database.ts";
import { migratedDatabase } from "../../support/postgres-file.ts";
import { loginMessage } from "../../support/postgres-messages.ts";

const { testDatabase, database } = await migratedDatabase();

beforeEach(async () => {
  await testDatabase.sql`alter table user_logins add place integer generated always as identity`;
});

/** Five hundred numbers in an order that is neither theirs nor that of their ids, all sent in one millisecond. */
const numbers = Array.from({ length: 500 }, (_, index) => (index * 211) % 500);

function fifoMessage(
  number: number,
  changes: Parameters<typeof loginMessage>[1] = {},
  group = number % 7,
): MappedMessage {
  const { rows, ref } = loginMessage(number, changes);
  return { rows, ref: { ...ref, groupId: `group-${group}`, sentAtMillis: 1_767_323_045_678 } };
}

async function storedUsers(): Promise<string[]> {
  const rows = await testDatabase.sql`select user_id from user_logins order by place`;
  return rows.map(({ user_id }) => user_id as string);
}

test("rows are stored in the order of the batch", async () => {
  const loader = await openLoginLoader(database);
  await loader.load(numbers.map((number) => fifoMessage(number)));
  expect(await storedUsers()).toEqual(numbers.map((number) => `user-${number}`));
});

test("and so where some of it are stored already", async () => {
  const loader = await openLoginLoader(database);
  const known = numbers.filter((number) => number % 3 === 0);
  await loader.load(known.map((number) => fifoMessage(number)));
  await loader.load(numbers.map((number) => fifoMessage(number)));
  const others = numbers.filter((number) => number % 3 !== 0);
  expect((await storedUsers()).slice(known.length)).toEqual(others.map((number) => `user-${number}`));
});

test("of each group of a FIFO queue they are, too, where bad rows are among them: a batch has one of each", async () => {
  const loader = await openLoginLoader(database);
  const isBad = (number: number) => number % 90 === 4;
  const group = (number: number) => number % 100;
  // A group's next message is handed over when the one before it is settled.
  for (let round = 0; round < 5; round += 1) {
    const batch = numbers
      .slice(100 * round, 100 * round + 100)
      .map((number) => fifoMessage(number, isBad(number) ? { 1: "x".repeat(33) } : {}, group(number)));
    expect(new Set(batch.map(({ ref }) => ref.groupId)).size).toBe(100);
    expect((await loader.load(batch)).rejections.length).toBeGreaterThan(0);
  }
  const ofGroups = (all: readonly number[]) => Object.groupBy(all, group);
  const stored = (await storedUsers()).map((user) => Number(user.slice("user-".length)));
  expect(ofGroups(stored)).toEqual(ofGroups(numbers.filter((number) => !isBad(number))));
});
