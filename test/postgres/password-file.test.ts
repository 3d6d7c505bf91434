import { expect, test } from "bun:test";
import { findPassword } from "../../src/postgres/password-file.ts";

const question = { host: "db.example.com", port: 5432, database: "events", user: "etl" };

const cases: [string, string, string | undefined][] = [
  ["a line that fits", "db.example.com:5432:events:etl:secret", "secret"],
  [
    "the first line that fits",
    "other:*:*:*:no\n*:*:*:*:first\ndb.example.com:5432:events:etl:second",
    "first",
  ],
  ["a star for each field", "*:*:*:*:secret", "secret"],
  ["another port", "db.example.com:5433:events:etl:secret", undefined],
  ["another user", "db.example.com:5432:events:me:secret", undefined],
  ["a comment", "#*:*:*:*:secret", undefined],
  ["Windows line ends", "*:*:*:*:secret\r\n", "secret"],
  ["an escaped colon and backslash in the password", "*:*:*:*:se\\:cr\\\\et", "se:cr\\et"],
  ["a password up to a colon that is not escaped", "*:*:*:*:secret:rest", "secret"],
  ["a line that is too short", "*:*:*:*", undefined],
  ["an empty password", "*:*:*:*:\n*:*:*:*:secret", "secret"],
  ["an escaped star, which is a star", "\\*:*:*:*:secret", undefined],
  ["an empty file", "", undefined],
];
for (const [name, text, expected] of cases) {
  test(name, () => expect(findPassword(text, question)).toBe(expected));
}

test("escapes in the other fields", () => {
  const text = "\\:\\:1:*:a\\\\b:*:secret";
  expect(findPassword(text, { ...question, host: "::1", database: "a\\b" })).toBe("secret");
});

test("a default socket folder is called localhost", () => {
  expect(findPassword("localhost:*:*:*:secret", { ...question, host: "/var/run/postgresql" })).toBe("secret");
  expect(findPassword("localhost:*:*:*:secret", { ...question, host: "/elsewhere" })).toBeUndefined();
});
