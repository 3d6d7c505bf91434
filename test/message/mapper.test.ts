import { describe, expect, test } from "bun:test";
import { FieldTally } from "../../src/message/fields.ts";
import { compileMapping } from "../../src/message/mapper.ts";
import {
  type BodyFormat,
  type ColumnMapping,
  type Mapping,
  type UnmappedAction,
  userLogins,
} from "../../src/message/mapping.ts";
import { createMasker } from "../../src/message/mask.ts";
import {
  isRefusal,
  type Masked,
  type Message,
  type Plain,
  type RejectionReason,
  type Row,
} from "../../src/message/message.ts";

const masker = createMasker({ defaultMethod: "hmac", key: new Uint8Array(32).fill(7) });

function compiled(columns: readonly ColumnMapping[], encoding: BodyFormat["encoding"] = "none") {
  const body = { envelope: "none", encoding } as const;
  return compileMapping(
    { columns, conflict: { action: "reject" } },
    { masker, limits: new Map(), body, now: () => 0 },
  );
}

const mapLogin = compiled(userLogins.columns);

/** A column that takes the field `f` as a text unless the changes say otherwise. */
function columnOf(changes: Partial<ColumnMapping>): ColumnMapping {
  const source = { in: "body", path: ["f"] } as const;
  return { column: "c", source, type: "text", transforms: [], required: false, ...changes };
}

const login = {
  user_id: "5d1c9a52-0b1f-4a53-9e67-0f4d6f1f8a10",
  app_version: "2.3.0",
  device_type: "android",
  ip: "199.172.111.135",
  locale: "RU",
  device_id: "593-47-5928",
};
const ref = {
  messageId: "m-1",
  receiptHandle: "r-1",
  sentAtMillis: Date.UTC(2024, 5, 30, 23, 59),
  receiveCount: 2,
};
const messageOf = (body: string): Message => ({ ...ref, body, bodyIntact: true });
const mapped = (changes: object) => mapLogin(messageOf(JSON.stringify({ ...login, ...changes })));

describe("a login event", () => {
  const maskedIp = masker.forField("ip", { canonical: "ip" })(login.ip) as string;
  const maskedDevice = masker.forField("device_id")(login.device_id) as string;

  test("becomes a row in the mapping's order", () => {
    expect(mapped({}) as object).toEqual({
      ref,
      rows: [[login.user_id, "android", maskedIp, maskedDevice, "RU", "131840", "2024-06-30"]],
    });
  });

  test("keeps nothing of the message but what settles it", () => {
    const outcome = mapped({ padding: "x".repeat(1_048_576) }) as { ref: object };
    expect(outcome.ref).toStrictEqual(ref);
    expect(JSON.stringify(outcome).length).toBeLessThan(500);
  });

  test("may have no locale", () => {
    for (const locale of [null, undefined]) expect(mapped({ locale })).toHaveProperty("rows.0.4", null);
  });

  test("is loaded with its user id as it is", () => {
    const ids = ["<&>\"'", "\u2028\u2029", "😀 日本", "'; drop table user_logins; --", "\u001b[2J", ""];
    for (const user_id of ids) expect(mapped({ user_id })).toHaveProperty("rows.0.0", user_id);
  });

  test("may have any further fields", () => {
    const deep = "[".repeat(10_000) + "]".repeat(10_000);
    const body = `{"deep":${deep},"__proto__":{"ip":7},"a":"\\u0000","b":"\\ud800",${JSON.stringify(login).slice(1)}`;
    expect(mapLogin(messageOf(body))).toHaveProperty("rows.0.2", maskedIp);
  });

  test("joins with one whose address is written in another way", () => {
    expect(mapped({ ip: "::ffff:199.172.111.135" })).toHaveProperty("rows.0.2", maskedIp);
  });
});

