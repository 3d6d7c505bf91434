import { describe, expect, test } from "bun:test";
import { checkMapping } from "../../src/message/column-check.ts";
import { compileMapping } from "../../src/message/mapper.ts";
import { type ColumnMapping, type Mapping, userLogins } from "../../src/message/mapping.ts";
import { createMasker } from "../../src/message/transforms/mask.ts";

function mapping(changes: Partial<ColumnMapping>): Mapping {
  const source = { in: "body", path: ["f"] } as const;
  const column = { column: "c", source, type: "text", transforms: [], required: false, ...changes } as const;
  return { columns: [...userLogins.columns, column], conflict: { action: "reject" } };
}

function compile(changes: Partial<ColumnMapping>) {
  const body = { envelope: "none", encoding: "none" } as const;
  const masker = createMasker({ defaultMethod: "sha256" });
  return compileMapping(mapping(changes), { masker, limits: new Map(), body, now: () => 0 });
}

const sentAt = { in: "message", fact: "sent_at" } as const;
const version = (...bits: [number, number, number]) => ({ kind: "version", bits }) as const;

const refused: [string, Partial<ColumnMapping>][] = [
  ["an empty path", { source: { in: "body", path: [] } }],
  ["a default where a value is required", { required: true, default: "x" }],
  ["a default of a time that is always there", { source: sentAt, type: "date", default: "2024-01-01" }],
  ["a time as a text", { source: sentAt }],
  ["a time as a number", { source: sentAt, type: "bigint" }],
  ["a time as a masked text", { source: sentAt, transforms: [{ kind: "mask" }] }],
  ["seconds as a number", { type: "integer", transforms: [{ kind: "epoch_seconds" }] }],
  ["seconds of a time", { source: sentAt, type: "date", transforms: [{ kind: "epoch_seconds" }] }],
  [
    "seconds of milliseconds",
    { type: "date", transforms: [{ kind: "epoch_millis" }, { kind: "epoch_seconds" }] },
  ],
  ["a version as a time", { type: "date", transforms: [version(15, 8, 8)] }],
  ["a lower-case version", { transforms: [version(15, 8, 8), { kind: "lowercase" }] }],
  ["a version too wide for an integer", { type: "integer", transforms: [version(16, 8, 8)] }],
  ["a version too wide for a bigint", { transforms: [version(32, 16, 16)] }],
  ["a version's part without a bit", { transforms: [version(31, 0, 0)] }],
  ["a version's part with half a bit", { transforms: [version(15.5, 8, 7.5)] }],
  ["a transform behind the mask", { transforms: [{ kind: "mask" }, { kind: "trim" }] }],
  ["two masks", { transforms: [{ kind: "mask" }, { kind: "mask" }] }],
  ["the network of a number", { type: "bigint", transforms: [{ kind: "mask", method: "truncate" }] }],
  ["a number as an address", { type: "bigint", transforms: [{ kind: "mask", canonical: "ip" }] }],
];
const unfit = expect.objectContaining({
  name: "EtlError",
  kind: "config",
  message: expect.stringMatching(/^column c: /),
  hint: expect.any(String),
});

describe("checkMapping", () => {
  test.each(refused)("refuses %s", (_name, changes) => {
    expect(() => checkMapping(mapping(changes))).toThrow(unfit);
    expect(() => compile(changes)).toThrow(unfit);
  });

  test.each<[string, Partial<ColumnMapping>]>([
    ["the widest integer version", { type: "integer", transforms: [version(11, 10, 10)] }],
    ["the widest version", { transforms: [version(31, 16, 16)] }],
    ["a masked version", { transforms: [version(15, 8, 8), { kind: "mask" }] }],
    ["a masked time", { source: sentAt, type: "timestamptz", transforms: [{ kind: "mask" }] }],
    [
      "an address's network",
      { type: "inet", transforms: [{ kind: "trim" }, { kind: "mask", method: "truncate" }] },
    ],
    ["a count of seconds", { type: "date", transforms: [{ kind: "json" }, { kind: "epoch_seconds" }] }],
  ])("takes %s", (_name, changes) => {
    expect(() => compile(changes)).not.toThrow();
  });
});

describe("what is written into the mapping must fit, too", () => {
  test.each<[string, Partial<ColumnMapping>]>([
    ["a constant number as a text", { source: { in: "constant", value: 5 } }],
    ["a constant text as a number", { source: { in: "constant", value: "secret" }, type: "integer" }],
    ["a default fraction as an integer", { default: 1.5, type: "integer" }],
    ["a default that is no version", { default: "secret", transforms: [version(15, 8, 8)] }],
  ])("%s", (_name, changes) => {
    expect(() => compile(changes)).toThrow(unfit);
    expect(() => compile(changes)).not.toThrow("secret");
  });

  test("an encoding inside of EventBridge's envelope", () => {
    const parts = { masker: createMasker({ defaultMethod: "sha256" }), limits: new Map(), now: () => 0 };
    const body = { envelope: "eventbridge", encoding: "base64" } as const;
    expect(() => compileMapping(userLogins, { ...parts, body })).toThrow(
      expect.objectContaining({ name: "EtlError", kind: "config" }),
    );
  });
});
