import { expect, test } from "bun:test";
import { rowFault } from "../../src/postgres/row-errors.ts";

test("a code that speaks of a row, with the name that Postgres gives", () => {
  expect(rowFault({ code: "22001" })).toEqual({ code: "22001" });
  expect(rowFault({ code: "23502", column_name: "locale" })).toEqual({ code: "23502", column: "locale" });
  expect(rowFault({ code: "23505", constraint_name: "one_user" })).toEqual({
    code: "23505",
    constraint: "one_user",
  });
  expect(rowFault({ code: "23514", constraint_name: "known" })).toEqual({
    code: "23514",
    constraint: "known",
  });
  for (const code of ["22P05", "21000", "54000", "P0001", "P0004", "44000"])
    expect(rowFault({ code })).toEqual({ code });
});

test("a check without a name is a missing partition, and no matter of the row", () => {
  expect(rowFault({ code: "23514" })).toBeUndefined();
  expect(rowFault({ code: "23514", constraint_name: "" })).toBeUndefined();
});

test("what speaks of the table, the session or the server never rejects a row", () => {
  for (const code of [
    "42P01",
    "42501",
    "40001",
    "40P01",
    "55P03",
    "57014",
    "57P01",
    "53100",
    "25006",
    "08006",
    "0A000",
    "XX000",
    "P0000",
    "constructor",
  ]) {
    expect(rowFault({ code })).toBeUndefined();
  }
});
