import { expect, test } from "bun:test";
import { findFields } from "../../src/setup/fields.ts";
import { personalKind } from "../../src/setup/personal.ts";
import { tokenOf } from "../support/json-web-token.ts";

/** What the first field of the bodies is taken for. */
function kindOf(...bodies: readonly object[]): string | undefined {
  const [field] = findFields(bodies).fields;
  return field && personalKind(field);
}

/** A body with a value at a path of names. */
function bodyOf(path: string, value: unknown): object {
  return path.split(".").reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as object;
}

test.each([
  ["IP address", "ip remote_addr"],
  ["e-mail address", "userEmail"],
  ["phone number", "msisdn Rufnummer nationalNumber mobil"],
  ["device or advertising id", "device_id device.id IDFA advertisingId userAgent"],
  ["name", "name user.name lastName Nachname cardholder Kontoinhaber account.holder debtorName creditor.nm"],
  [
    "name",
    "UltmtDbtr.Nm debtor kunde kunde.name Kundenname customer customerName user createdByUser username",
  ],
  ["precise location", "shipping_address"],
  ["identity or payment", "date_of_birth acct DbtrAcct.Id.Othr.Id debtor.iban card creditCard card.no cvv2"],
  ["secret", "password"],
])("a field is personal (%s) by its name: %s", (kind, paths) => {
  for (const path of paths.split(" ")) expect([path, kindOf(bodyOf(path, "x"))]).toEqual([path, kind]);
});

test.each([
  [{ clientIp: null }, "IP address"],
  [{ phone_number: 4930 }, "phone number"],
  [{ handynummer: 1701234567 }, "phone number"],
  [{ creditor: null }, "name"],
  [{ log: [{ user: "x" }] }, "name"],
  [{ users: ["x"] }, "name"],
  [{ geo: { lat: 1.5 } }, "precise location"],
  [{ cvv: 123 }, "identity or payment"],
  [{ konto: 5 }, "identity or payment"],
  [{ kontonummer: 5 }, "identity or payment"],
  [{ account_no: 5 }, "identity or payment"],
  [{ cardNumber: 5 }, "identity or payment"],
  [{ pan: 5 }, "identity or payment"],
  [{ origin: "203.0.113.7" }, "IP address"],
  [{ via: "203.0.113.9, 10.0.0.1" }, "IP address"],
  [{ peer: "10.1.2.3:443" }, "IP address"],
  [{ peer: "[2001:db8::1]:443" }, "IP address"],
  [{ list: ["a", "203.0.113.7"] }, "IP address"],
  [{ contact: "ada@example.com" }, "e-mail address"],
  [{ remark: "please write to ada@example.com about it" }, "e-mail address"],
  [{ items: [{ sku: "a" }, { giftFor: { email: "x" } }] }, "e-mail address"],
  [{ payload: '{"who":"ada@example.com"}' }, "e-mail address"],
  [{ reach: "+49 30 1234567" }, "phone number"],
  [bodyOf("a.b.c.d.e.phone", "x"), "phone number"],
  [{ hardware: "490154203237518" }, "device or advertising id"],
  [{ at: "52.5200,13.4050" }, "precise location"],
  [{ reference: "4111 1111 1111 1111" }, "identity or payment"],
  [{ reference: 4111111111111111 }, "identity or payment"],
  [{ reference: "378282246310005" }, "identity or payment"],
  [{ seen: { "4111111111111111": 1 } }, "identity or payment"],
  [{ reference: "de89 3704 0044 0532 0130 00" }, "identity or payment"],
  [{ state: tokenOf({ alg: "RS256" }) }, "secret"],
] as const)("%j is personal by its name, or by a value in it: %s", (body, kind) => {
  expect(kindOf(body)).toBe(kind);
});

test("one value of a personal shape among many is enough", () => {
  expect(kindOf(...Array(9).fill({ origin: "web" }), { origin: "203.0.113.7" })).toBe("IP address");
});

test("a card's number is personal unless another number of the field is as long and not a card's", () => {
  const kindOfAll = (...values: readonly unknown[]) => kindOf(...values.map((reference) => ({ reference })));
  expect(kindOfAll("4111111111111111", "5555 5555 5555 4444", null)).toBe("identity or payment");
  expect(kindOfAll("cash", "4111111111111111")).toBe("identity or payment");
  expect(kindOfAll("4111111111111111", "4111111111111112")).toBeUndefined();
  expect(kindOfAll(4111111111111111, 4111111111111112)).toBeUndefined();
  expect(kindOfAll(["4111111111111111", "4111111111111112"])).toBeUndefined();
  expect(kindOf({ seen: { items: [{ "4111111111111111": 1, "4111111111111112": 1 }] } })).toBeUndefined();
});

test("times in milliseconds, of which one in ten passes a card's check, are not cards", () => {
  for (let index = 0; index < 100; index += 1)
    expect(kindOf({ at: 1_700_000_000_000 + index })).toBeUndefined();
});

test.each(
  `device_type deviceModel product_name event.name locale city zipped company panel discard card_type card.brand
  konto.typ acct_status debtor.country user_type customer.id kundentyp`.split(/\s+/),
)("a text called %s is not personal", (path) => {
  expect(kindOf(bodyOf(path, "x"))).toBeUndefined();
});

test.each([
  { user_id: "424cdd21-063a-43a7-b91b-7ca1a833afae" },
  { app_version: "1.2.3.4" },
  { email_verified: true },
  { total: 12.5 },
  { items: [{ sku: "a" }] },
  { kontostand: 12.5 },
  { account: "123456789012" },
  { user: 17 },
  { user: { id: 17 } },
  { users: [{ id: 17 }] },
  { customerId: 5 },
  { reference: "4111111111111112" },
  { reference: "DE89370400440532013001" },
  { state: tokenOf({ typ: "JWT" }) },
  { time: "12:30:45:123" },
])("%j is not personal", (body) => {
  expect(kindOf(body)).toBeUndefined();
});
