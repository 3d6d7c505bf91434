import { expect, test } from "bun:test";
import { findFields } from "../../src/setup/fields.ts";
import { personalKind } from "../../src/setup/personal.ts";
import { tokenOf } from "../support/json-web-token.ts";

/** What the first field of the body is taken for. */
function kindOf(body: object): string | undefined {
  const [field] = findFields([body]).fields;
  return field && personalKind(field);
}

const byName: readonly (readonly [object, string])[] = [
  [{ ip: "x" }, "IP address"],
  [{ clientIp: null }, "IP address"],
  [{ remote_addr: "x" }, "IP address"],
  [{ userEmail: "x" }, "e-mail address"],
  [{ phone_number: 4930 }, "phone number"],
  [{ msisdn: "x" }, "phone number"],
  [{ device_id: "x" }, "device or advertising id"],
  [{ device: { id: "x" } }, "device or advertising id"],
  [{ IDFA: "x" }, "device or advertising id"],
  [{ advertisingId: "x" }, "device or advertising id"],
  [{ name: "x" }, "name"],
  [{ user: { name: "x" } }, "name"],
  [{ lastName: "x" }, "name"],
  [{ geo: { lat: 1.5 } }, "precise location"],
  [{ shipping_address: "x" }, "precise location"],
  [{ date_of_birth: "x" }, "identity or payment"],
  [{ password: "x" }, "secret"],
  [{ Nachname: "x" }, "name"],
  [{ cardholder: "x" }, "name"],
  [{ cvv: 123 }, "identity or payment"],
  [{ userAgent: "x" }, "device or advertising id"],
  [{ Kontoinhaber: "x" }, "name"],
  [{ account: { holder: "x" } }, "name"],
  [{ debtorName: "x" }, "name"],
  [{ creditor: { nm: "x" } }, "name"],
  [{ UltmtDbtr: { Nm: "x" } }, "name"],
  [{ debtor: "x" }, "name"],
  [{ creditor: null }, "name"],
  [{ kunde: "x" }, "name"],
  [{ kunde: { name: "x" } }, "name"],
  [{ Kundenname: "x" }, "name"],
  [{ customer: "x" }, "name"],
  [{ customerName: "x" }, "name"],
  [{ user: "x" }, "name"],
  [{ log: [{ user: "x" }] }, "name"],
  [{ users: ["x"] }, "name"],
  [{ createdByUser: "x" }, "name"],
  [{ username: "x" }, "name"],
  [{ konto: 5 }, "identity or payment"],
  [{ kontonummer: 5 }, "identity or payment"],
  [{ account_no: 5 }, "identity or payment"],
  [{ acct: "x" }, "identity or payment"],
  [{ DbtrAcct: { Id: { Othr: { Id: "x" } } } }, "identity or payment"],
  [{ debtor: { iban: "x" } }, "identity or payment"],
  [{ card: "x" }, "identity or payment"],
  [{ creditCard: "x" }, "identity or payment"],
  [{ card: { no: "x" } }, "identity or payment"],
  [{ cardNumber: 5 }, "identity or payment"],
  [{ pan: 5 }, "identity or payment"],
  [{ cvv2: "x" }, "identity or payment"],
  [{ Rufnummer: "x" }, "phone number"],
  [{ handynummer: 1701234567 }, "phone number"],
  [{ nationalNumber: "x" }, "phone number"],
  [{ mobil: "x" }, "phone number"],
];

test.each(byName)("%j is personal by its name", (body, kind) => {
  expect(kindOf(body)).toBe(kind);
});

