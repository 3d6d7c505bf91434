import { expect, test } from "bun:test";
import { columnName, likeness, wordsOf } from "../../src/setup/words.ts";

test.each([
  ["userID", ["user", "id"]],
  ["HTTPServer2Name", ["http", "server2", "name"]],
  ["user-id.value", ["user", "id", "value"]],
  ["", []],
] as const)("%s has words", (name, words) => {
  expect(wordsOf(name)).toEqual([...words]);
});

test("the nearer the names, the higher the likeness", () => {
  const column = (name: string) => likeness(["user", "email"], name);
  const order = ["user_email", "masked_user_email", "email", "mail_address", "amount"].map(column);
  expect(order).toEqual([...order].sort((a, b) => b - a));
  expect(order[0]).toBe(1);
  expect(order[2]).toBeGreaterThan(0.9);
  expect(order[4]).toBeLessThan(0.4);
});

test("a column's name is one that Postgres takes without quotes, in at most 63 bytes", () => {
  expect(columnName(["user", "homeAddress"])).toBe("user_home_address");
  expect(columnName(["2fa"])).toBe("_2fa");
  expect(Buffer.byteLength(columnName(["ä".repeat(80)]))).toBeLessThanOrEqual(63);
});
