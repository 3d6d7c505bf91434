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
function serverError(code: string, severity = "ERROR", routine?: string): Error {
  const fields = {
    code,
    severity,
    routine,
    message: "CANARY message",
    detail: "Failing row contains (CANARY).",
  };
  return new (postgres.PostgresError as unknown as new (fields: object) => Error)(fields);
}

const translate = (code: string) => databaseError(serverError(code), circumstance);

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
    ["40001", "temporary", true],
    ["40P01", "temporary", true],
    ["55P03", "temporary", true],
    ["57014", "temporary", true],
    ["22001", "data", false],
    ["ZZZZZ", "internal", false],
  ];
  for (const [code, kind, retryable] of cases) {
    test(`${code} is ${kind}${retryable ? ", and may pass" : ""}`, () => {
      const error = translate(code);
      expect(error).toMatchObject({ kind, retryable, code, operation: "load" });
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

test("a refusal is read from a translated error, and may be one row's or the table's", () => {
  expect(refusalOf(translate("22001"))).toEqual({ fault: { code: "22001" }, isRows: true });
  expect(refusalOf(translate("42P01"))).toEqual({ fault: { code: "42P01" }, isRows: false });
  const raised = databaseError(serverError("99001", "ERROR", "exec_stmt_raise"), circumstance);
  expect(refusalOf(raised)).toEqual({ fault: { code: "99001" }, isRows: true });
  expect(raised.kind).toBe("data");
});

test("what may pass, what ends the session and what the server did not say is no refusal", () => {
  expect(
    refusalOf(databaseError(serverError("53100", "ERROR", "exec_stmt_raise"), circumstance)),
  ).toBeUndefined();
  expect(refusalOf(translate("40001"))).toBeUndefined();
  expect(refusalOf(databaseError(serverError("42P01", "FATAL"), circumstance))).toBeUndefined();
  expect(refusalOf(serverError("22001"))).toBeUndefined();
  expect(refusalOf(new EtlError({ kind: "config", operation: "load", message: "y" }))).toBeUndefined();
});

test("only an error of severity ERROR leaves a session that can go on", () => {
  expect(endsSession(serverError("22001"))).toBe(false);
  expect(endsSession(serverError("57P01", "FATAL"))).toBe(true);
  expect(endsSession(new Error("lost"))).toBe(true);
});
