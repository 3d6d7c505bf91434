import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { columnTypes, encodings, envelopes, maskMethods, userLogins } from "../../src/message/mapping.ts";
import { readColumn } from "../../src/settings/column-mapping.ts";
import type { FileColumn } from "../../src/settings/column-schema.ts";
import type { FileSettings } from "../../src/settings/setting-table.ts";
import { parseSettings, readSettingsFile } from "../../src/settings/settings-file.ts";
import { exampleToml, settingsToml } from "../../src/settings/settings-toml.ts";
import { readMapping } from "../../src/settings/table-mapping.ts";

const text = fc.string({
  unit: fc.constantFrom(..."aZ0 .'#=[]{}/\"\\\n\t\u0000\u007fé\u{1f389}"),
  minLength: 1,
});
const path = fc
  .array(fc.stringMatching(/^[a-z]{1,5}$/), { minLength: 1, maxLength: 3 })
  .map((names) => names.join("."));
const scalar = fc.oneof(
  text,
  fc.boolean(),
  fc.maxSafeInteger(),
  fc.double({ noDefaultInfinity: true, noNaN: true, max: 1e9, min: -1e9 }).map((value) => value || 0),
);

function some<Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> {
  return fc.option(value, { nil: undefined });
}

/** Entries that go together; whether any parts do is told by the reader itself. */
const column: fc.Arbitrary<FileColumn> = fc
  .record(
    {
      name: fc.stringMatching(/^[a-z"' .\\é]{1,12}$/),
      from: fc.oneof(
        path,
        fc.constantFrom("$sent_at", "$group_id", "/a~1b/c", "$attributes.a.b"),
        fc.record({ constant: scalar }),
      ),
      type: fc.constantFrom(...columnTypes),
      transform: fc.oneof(
        fc.constantFrom("trim" as const, "version" as const, "mask" as const),
        fc.subarray(["trim", "lowercase", "json", "mask"] as const, { minLength: 1 }),
      ),
      version_bits: fc.constant<[number, number, number]>([15, 8, 8]),
      required: fc.boolean(),
      default: scalar,
      mask: fc.constantFrom(...maskMethods),
    },
    { requiredKeys: ["name", "from"] },
  )
  .filter((entry) => "column" in readColumn(entry as FileColumn)) as fc.Arbitrary<FileColumn>;

const settings: fc.Arbitrary<FileSettings> = fc.record({
  queue: some(
    fc.record({
      url: text,
      region: some(text),
      envelope: some(fc.constantFrom(...envelopes)),
      encoding: some(fc.constantFrom(...encodings)),
      extended_payloads: some(fc.boolean()),
    }),
  ),
  database: some(
    fc.record({
      host: text,
      port: some(fc.integer({ min: 1, max: 65_535 })),
      password: some(fc.constantFrom("env:PGPASS", "file:a b.txt")),
      schema: some(text),
    }),
  ),
  mask: some(fc.record({ algorithm: fc.constantFrom("hmac-sha256", "sha256"), key_file: some(text) })),
  table: some(
    fc.record({
      name: text,
      conflict: some(fc.constantFrom("reject", "ignore")),
      columns: some(fc.uniqueArray(column, { selector: ({ name }) => name, minLength: 1, maxLength: 5 })),
    }),
  ),
  drain: some(
    fc.record({
      batch_size: fc.integer({ min: 1, max: 10_000 }),
      wait_seconds: some(fc.integer({ min: 0, max: 20 })),
    }),
  ),
  rejects: some(fc.record({ action: fc.constantFrom("leave", "dead-letter"), dead_letter_url: some(text) })),
  log: some(fc.record({ format: fc.constantFrom("text", "json"), quiet: some(fc.boolean()) })),
}) as fc.Arbitrary<FileSettings>;

describe("settingsToml", () => {
  test("writes what is read again as it was", () => {
    fc.assert(
      fc.property(settings, (given) => {
        expect(parseSettings("etl.toml", settingsToml(given))).toEqual(given);
      }),
      { numRuns: 100 },
    );
  });

  test("writes nothing but comments and headers for nothing, and tables without keys are nothing", () => {
    const lines = settingsToml({ queue: {} }).split("\n");
    expect(lines.filter((line) => !/^(#.*|\[\w+\]|)$/.test(line))).toEqual([]);
    expect(parseSettings("etl.toml", lines.join("\n"))).toEqual({});
  });

  test("gives an example of each key that is not set, which is right as it stands", () => {
    const alternatives =
      /^#(password|password_file|host|port|name|user|key|newest_by|preset|from|required) =/;
    const empty = settingsToml({});
    const examples = empty.split("\n").filter((line) => /^#\w+ = /.test(line) && !alternatives.test(line));
    expect(examples.length).toBeGreaterThan(20);
    for (const example of examples) {
      const settings = parseSettings("etl.toml", empty.replace(example, example.slice(1)));
      expect(Object.values(settings)).toHaveLength(1);
    }
  });
});

describe("the example", () => {
  const example = exampleToml();

  test("spells the preset out, but for the lengths that its columns are created with", () => {
    const { mapping } = readSettingsFile("etl.toml", () => ({ text: example, openToOthers: true }));
    const columns = userLogins.columns.map(({ createType: _, ...rest }) => rest);
    expect(mapping).toEqual({ ...userLogins, columns });
  });

  test("shows another job as comments, which is right by itself", () => {
    const [, other = ""] = example.split("In place of the same tables above:\n");
    const settings = parseSettings("etl.toml", other.replaceAll(/^#/gm, ""));
    expect(settings.queue).toEqual({ envelope: "sns" });
    expect(readMapping(settings.table)).toMatchObject({
      mapping: { conflict: { action: "update", key: ["order_id"], newestBy: "changed_at" } },
    });
  });

  test("fits a terminal that is not wide", () => {
    expect(example.split("\n").filter((line) => line.length > 120)).toEqual([]);
  });
});
