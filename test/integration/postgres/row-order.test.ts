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

function fifoMessage(number: number, changes: Parameters<typeof loginMessage>[1] = {}): MappedMessage {
  const { rows, ref } = loginMessage(number, changes);
  return { rows, ref: { ...ref, groupId: `group-${number % 7}`, sentAtMillis: 1_767_323_045_678 } };
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

test("and so where bad rows of a FIFO queue are among them", async () => {
  const loader = await openLoginLoader(database);
  const isBad = (number: number) => number % 90 === 4;
  const batch = numbers.map((number) => fifoMessage(number, isBad(number) ? { 1: "x".repeat(33) } : {}));
  expect((await loader.load(batch)).rejections).toHaveLength(6);
  const good = numbers.filter((number) => !isBad(number));
  expect(await storedUsers()).toEqual(good.map((number) => `user-${number}`));
});
