import { expect, test } from "bun:test";
import { isJsonWebToken } from "../../src/setup/json-web-token.ts";
import { tokenOf } from "../support/json-web-token.ts";

test.each([
  tokenOf({ alg: "HS256", typ: "JWT" }),
  tokenOf({ alg: "none" }, ""),
  `Bearer ${tokenOf({ alg: "RS256" })}`,
  tokenOf({ alg: "RS256" }, "x".repeat(5000)),
])("%.40s is one", (text) => {
  expect(isJsonWebToken(text)).toBe(true);
});

test.each([
  [tokenOf({ typ: "JWT" }), "no algorithm"],
  [tokenOf(["alg"]), "no object"],
  [tokenOf({ alg: "HS256" }).split(".").slice(0, 2).join("."), "two parts"],
  [`${tokenOf({ alg: "HS256" })}.x`, "four parts"],
  [`${tokenOf({ alg: "HS256" })} `, "a space"],
  ["www.example.com", "a host"],
  ["1.2.3", "a version"],
  ["bnVsbA.bnVsbA.x", "null"],
] as const)("%.40s is none: %s", (text) => {
  expect(isJsonWebToken(text)).toBe(false);
});
