import { expect, test } from "bun:test";
import { isRefusal } from "../../src/message/rejection.ts";
import type { Masked, Plain, Row } from "../../src/message/row.ts";
import { createMasker } from "../../src/message/transforms/mask.ts";

// The type check of the tests is the test here: each marked line must be refused by the compiler.
test("a raw text cannot be put into a row", () => {
  const raw: string = "199.172.111.135";
  const masked = createMasker({ defaultMethod: "sha256" }).forField("ip")(raw);
  if (isRefusal(masked)) throw new Error(masked.reason);
  const plain = "2024-06-30" as Plain;
  const row: Row = [masked, plain, null];

  // @ts-expect-error a raw text is no cell
  const leaking: Row = [raw];
  // @ts-expect-error a raw text is not masked
  const unmasked: Masked = raw;
  // @ts-expect-error what may be stored as it is has not been masked
  const plainAsMasked: Masked = plain;

  expect([row, leaking, unmasked, plainAsMasked]).toHaveLength(4);
});
