import { expect, test } from "bun:test";
import { columnKind } from "../../src/pipeline/column-kind.ts";
import { userLogins } from "../../src/pipeline/mapping.ts";

test("the reference table's types can take what its transforms make", () => {
  const kinds = userLogins.map(({ createType, transform }) => [
    createType.replace(/\(.*/, ""),
    columnKind(transform),
  ]);
  const expected = { varchar: "text", integer: "integer", date: "date" } as Record<string, string>;
  for (const [type, kind] of kinds) expect(kind).toBe(expected[type as string] as "text");
});
