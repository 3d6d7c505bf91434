import { expect, test } from "bun:test";
import fc from "fast-check";
import { type ColumnSource, sourceName } from "../../src/message/mapping.ts";

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
