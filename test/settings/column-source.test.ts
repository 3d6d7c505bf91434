import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type ColumnSource, messageFacts } from "../../src/message/mapping.ts";
import { readSource, writeSource } from "../../src/settings/column-mapping.ts";

describe("readSource", () => {
  test.each([
    ["id", ["id"]],
    ["user.id", ["user", "id"]],
    ["items.0.id", ["items", "0", "id"]],
    ["first name", ["first name"]],
    ["größe.ß", ["größe", "ß"]],
    ['user."a.b".c', ["user", "a.b", "c"]],
    ['"$ref"', ["$ref"]],
    ['"/a"', ["/a"]],
    [String.raw`"say \"x\" \\ \u0041"`, ['say "x" \\ A']],
    ['""', [""]],
    ["a.$b", ["a", "$b"]],
    ['"line_items[0]".sku', ["line_items[0]", "sku"]],
    ["/line_items[0]", ["line_items[0]"]],
    ["a/b", ["a/b"]],
    ["/user/id", ["user", "id"]],
    ["/a.b/c", ["a.b", "c"]],
    ["/a~1b/~0c/~01", ["a/b", "~c", "~1"]],
    ["/$ref", ["$ref"]],
    ["/a//b", ["a", "", "b"]],
  ])("%s is the path %j", (from, path) => {
    expect(readSource(from)).toEqual({ in: "body", path });
  });

  test.each<[string, ColumnSource]>([
    ["$message_id", { in: "message", fact: "message_id" }],
    ["$group_id", { in: "message", fact: "group_id" }],
    ["$attributes.kind", { in: "attributes", name: "kind" }],
    ["$attributes.a.b", { in: "attributes", name: "a.b" }],
  ])("%s is %j", (from, source) => {
    expect(readSource(from)).toEqual(source);
  });

  test.each([
    [".", "must be names with dots between them"],
    ["a.", "must be names with dots between them"],
    [".a", "must be names with dots between them"],
    ["a..b", "must be names with dots between them"],
    [" a", "must be names with dots between them"],
    ["a .b", "must be names with dots between them"],
    ['a"b', "must be names with dots between them"],
    ['"a"b', "must be names with dots between them"],
    ['"a', "must be names with dots between them"],
    [String.raw`"\x"`, "must be names with dots between them"],
    ["/a~b", "must have ~0 for a ~"],
    ["/~", "must have ~0 for a ~"],
    ["/", "must name a field behind the /; the field with an empty name is written '\"\"'"],
    ["line_items[0].sku", "such as line_items.0.sku; a field of that name is written in quotes"],
    ["a[0][1]", "such as a.0.1;"],
    ["$.line_items[0].sku", "must name a field of the body by its path alone, such as line_items.0.sku"],
    ["$body.user.id", "by its path alone, such as user.id"],
    ["$Body.user", "by its path alone, such as user"],
    ["$body", "a field of that name is written /$NAME"],
    ["$sentat", 'found "sentat"; did you mean "$sent_at"?'],
    ["$attributes", 'did you mean "$attributes.NAME"?'],
    ["$attributes.", "names no attribute"],
    ["$zzzzzzz", "a field of that name is written /$NAME"],
  ])("%s is refused", (from, says) => {
    expect(readSource(from)).toContain(says);
  });

  test("every source is read as it was written", () => {
    const name = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'ab.~/$"\\ 0[]') }));
    const source: fc.Arbitrary<ColumnSource> = fc.oneof(
      fc.record({ in: fc.constant("body" as const), path: fc.array(name, { minLength: 1, maxLength: 4 }) }),
      fc.record({ in: fc.constant("message" as const), fact: fc.constantFrom(...messageFacts) }),
      fc.record({ in: fc.constant("attributes" as const), name: fc.string({ minLength: 1 }) }),
      fc.record({ in: fc.constant("constant" as const), value: fc.oneof(fc.string(), fc.boolean()) }),
    );
    fc.assert(fc.property(source, (given) => expect(readSource(writeSource(given))).toEqual(given)));
  });

  test("whatever is written, it is a source or a reason", () => {
    const text = fc.string({ unit: fc.constantFrom(...'ab.~/$"\\ ') });
    fc.assert(
      fc.property(text, (from) => {
        const read = readSource(from);
        if (typeof read === "string") return;
        expect(readSource(writeSource(read))).toEqual(read);
      }),
    );
  });
});
