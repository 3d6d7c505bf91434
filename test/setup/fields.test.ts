import { expect, test } from "bun:test";
import { parseExactJson } from "../../src/message/json.ts";
import { type Field, findFields } from "../../src/setup/fields.ts";

function read(...texts: string[]): readonly Field[] {
  return findFields(texts.map((text) => parseExactJson(text) as object)).fields;
}

test("the fields of nested objects are found, with their types and how many messages have them", () => {
  const fields = read('{"id":1,"user":{"id":"a"},"tags":[1]}', '{"id":1.5,"user":{"id":null}}');
  expect(fields.map(({ name, types, seen }) => [name, Object.fromEntries(types), seen])).toEqual([
    ["id", { integer: 1, decimal: 1 }, 2],
    ["user.id", { text: 1, null: 1 }, 2],
    ["tags", { array: 1 }, 1],
  ]);
  expect(fields.map(({ soleType }) => soleType)).toEqual(["decimal", "text", "array"]);
  expect(fields.map((field) => field.isInAll(2))).toEqual([true, false, false]);
});

test("an object whose names are personal data is one value, and none of its names is shown", () => {
  const fields = read('{"id":1,"seen":{"ada@example.com":1,"by":{"203.0.113.7":"x"}}}');
  expect(fields.map(({ name }) => name)).toEqual(["id", "seen"]);
  expect([...(fields[1]?.someShapes ?? [])]).toContain("email");
  const names = JSON.stringify(fields.map(({ name, inner }) => ({ name, inner })));
  expect(names).not.toMatch(/ada@|203\.0/);
});

test("a body's own name that is personal data is not a field, and the fields count as cut", () => {
  const { fields, cut } = findFields([{ id: 1, "ada@example.com": 2, "203.0.113.7": { n: 1 } }]);
  expect(fields.map(({ name }) => name)).toEqual(["id"]);
  expect(cut).toBe(true);
});

test("a number with more digits than a double holds has the shapes of all its digits", () => {
  expect(read('{"a":4000000000000000006}')[0]?.someShapes).toEqual(new Set(["card"]));
});

test("an object of cards is one value, and one of other long numbers has fields", () => {
  const [byCard] = read('{"seen":{"4111111111111111":1,"5555555555554444":2}}');
  expect(byCard?.name).toBe("seen");
  expect(read('{"seen":{"4111111111111111":1,"4111111111111112":2}}').length).toBe(2);
});

test("an object that is null, empty or absent in some messages has its fields only; one that is another value elsewhere is one value", () => {
  const card = '{"card":{"last4":"4242","brand":"visa"}}';
  const names = (...texts: string[]) => read(...texts).map(({ name }) => name);
  expect(names('{"card":null}', card, "{}", '{"card":{}}')).toEqual(["card.last4", "card.brand"]);
  expect(names('{"a":{"b":null}}', '{"a":{"b":{"c":1}}}', '{"a":null}')).toEqual(["a.b.c"]);
  expect(names('{"card":"cash"}', card)).toEqual(["card"]);
  expect(names('{"a":{"b":[]}}', '{"a":{"b":{"c":1}}}')).toEqual(["a.b"]);
  expect(names('{"card":null}')).toEqual(["card"]);
  // Personal as its own field would be.
  expect(read('{"to":"x"}', '{"to":{"email":"ada@example.com"}}')[0]?.inner.map(({ name }) => name)).toEqual([
    "to.email",
  ]);
});

test("empty strings are counted", () => {
  expect(read('{"a":""}', '{"a":" "}', '{"a":""}', '{"a":null}')[0]?.empty).toBe(2);
});

test("numbers that count seconds or milliseconds since 1970 are told from others", () => {
  const [seconds, millis, neither] = read(
    '{"a":1700000000,"b":1700000000000,"c":1700000000}',
    '{"a":1700000001,"b":1700000000001,"c":3}',
  );
  expect([seconds?.epoch, millis?.epoch, neither?.epoch]).toEqual(["seconds", "millis", undefined]);
});

test("an object that is a dictionary does not become a field for every key", () => {
  const body = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`key${index}`, 1]));
  const { fields, cut } = findFields([body]);
  expect(fields.length).toBe(200);
  expect(cut).toBe(true);
});
