import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { nearestName } from "../../src/text/nearest-name.ts";

const names = [
  "drain",
  "migrate",
  "demo",
  "keys generate",
  "--dry-run",
  "--max-messages",
  "max_messages",
  "url",
];

describe("nearestName", () => {
  test.each([
    ["drian", "drain"],
    ["darin", "drain"],
    ["drai", "drain"],
    ["DRAIN", "drain"],
    ["migarte", "migrate"],
    ["keys genrate", "keys generate"],
    ["--dryrun", "--dry-run"],
    ["--dry_run", "--dry-run"],
    ["--dry", "--dry-run"],
    ["--max-mesages", "--max-messages"],
    ["ulr", "url"],
    ["mig", "migrate"],
  ])("%s was meant to be %s", (typed, name) => {
    expect(nearestName(typed, names)).toBe(name);
  });

  test.each(["", "-", "--", "x", "d", "table", "frobnicate", "constructor", "drain".repeat(13)])(
    "nothing is near %p",
    (typed) => {
      expect(nearestName(typed, names)).toBeUndefined();
    },
  );

  test("every name is nearest to itself, and one swap away from itself still", () => {
    const words = ["drain", "migrate", "demo", "--dry-run", "--queue-url"];
    const swaps = fc.constantFrom(...words).chain((word) =>
      fc.integer({ min: 2, max: word.length - 2 }).map((at) => {
        const letters = [...word];
        [letters[at], letters[at + 1]] = [letters[at + 1] ?? "", letters[at] ?? ""];
        return [word, letters.join("")] as const;
      }),
    );
    for (const word of words) expect(nearestName(word, words)).toBe(word);
    fc.assert(fc.property(swaps, ([word, typed]) => nearestName(typed, words) === word));
  });
});
