import { describe, expect, test } from "bun:test";
import postgres from "postgres";
import { EtlError } from "../../src/errors.ts";
import { databaseError, endsSession, refusalOf } from "../../src/postgres/errors.ts";

const circumstance = {
  operation: "load",
  address: "db:5432",
  user: "etl",
  database: "events",
  grants: "grant it",
};

/** An error as the driver makes it of what a server sent. The driver's types call for every field. */
function serverError(code: string, fields: Readonly<Record<string, string>> = {}): Error {
  const canary = { message: "CANARY message", detail: "Failing row contains (CANARY)." };
  const PostgresError = postgres.PostgresError as unknown as new (fields: object) => Error;
  return new PostgresError({ code, severity: "ERROR", ...canary, ...fields });
}

const translate = (code: string, fields?: Readonly<Record<string, string>>) =>
  databaseError(serverError(code, fields), circumstance);

describe("a SQLSTATE", () => {
  const cases: [string, string, boolean][] = [
    ["28P01", "permission", false],
    ["28000", "permission", false],
    ["42501", "permission", false],
    ["3D000", "config", false],
    ["3F000", "config", false],
    ["42P01", "config", false],
    ["42703", "config", false],
    ["42804", "config", false],
    ["42P10", "config", false],
    ["0A000", "config", false],
    ["23514", "config", false],
    ["08006", "unavailable", true],
    ["08P01", "unavailable", true],
    ["53100", "unavailable", true],
    ["53300", "unavailable", true],
    ["57P01", "unavailable", true],
    ["57P03", "unavailable", true],
    ["25006", "unavailable", true],
    ["XX000", "unavailable", true],
    ["57P05", "unavailable", true],
    ["25P03", "temporary", true],
    ["25P04", "temporary", true],
    ["40001", "temporary", true],
    ["40P01", "temporary", true],
    ["55P03", "temporary", true],
    ["57014", "temporary", true],
    ["22001", "data", false],
    ["99001", "internal", false],
    ["ZZZZZ", "internal", false],
  ];
  for (const [code, kind, retryable] of cases) {
    test(`${code} is ${kind}${retryable ? ", and may pass" : ""}`, () => {
      const error = translate(code);
      expect(error).toMatchObject({ kind, retryable, code, operation: "load" });
      expect(error.message).toEndWith(`(SQLSTATE ${code})`);
      expect([error.message, error.hint, error.stack].join("\n")).not.toContain("CANARY");
    });
  }

  test("tells what to type where that is known", () => {
    expect(translate("42501").hint).toBe("grant it");
    expect(translate("42P01").hint).toBe("etl migrate");
    expect(translate("28P01").message).toContain("user etl");
  });
});

describe("a socket's error", () => {
  for (const code of [
    "ECONNREFUSED",
    "ENOTFOUND",
    "ETIMEDOUT",
    "ECONNRESET",
    "CONNECTION_CLOSED",
    "ESOMETHING",
  ]) {
    test(`${code} may pass`, () => {
      const error = databaseError(Object.assign(new Error("CANARY"), { code }), circumstance);
      expect(error).toMatchObject({ kind: "unavailable", retryable: true, code });
      expect([error.message, error.hint].join("\n")).not.toContain("CANARY");
    });
  }

  test("without a code may pass", () => {
    expect(databaseError("nothing", circumstance)).toMatchObject({ kind: "unavailable", retryable: true });
    expect(databaseError(undefined, circumstance)).toMatchObject({ kind: "unavailable", retryable: true });
  });
});

test("an error that is translated stays as it is", () => {
  const error = new EtlError({ kind: "config", operation: "x", message: "y" });
  expect(databaseError(error, circumstance)).toBe(error);
});

describe("a refusal", () => {
  const raised = { routine: "exec_stmt_raise" };

  test("has the code, with the name that Postgres gives", () => {
    const faultOf = (code: string, fields = {}) => refusalOf(translate(code, fields))?.fault;
    expect(faultOf("22001")).toEqual({ code: "22001" });
    expect(faultOf("23502", { column_name: "locale" })).toEqual({ code: "23502", column: "locale" });
    expect(faultOf("23505", { constraint_name: "one" })).toEqual({ code: "23505", constraint: "one" });
  });

  test.each([
    ...["22001", "23502", "22P05", "21000", "54000", "P0001", "P0004", "44000"].map(
      (code) => [code, {}] as const,
    ),
    ["23514", { constraint_name: "known" }] as const,
    ["99001", raised] as const,
    ["23514", raised] as const,
    ["42501", raised] as const,
  ])("of %s %p is one row's", (code, fields) => {
    expect(refusalOf(translate(code, fields))).toMatchObject({ isRows: true });
  });

  test.each(["23514", "42P01", "42501", "0A000", "P0000", "constructor"])(
    "of %s may be the table's: a check without a name is a missing partition",
    (code) => {
      expect(refusalOf(translate(code))).toEqual({ fault: { code }, isRows: false });
    },
  );

  test("is not what may pass, what ends the session, and what the server did not say", () => {
    for (const code of ["40001", "40P01", "55P03", "57014", "57P01", "53100", "25006", "08006", "XX000"])
      for (const fields of [{}, raised]) expect(refusalOf(translate(code, fields))).toBeUndefined();
    expect(refusalOf(translate("42P01", { severity: "FATAL" }))).toBeUndefined();
    expect(refusalOf(serverError("22001"))).toBeUndefined();
    expect(refusalOf(new EtlError({ kind: "config", operation: "load", message: "y" }))).toBeUndefined();
  });
});

test("only an error of severity ERROR leaves a session that can go on", () => {
  expect(endsSession(serverError("22001"))).toBe(false);
  expect(endsSession(serverError("57P01", { severity: "FATAL" }))).toBe(true);
  expect(endsSession(new Error("lost"))).toBe(true);
});
