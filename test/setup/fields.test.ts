import { expect, test } from "bun:test";
import { parseExactJson } from "../../src/message/json.ts";
import { alwaysThere, type Field, findFields, soleType } from "../../src/setup/fields.ts";
import { alikeBodies } from "../../src/setup/outliers.ts";

function read(...texts: string[]): readonly Field[] {
  return findFields(texts.map((text) => parseExactJson(text) as object)).fields;
}

test("fields of nested objects, with their types and how many messages have them", () => {
  const fields = read('{"id":1,"user":{"id":"a"},"tags":[1]}', '{"id":1.5,"user":{"id":null}}');
  expect(fields.map(({ name, types, seen }) => [name, Object.fromEntries(types), seen])).toEqual([
    ["id", { integer: 1, decimal: 1 }, 2],
    ["user.id", { text: 1, null: 1 }, 2],
    ["tags", { array: 1 }, 1],
  ]);
  expect(fields.map(soleType)).toEqual(["decimal", "text", "array"]);
  expect(fields.map((field) => alwaysThere(field, 2))).toEqual([true, false, false]);
});

test("an object whose names are a person's is one value, and no name of it is read", () => {
  const fields = read('{"id":1,"seen":{"ada@example.com":1,"by":{"203.0.113.7":"x"}}}');
  expect(fields.map(({ name }) => name)).toEqual(["id", "seen"]);
  expect([...(fields[1]?.someShapes ?? [])]).toContain("email");
  expect(JSON.stringify(fields)).not.toContain("ada@");
  expect(JSON.stringify(fields)).not.toContain("203.0");
});

test("a body's own name that is a person's is no field, and it is said that there are more", () => {
  const { fields, cut } = findFields([{ id: 1, "ada@example.com": 2, "203.0.113.7": { n: 1 } }]);
  expect(fields.map(({ name }) => name)).toEqual(["id"]);
  expect(cut).toBe(true);
});

test("a number beyond a double's digits has the shapes of all of them", () => {
  expect([...(read('{"a":4000000000000000006}')[0]?.someShapes ?? [])]).toEqual(["integer", "card"]);
});

test("an object of cards is one value, and one of other long numbers has fields", () => {
  const [byCard] = read('{"seen":{"4111111111111111":1,"5555555555554444":2}}');
  expect(byCard?.name).toBe("seen");
  expect(read('{"seen":{"4111111111111111":1,"4111111111111112":2}}').length).toBe(2);
});

test("a shape is the field's where all of its values have it", () => {
  const [version, mixed] = read('{"v":"2.3.1","m":"2026-01-01"}', '{"v":"2.3","m":"soon"}');
  expect([...(version?.allShapes ?? [])]).toEqual(["version"]);
  expect([...(mixed?.allShapes ?? [])]).toEqual([]);
  expect([...(mixed?.someShapes ?? [])]).toEqual(["date"]);
});

test.each([
  [["1", "-2147483648"], "integer"],
  [["1", "2147483648"], "bigint"],
  [["9223372036854775808", "1"], "numeric"],
] as const)("whole numbers %j need %s", (numbers, size) => {
  const [field] = read(...numbers.map((number) => `{"n":${number}}`));
  expect(field?.integers).toBe(size);
});

test("numbers that count the time since 1970", () => {
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

test("a broken message among good ones is set aside", () => {
  const good = { id: 1, name: "x", at: 2 };
  expect(alikeBodies([good, { foo: 1 }, good, { ...good, more: 1 }])).toEqual({
    bodies: [good, good, { ...good, more: 1 }],
    unlike: 1,
  });
  expect(alikeBodies([good, { foo: 1 }]).unlike).toBe(0);
});
