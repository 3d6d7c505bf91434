import { expect, test } from "bun:test";
import { isRowFault, rowFault } from "../../src/postgres/errors.ts";

test("what is told of a refusal: the code, with the name that Postgres gives", () => {
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
});

test("a code that speaks of a row", () => {
  for (const code of ["22001", "23502", "22P05", "21000", "54000", "P0001", "P0004", "44000"])
    expect(isRowFault({ code })).toBe(true);
  expect(isRowFault({ code: "23514", constraint_name: "known" })).toBe(true);
});

test("whatever a trigger raises speaks of its row", () => {
  for (const code of ["99001", "23514", "42501"])
    expect(isRowFault({ code, routine: "exec_stmt_raise" })).toBe(true);
});

test("a check without a name is a missing partition, and may be the table's", () => {
  expect(isRowFault({ code: "23514" })).toBe(false);
  expect(isRowFault({ code: "23514", constraint_name: "" })).toBe(false);
});

test("what speaks of the table, the session or the server is no row's for certain", () => {
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
    expect(isRowFault({ code })).toBe(false);
  }
});
