import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type ColumnMapping,
  type ColumnSource,
  type Mapping,
  sourceName,
  userLogins,
} from "../../src/message/mapping.ts";
import { createMasker } from "../../src/message/mask.ts";
import {
  createTypeOf,
  needsAttributes,
  storedCharacters,
  storedType,
  usesKey,
} from "../../src/message/stored-type.ts";

test.each<[ColumnSource, string]>([
  [{ in: "body", path: ["ip"] }, "ip"],
  [{ in: "body", path: ["user.id"] }, "/user.id"],
  [{ in: "body", path: ["user", "id"] }, "user.id"],
  [{ in: "body", path: ["items", "0", "id"] }, "items.0.id"],
  [{ in: "body", path: ["items", "0", "a.b/c", "m~n"] }, "/items/0/a.b~1c/m~0n"],
  [{ in: "body", path: ["/ip"] }, "/~1ip"],
  [{ in: "body", path: [""] }, "/"],
  [{ in: "body", path: ["$sent_at"] }, "/$sent_at"],
  [{ in: "message", fact: "sent_at" }, "$sent_at"],
  [{ in: "attributes", name: "kind" }, "$attributes.kind"],
  [{ in: "constant", value: "secret" }, "$constant"],
])("%j is %s", (source, name) => {
  expect(sourceName(source)).toBe(name);
});

test("two sources never share a name, and so never a key", () => {
  const name = fc.string({ unit: fc.constantFrom(..."/~$a.01"), maxLength: 4 });
  const source = fc.oneof<fc.Arbitrary<ColumnSource>[]>(
    fc.array(name, { minLength: 1, maxLength: 3 }).map((path) => ({ in: "body", path })),
    name.map((attribute) => ({ in: "attributes", name: attribute })),
  );
  fc.assert(
    fc.property(source, source, (one, other) => {
      expect(sourceName(one) === sourceName(other)).toBe(JSON.stringify(one) === JSON.stringify(other));
    }),
    { numRuns: 5000 },
  );
});

function column(changes: Partial<ColumnMapping>): ColumnMapping {
  return {
    column: "c",
    source: { in: "body", path: ["f"] },
    type: "text",
    transforms: [],
    required: false,
    ...changes,
  };
}

function mapping(...columns: Partial<ColumnMapping>[]): Mapping {
  return { columns: columns.map(column), conflict: { action: "reject" } };
}

const version = (major: number) => ({ kind: "version", bits: [major, 8, 8] }) as const;

describe("storedType", () => {
  test.each<[Partial<ColumnMapping>, string]>([
    [{}, "text"],
    [{ type: "jsonb" }, "jsonb"],
    [{ type: "timestamptz", transforms: [{ kind: "epoch_millis" }] }, "timestamptz"],
    [{ type: "uuid", transforms: [{ kind: "mask" }] }, "text"],
    [{ type: "inet", transforms: [{ kind: "mask", method: "hmac" }] }, "text"],
    [{ type: "bigint", transforms: [{ kind: "mask", method: "redact" }] }, "text"],
    [{ type: "inet", transforms: [{ kind: "mask", method: "truncate" }] }, "inet"],
    [{ transforms: [version(15)] }, "integer"],
    [{ transforms: [version(16)] }, "bigint"],
    [{ type: "bigint", transforms: [version(15)] }, "bigint"],
    [{ type: "numeric", transforms: [version(15)] }, "numeric"],
    [{ type: "integer", transforms: [version(15), { kind: "mask" }] }, "text"],
  ])("%j: %s", (changes, type) => {
    expect(storedType(column(changes))).toBe(type as "text");
  });
});

test("the reference table's types can take what is stored in them", () => {
  const types = userLogins.columns.map((each) => [createTypeOf(each).replace(/\(.*/, ""), storedType(each)]);
  const expected = { varchar: "text", integer: "integer", date: "date" } as Record<string, string>;
  for (const [declared, stored] of types) expect(stored).toBe(expected[declared as string] as "text");
});

test("a column is created as what is stored in it, or as the mapping says", () => {
  expect(createTypeOf(column({ type: "uuid" }))).toBe("uuid");
  expect(createTypeOf(column({ type: "uuid", transforms: [{ kind: "mask" }] }))).toBe("text");
  expect(createTypeOf(column({ createType: "varchar(9)" }))).toBe("varchar(9)");
});

test.each([
  ["hmac", undefined, 78],
  ["sha256", undefined, 64],
  ["sha256", "hmac", 78],
  ["hmac", "sha256", 64],
  ["hmac", "redact", 10],
  ["hmac", "truncate", undefined],
] as const)("by default %s, of the column %p: %p characters", (defaultMethod, method, characters) => {
  expect(storedCharacters(column({}), defaultMethod)).toBeUndefined();
  const masked = column({ transforms: [{ kind: "mask", ...(method === undefined ? {} : { method }) }] });
  expect(storedCharacters(masked, defaultMethod)).toBe(characters);
  if (characters === undefined) return;
  const masker = createMasker({ defaultMethod, key: new Uint8Array(32) });
  expect(masker.forField("f", method === undefined ? {} : { method })("x")).toHaveLength(characters);
});

test("the key is needed if a column is masked with it", () => {
  const [own, byDefault] = [
    mapping({ transforms: [{ kind: "mask", method: "hmac" }] }),
    mapping({ transforms: [{ kind: "mask" }] }),
  ];
  expect(usesKey(userLogins, "hmac")).toBe(true);
  expect(usesKey(userLogins, "sha256")).toBe(false);
  expect(usesKey(own, "sha256")).toBe(true);
  expect(usesKey(byDefault, "hmac")).toBe(true);
  expect(usesKey(mapping({ transforms: [{ kind: "mask", method: "redact" }] }, {}), "hmac")).toBe(false);
});

test("attributes are needed if a column comes from one", () => {
  expect(needsAttributes(userLogins)).toBe(false);
  expect(needsAttributes(mapping({}, { source: { in: "attributes", name: "kind" } }))).toBe(true);
});
