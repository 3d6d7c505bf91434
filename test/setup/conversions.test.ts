import { expect, test } from "bun:test";
import { compileMapping } from "../../src/message/mapper.ts";
import { createMasker } from "../../src/message/mask.ts";
import { isRefusal } from "../../src/message/message.ts";
import { type Conversion, conversions, conversionsOf } from "../../src/setup/conversions.ts";
import { findFields } from "../../src/setup/fields.ts";
import { messageOf } from "../support/setup-world.ts";

/** The conversions that are proposed for a field of these values, best first. */
function proposed(name: string, ...values: readonly unknown[]): readonly Conversion[] {
  const [field] = findFields(values.map((value) => ({ [name]: value }))).fields;
  return field === undefined ? [] : conversionsOf(field);
}

function labels(name: string, ...values: readonly unknown[]): readonly string[] {
  return proposed(name, ...values).map(({ label }) => label);
}

const masker = createMasker({ defaultMethod: "sha256" });

/** Whether a drain stores the value through the conversion. */
function drains({ type, transforms }: Conversion, value: unknown): boolean {
  const source = { in: "body", path: ["v"] } as const;
  const columns = [{ column: "v", source, type, transforms, required: true }];
  const body = { envelope: "none", encoding: "none" } as const;
  const map = compileMapping(
    { columns, conflict: { action: "reject" } },
    { masker, limits: new Map(), body, now: () => 0 },
  );
  return !isRefusal(map(messageOf({ v: value })));
}

const tricky = [
  "2026-02-03T04:05:06+0000",
  "2026-02-03T04:05:06+00:00",
  "2026-02-03 04:05:06.789z",
  "2026-02-03T04:05Z",
  "2026-02-03T23:59:60Z",
  "2026-02-30",
  "2026-02-03 ",
  "0000-01-01",
  " 424cdd21-063a-43a7-b91b-7ca1a833afae",
  "424CDD21-063a-43a7-b91b-7ca1a833afae",
  "203.0.113.7/24",
  "01.2.3.4",
  "fe80::1%eth0",
  "007",
  "-0",
  "5.",
  "1e3",
  "1.0",
  "9223372036854775808",
  "99999.1.1",
  "2.3",
  "TRUE",
  "true",
  "\u00a0[1]",
  "[1]",
  "",
  "\ud800",
  1.0,
  -7,
  1e300,
  true,
  [1],
  [{ a: 1 }],
];

test("what is recognised in a sample is what a drain reads, value by value", () => {
  for (const value of tricky) {
    const [field] = findFields([{ v: value }]).fields;
    for (const conversion of conversions) {
      const recognised = field?.refusals(conversion.convert) === 0;
      expect([value, conversion.label, recognised]).toEqual([
        value,
        conversion.label,
        drains(conversion, value),
      ]);
    }
    for (const conversion of proposed("v", value)) expect(drains(conversion, value)).toBe(true);
  }
});

test("a time without a colon in its offset is a text, as no drain reads it as a time", () => {
  expect(labels("at", "2026-02-03T04:05:06+0000")).toEqual(["text", "jsonb"]);
  expect(labels("at", "2026-02-03T04:05:06+00:00")[0]).toBe("timestamptz");
});

test("a number is one before it is a version, which has two dots or a name that says so", () => {
  const version = "integer, from a version such as 2.3.1";
  expect(labels("value", "849.90", "1.5")).toEqual(["text", "numeric", "jsonb"]);
  expect(labels("value", "2.3.1", "2.3")).toEqual(["text", version, "jsonb"]);
  expect(labels("app_version", "2.3", "0.96")).toEqual(["text", "numeric", version, "jsonb"]);
  expect(labels("value", "2.3.1", "soon")).toEqual(["text", "jsonb"]);
});

test.each([
  [
    [1, -2147483648],
    ["bigint", "integer", "numeric"],
  ],
  [
    [1, 2147483648],
    ["bigint", "numeric"],
  ],
  [
    ["9223372036854775808", "1"],
    ["text", "numeric"],
  ],
  [[1, 1.5], ["numeric"]],
] as const)("numbers %j can be %j", (values, types) => {
  expect(labels("n", ...values)).toEqual([...types, "jsonb"]);
});

test("a field of several types is one JSON value, unless a column asks for what they have in common", () => {
  expect(labels("n", 5, "5")).toEqual(["jsonb", "numeric", "integer", "bigint"]);
  expect(labels("n", 5, "five")).toEqual(["jsonb"]);
});

test("a field that was always null is a text until a column says otherwise", () => {
  const [first, ...others] = labels("note", null, null);
  expect(first).toBe("text");
  expect(others.toSorted()).toEqual([
    "bigint",
    "boolean",
    "date",
    "inet",
    "integer",
    "jsonb",
    "numeric",
    "timestamptz",
    "uuid",
  ]);
});
