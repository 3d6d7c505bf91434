import { expect, test } from "bun:test";
import { type Shape, shapesOf } from "../../src/setup/shapes.ts";
import { tokenOf } from "../support/json-web-token.ts";

const cases: readonly (readonly [string, readonly Shape[]])[] = [
  ["203.0.113.7", ["ip"]],
  ["256.0.113.7", []],
  ["2001:db8::1", ["ip"]],
  ["::ffff:192.0.2.1", ["ip"]],
  ["12:30:45", []],
  ["10.1.2.3:443", ["endpoint"]],
  ["[2001:db8::1]:443", ["endpoint"]],
  ["[::ffff:192.0.2.1]:443", ["endpoint"]],
  ["10.1.2:443", []],
  ["10.1.2.3:", []],
  ["[12:30:45]:443", []],
  ["203.0.113.9:50123, 10.0.0.1:443", ["ips"]],
  ["2001:db8::1, 10.0.0.1", ["ips"]],
  ["[2001:db8::1]:443,unknown", ["ips"]],
  ["10.0.0.1, somewhere", []],
  ["unknown, unknown", []],
  ["fe80::1%eth0", ["endpoint"]],
  ["[fe80::1%eth0]:443", ["endpoint"]],
  ["12:30%eth0", []],
  ["ada@example.com", ["email"]],
  ["@example", []],
  ["+49 30 1234567", ["phone"]],
  ["(030) 123-4567", ["phone"]],
  ["0049 30 1234567", ["phone"]],
  ["0000040213", []],
  ["0012345678", []],
  ["+00123450", []],
  ["+1234567.50", []],
  ["+49.30.1234567", ["phone"]],
  ["12345678", ["integer"]],
  ["00:1B:44:11:3A:B7", ["mac"]],
  ["490154203237518", ["integer", "imei", "digits"]],
  ["490154203237519", ["integer", "digits"]],
  ["378282246310005", ["integer", "imei", "card"]],
  ["5555-5555-5555-4444", ["card"]],
  ["1700000000000", ["integer", "digits"]],
  ["GB82 WEST 1234 5698 7654 32", ["iban"]],
  ["IBAN: GB82-WEST-1234-5698-7654-32", ["iban"]],
  ["IBAN GB82 WEST 1234 5698 7654 33", []],
  [tokenOf({ alg: "HS256" }), ["jwt"]],
  [`Authorization: Bearer ${tokenOf({ alg: "HS256" })}`, ["jwt"]],
  [`${Buffer.from('{"alg":"dir","enc":"A256GCM"}').toString("base64url")}..aXY.dGV4dA.dGFn`, ["jwt"]],
  ["a.b.c.d.e", []],
  [`Bearer ${tokenOf({ alg: "none" }, "", "x".repeat(400))}`, ["jwt"]],
  ["593-47-5928", ["ssn"]],
  ["52.5200, 13.4050", ["coordinates"]],
  ["424cdd21-063a-43a7-b91b-7ca1a833afae", ["uuid"]],
  ["2026-02-03", ["date"]],
  ["2026-13-03", []],
  ["2026-02-03T04:05:06.789Z", ["timestamp"]],
  ["2026-02-03 04:05:06+0100", ["timestamp"]],
  ["2026-02-03 04:05:06", []],
  ["2.3.1", ["version"]],
  ["2.3", ["version", "decimal"]],
  ["007", []],
  ["true", ["boolean"]],
  ['{"a":1}', ["json"]],
  ["[1", []],
  ["", []],
];

test.each(cases)("%s", (text, shapes) => {
  expect([...shapesOf(text)].sort()).toEqual([...shapes].sort());
});

test("a long text is not searched", () => {
  expect(shapesOf(`${"9.".repeat(100_000)}9`)).toEqual(new Set());
});
