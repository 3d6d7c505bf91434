import { expect, test } from "bun:test";
import { type Shape, shapesOf } from "../../src/setup/shapes.ts";
import { tokenOf } from "../support/json-web-token.ts";

const base64url = (text: string) => Buffer.from(text).toString("base64url");

const cases: readonly (readonly [shapes: readonly Shape[], ...texts: string[]])[] = [
  [["ip"], "203.0.113.7", "2001:db8::1", "::ffff:192.0.2.1"],
  [[], "256.0.113.7", "12:30:45"],
  [["endpoint"], "10.1.2.3:443", "[2001:db8::1]:443", "[::ffff:192.0.2.1]:443"],
  [["endpoint"], "fe80::1%eth0", "[fe80::1%eth0]:443"],
  [[], "10.1.2:443", "10.1.2.3:", "[12:30:45]:443", "12:30%eth0"],
  [["ips"], "203.0.113.9:50123, 10.0.0.1:443", "2001:db8::1, 10.0.0.1", "[2001:db8::1]:443,unknown"],
  [[], "10.0.0.1, somewhere", "unknown, unknown"],
  [["email"], "ada@example.com"],
  [[], "@example"],
  [["phone"], "+49 30 1234567", "(030) 123-4567", "0049 30 1234567", "+49.30.1234567"],
  [[], "0000040213", "0012345678", "+00123450", "+1234567.50"],
  [[], "12345678"],
  [["mac"], "00:1B:44:11:3A:B7"],
  [["imei", "digits"], "490154203237518"],
  [["digits"], "490154203237519"],
  // Numbers that the card networks and processors publish for tests.
  [["card"], "4111111111111111", "4222222222222", "4000000000000000006", "5555555555554444"],
  [["card"], "2223003122003222", "2720990000000007", "30569309025904", "36227206271667"],
  [["card"], "3566002020360505", "6011111111111117", "6205500000000000004", "6759649826438453"],
  [["imei", "card"], "378282246310005", "341111111111111"],
  [["card"], "5555-5555-5555-4444", "4111 1111 1111 1111", "3782 822463 10005", "620550 0000000000004"],
  [["card"], "4111\u00a01111\u00a01111\u00a01111"],
  // Another check digit, no issuer's prefix, just outside of Mastercard's range, no length of Visa's or Mastercard's.
  [["digits"], "4111111111111112", "9111111111111110", "2220000000000000", "2721000000000004"],
  [["imei", "digits"], "411111111111116"],
  [["digits"], "5555555555554", "1700000000004", "1700000000000"],
  [[], "411111111111", "41111111111111111111"],
  [[], "4111-1111 1111-1111", "41-11-11-11-11-11-11-11", "+4111111111111111", "30-12-2024 120000"],
  [["iban"], "DE89370400440532013000", "DE89 3704 0044 0532 0130 00", "de89370400440532013000"],
  [["iban"], "GB82 WEST 1234 5698 7654 32", "NO9386011117947", "DE89-3704-0044-0532-0130-00"],
  [["iban"], "IBAN: DE89 3704 0044 0532 0130 00", "IBAN: GB82-WEST-1234-5698-7654-32"],
  [["iban"], "FR14 20041 01005 0500013M02606", "MT84MALT011000012345MTLCAST001S"],
  // Another digit, other check digits, too short, no check digits.
  [[], "DE89370400440532013001", "DE98370400440532013000", "DE893704004405", "DEAB370400440532013000"],
  [[], "IBAN GB82 WEST 1234 5698 7654 33"],
  [[], "8937040044053201300012"],
  [
    ["jwt"],
    tokenOf({ alg: "HS256", typ: "JWT" }),
    tokenOf({ alg: "none" }, ""),
    `${tokenOf({ alg: "HS256" })} `,
  ],
  [["jwt"], `Bearer ${tokenOf({ alg: "RS256" })}`, `Authorization: Bearer ${tokenOf({ alg: "HS256" })}`],
  [["jwt"], tokenOf({ alg: "RS256" }, "x".repeat(5000)), tokenOf({ alg: "none" }, "", "x".repeat(400))],
  [["jwt"], `${base64url('{"alg":"dir","enc":"A256GCM"}')}..aXY.dGV4dA.dGFn`],
  // No algorithm, no object, two parts, four parts, a host, null.
  [[], tokenOf({ typ: "JWT" }), tokenOf(["alg"]), tokenOf({ alg: "HS256" }).replace(/\.[^.]*$/, "")],
  [[], `${tokenOf({ alg: "HS256" })}.x`, "www.example.com", "bnVsbA.bnVsbA.x", "a.b.c.d.e"],
  [["ssn"], "593-47-5928"],
  [["coordinates"], "52.5200, 13.4050"],
  [["version"], "2.3.1", "10.2.3"],
  [[], "2.3", "849.90", "1.2.3.x"],
  [["json"], '{"a":1}'],
  [[], "[1", "\u00a0[1]"],
];

test.each(cases)("a text has the shapes %j: %.60s", (shapes, ...texts) => {
  for (const text of texts)
    expect([text, ...[...shapesOf(text)].sort()]).toEqual([text, ...shapes.toSorted()]);
});

test("a long text is not searched for short shapes", () => {
  expect(shapesOf(`${"9.".repeat(100_000)}9`)).toEqual(new Set());
});