describe("a message that is not a login event", () => {
  test.each<[RejectionReason, ...object[]]>([
    ["field_missing", { user_id: undefined }, { ip: undefined }, { app_version: undefined }],
    ["field_null", { device_type: null }, { device_id: null }, { app_version: null }],
    ["field_not_text", { user_id: 7 }, { locale: false }, { ip: { ip: "1.2.3.4" } }, { device_id: ["1"] }],
    ["version_not_text", { app_version: 2.3 }, { app_version: {} }],
    ["version_not_numeric", { app_version: "2.3b" }],
    ["version_too_many_parts", { app_version: "1.2.3.4" }],
    ["text_nul", { locale: "R\u0000" }, { ip: "\u0000" }, { app_version: "1\u0000" }],
    ["text_lone_surrogate", { user_id: "\ud800" }, { device_id: "\udc00" }],
  ])("%s: %j", (reason, ...changes) => {
    for (const each of changes)
      expect(mapped(each)).toStrictEqual({ messageId: "m-1", reason, path: Object.keys(each).join() });
  });

  test("with two faults: the first column's is told", () => {
    expect(mapped({ app_version: 1, ip: 1 })).toMatchObject({ reason: "field_not_text", path: "ip" });
  });

  test.each([
    ["", "body_not_json"],
    ["[]", "body_not_object"],
    ['{"__proto__":{"user_id":"a"}}', "nothing_mapped"],
    ['{"user_id":"a"}', "field_missing"],
  ])("the body %j", (body, reason) => {
    expect(mapLogin(messageOf(body))).toMatchObject({ messageId: "m-1", reason });
  });

  test("a body that was damaged on its way", () => {
    const damaged = { ...messageOf(JSON.stringify(login)), bodyIntact: false };
    expect(mapLogin(damaged)).toStrictEqual({ messageId: "m-1", reason: "body_md5_mismatch", path: "" });
  });
});

describe("a mapping", () => {
  test("may name a field __proto__", () => {
    const map = compiled([columnOf({ source: { in: "body", path: ["__proto__"] }, required: true })]);
    expect(map(messageOf('{"__proto__":"x"}'))).toHaveProperty("rows.0", ["x"]);
    expect(map(messageOf("{}"))).toHaveProperty("reason", "nothing_mapped");
  });

  test("reads bodies as the settings say", () => {
    const map = compiled(userLogins.columns, "base64");
    expect(map(messageOf(btoa(JSON.stringify(login))))).toHaveProperty("rows.0.0", login.user_id);
    expect(map(messageOf(JSON.stringify(login)))).toHaveProperty("reason", "body_not_base64");
  });

  test("does not believe a queue that sends no time, whether the time is stored or not", () => {
    const unsent = { ...messageOf('{"f":"x"}'), sentAtMillis: Number.NaN };
    expect(() => compiled([columnOf({})])(unsent)).toThrow(expect.objectContaining({ kind: "protocol" }));
  });

  test.each(["integer", "bigint", "numeric", "jsonb"] as const)(
    "keeps the digits of a column of %s",
    (type) => {
      const map = compiled([columnOf({ type })]);
      const huge = "7".repeat(30);
      const isInteger = type === "integer" || type === "bigint";
      expect(map(messageOf('{"f":7}'))).toHaveProperty("rows.0", ["7"]);
      if (isInteger) expect(map(messageOf(`{"f":${huge}}`))).toHaveProperty("reason", "integer_out_of_range");
      else expect(map(messageOf(`{"f":${huge}}`))).toHaveProperty("rows.0", [huge]);
    },
  );
});

describe("a body that has none of the fields that columns take", () => {
  const f = columnOf({});
  const deep = columnOf({ source: { in: "body", path: ["a", "b"] } });
  const rejection = { messageId: "m-1", reason: "nothing_mapped", path: "", fields: ["x"] } as const;

  test.each<[string, readonly ColumnMapping[], body: string, isRejected: boolean]>([
    ["is rejected", [f, deep], '{"x":1}', true],
    ["is rejected, whatever defaults there are", [columnOf({ default: "d" })], '{"x":1}', true],
    ["is rejected though something else requires it", [columnOf({ required: true })], '{"x":1}', true],
    ["is rejected though it has an object on the way", [deep], '{"a":{"c":1}}', true],
    [
      "is rejected though there are other sources",
      [f, columnOf({ source: { in: "message", fact: "message_id" } })],
      '{"x":1}',
      true,
    ],
    ["is none if one field is there", [f, deep], '{"a":{"b":"x"}}', false],
    ["is none if one field is null", [f, deep], '{"f":null}', false],
    [
      "is none if nothing is taken of bodies",
      [columnOf({ source: { in: "constant", value: "c" } })],
      '{"x":1}',
      false,
    ],
  ])("%s", (_, columns, body, isRejected) => {
    const outcome = compiled(columns)(messageOf(body));
    if (isRejected) expect(outcome).toEqual({ ...rejection, fields: Object.keys(JSON.parse(body)) });
    else expect(outcome).toHaveProperty("rows");
  });

  test("is told from one whose field has no room for the value: that reason comes first", () => {
    expect(compiled([deep])(messageOf('{"a":"text"}'))).toHaveProperty("reason", "field_not_reachable");
  });

  test("says what it looks like", () => {
    const body = { Type: "Notification", MessageId: "m", TopicArn: "t", Message: "{}" };
    expect(compiled([f])(messageOf(JSON.stringify(body)))).toMatchObject({ looksLike: "sns" });
  });
});

