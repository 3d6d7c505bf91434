import { expect, test } from "bun:test";
import { messageKey } from "../../src/postgres/records.ts";

test("a UUID is its own key", () => {
  const id = "11d6ee51-4cc7-4302-9e22-7cd8afdaadf5";
  expect(messageKey(id)).toBe(id);
});

test("any other id gets a UUID of version 8 from its SHA-256", () => {
  // sha256("abc") is ba7816bf 8f01 cfea 4141 40de5dae2223…, published in FIPS 180-2, appendix B.1.
  expect(messageKey("abc")).toBe("ba7816bf-8f01-8fea-8141-40de5dae2223");
});

test("ids that differ in case only, or are written as another form of a UUID, keep apart", () => {
  const ids = ["a", "A", "", "11D6EE51-4CC7-4302-9E22-7CD8AFDAADF5", "11d6ee51-4cc7-4302-9e22-7cd8afdaadf5"];
  expect(new Set(ids.map((id) => messageKey(id).toLowerCase())).size).toBe(ids.length);
});