const byShape: readonly (readonly [object, string])[] = [
  [{ origin: "203.0.113.7" }, "IP address"],
  [{ contact: "ada@example.com" }, "e-mail address"],
  [{ remark: "please write to ada@example.com about it" }, "e-mail address"],
  [{ via: "203.0.113.9, 10.0.0.1" }, "IP address"],
  [{ reach: "+49 30 1234567" }, "phone number"],
  [{ hardware: "490154203237518" }, "device or advertising id"],
  [{ at: "52.5200,13.4050" }, "precise location"],
  [{ reference: "4111 1111 1111 1111" }, "identity or payment"],
  [{ reference: 4111111111111111 }, "identity or payment"],
  [{ reference: "378282246310005" }, "identity or payment"],
  [{ seen: { "4111111111111111": 1 } }, "identity or payment"],
  [{ reference: "de89 3704 0044 0532 0130 00" }, "identity or payment"],
  [{ state: tokenOf({ alg: "RS256" }) }, "secret"],
  [{ peer: "10.1.2.3:443" }, "IP address"],
  [{ peer: "[2001:db8::1]:443" }, "IP address"],
];

test.each(byShape)("%j is personal by its value", (body, kind) => {
  expect(kindOf(body)).toBe(kind);
});

test("one value of a personal shape among many is enough", () => {
  const bodies = [...Array.from({ length: 9 }, () => ({ origin: "web" })), { origin: "203.0.113.7" }];
  const [field] = findFields(bodies).fields;
  expect(field && personalKind(field)).toBe("IP address");
});

test("a card's number is one where no other number of the field is as long and none", () => {
  const kindOfAll = (...values: readonly unknown[]) => {
    const [field] = findFields(values.map((reference) => ({ reference }))).fields;
    return field && personalKind(field);
  };
  expect(kindOfAll("4111111111111111", "5555 5555 5555 4444", null)).toBe("identity or payment");
  expect(kindOfAll("cash", "4111111111111111")).toBe("identity or payment");
  expect(kindOfAll("4111111111111111", "4111111111111112")).toBeUndefined();
  expect(kindOfAll(4111111111111111, 4111111111111112)).toBeUndefined();
  expect(kindOf({ reference: ["4111111111111111", "4111111111111112"] })).toBeUndefined();
  expect(kindOf({ seen: { items: [{ "4111111111111111": 1, "4111111111111112": 1 }] } })).toBeUndefined();
});

test("times in milliseconds, of which one in ten passes a card's check, are no cards", () => {
  for (let index = 0; index < 100; index += 1) {
    expect(kindOf({ at: 1_700_000_000_000 + index })).toBeUndefined();
  }
});

test("what lies inside of a list, an object too deep, or a text of JSON is looked at", () => {
  expect(kindOf({ items: [{ sku: "a" }, { giftFor: { email: "x" } }] })).toBe("e-mail address");
  expect(kindOf({ list: ["a", "203.0.113.7"] })).toBe("IP address");
  expect(kindOf({ a: { b: { c: { d: { e: { phone: "x" } } } } } })).toBe("phone number");
  expect(kindOf({ payload: '{"who":"ada@example.com"}' })).toBe("e-mail address");
});

test.each([
  { user_id: "424cdd21-063a-43a7-b91b-7ca1a833afae" },
  { device_type: "android" },
  { deviceModel: "x" },
  { product_name: "x" },
  { event: { name: "x" } },
  { locale: "DE" },
  { city: "Berlin" },
  { zipped: "x" },
  { app_version: "1.2.3.4" },
  { email_verified: true },
  { total: 12.5 },
  { items: [{ sku: "a" }] },
  { company: "x" },
  { panel: "x" },
  { discard: "x" },
  { card_type: "visa" },
  { card: { brand: "visa" } },
  { kontostand: 12.5 },
  { konto: { typ: "giro" } },
  { acct_status: "open" },
  { account: "123456789012" },
  { debtor: { country: "DE" } },
  { user: 17 },
  { user: { id: 17 } },
  { user_type: "x" },
  { users: [{ id: 17 }] },
  { customer: { id: "x" } },
  { customerId: 5 },
  { kundentyp: "x" },
  { reference: "4111111111111112" },
  { reference: "DE89370400440532013001" },
  { state: tokenOf({ typ: "JWT" }) },
  { time: "12:30:45:123" },
])("%j is not", (body) => {
  expect(kindOf(body)).toBeUndefined();
});