describe("a mapping that counts fields", () => {
  const mapping: Mapping = {
    columns: [
      columnOf({ column: "a" }),
      columnOf({ column: "b" }),
      columnOf({ column: "c", source: { in: "body", path: ["g"] } }),
      columnOf({ column: "d", source: { in: "attributes", name: "kind" } }),
      columnOf({ column: "e", source: { in: "message", fact: "group_id" } }),
    ],
    conflict: { action: "reject" },
  };
  const counted = (unmapped: UnmappedAction | undefined, ...bodies: readonly string[]) => {
    const fields = new FieldTally(mapping);
    const map = compileMapping(
      { ...mapping, ...(unmapped && { unmapped }) },
      { masker, limits: new Map(), body: { envelope: "none", encoding: "none" }, now: () => 0, fields },
    );
    return { outcomes: bodies.map((body) => map(messageOf(body))), ...fields.counts };
  };

  test("counts them of messages that become rows alone, a source of two columns once", () => {
    const { mapped, absent, unmapped } = counted(
      undefined,
      '{"f":"x","y":1}',
      '{"g":"x"}',
      '{"f":5,"y":1}',
      '{"y":1}',
    );
    expect({ mapped, absent, unmapped }).toEqual({
      mapped: 2,
      absent: { f: 1, g: 1, "$attributes.kind": 2, $group_id: 2 },
      unmapped: { y: 1 },
    });
  });

  test("rejects a message with a field that no column takes, if it is to, and names the field", () => {
    const { outcomes, mapped } = counted(
      "reject",
      '{"f":"x","y":1}',
      '{"f":"x","ann@example.com":1}',
      '{"f":"x"}',
    );
    expect(outcomes).toMatchObject([
      { reason: "field_unmapped", path: "y" },
      { reason: "field_unmapped", path: "", otherFields: 1 },
      { rows: [["x", "x", null, null, null]] },
    ]);
    expect(mapped).toBe(1);
  });

  test("does not count what no column takes if that is to be ignored", () => {
    expect(counted("ignore", '{"f":"x","y":1}')).toMatchObject({ mapped: 1, unmapped: {} });
  });
});

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
  ["a constant number as a text", { source: { in: "constant", value: 5 } }],
  ["a constant text as a number", { source: { in: "constant", value: "secret" }, type: "integer" }],
  ["a default fraction as an integer", { default: 1.5, type: "integer" }],
  ["a default that is no version", { default: "secret", transforms: [version(15, 8, 8)] }],
  ["a number as an address", { type: "bigint", transforms: [{ kind: "mask", canonical: "ip" }] }],
];

function unfit(changes: Partial<ColumnMapping>): void {
  const compile = () => compiled([...userLogins.columns, columnOf(changes)]);
  expect(compile).toThrow(
    expect.objectContaining({
      name: "EtlError",
      kind: "config",
      message: expect.stringMatching(/^column c: /),
      hint: expect.any(String),
    }),
  );
  expect(compile).not.toThrow("secret");
}

describe("compileMapping", () => {
  test.each(refused)("refuses %s", (_name, changes) => unfit(changes));

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
    expect(() => compiled([columnOf(changes)])).not.toThrow();
  });
});

// The type check of the tests is the test here: each marked line must be refused by the compiler.
test("a raw text cannot be put into a row", () => {
  const raw: string = "199.172.111.135";
  const masked = masker.forField("ip")(raw);
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
