import { describe, expect, test } from "bun:test";
import { compileMapping } from "../../src/message/mapper.ts";
import { type ColumnMapping, type Mapping, userLogins } from "../../src/message/mapping.ts";
import type { Message } from "../../src/message/message.ts";
import type { RejectionReason } from "../../src/message/rejection.ts";
import type { ColumnLimits } from "../../src/message/row.ts";
import { createMasker, pseudonymCharacters } from "../../src/message/transforms/mask.ts";

const masker = createMasker({ defaultMethod: "hmac", key: new Uint8Array(32).fill(7) });
const unlimited: ColumnLimits = new Map();
const mapLogin = compiled(userLogins);

function compiled(mapping: Mapping, limits = unlimited) {
  const body = { envelope: "none", encoding: "none" } as const;
  return compileMapping(mapping, { masker, limits, body, now: () => 0 });
}

const login = {
  user_id: "5d1c9a52-0b1f-4a53-9e67-0f4d6f1f8a10",
  app_version: "2.3.0",
  device_type: "android",
  ip: "199.172.111.135",
  locale: "RU",
  device_id: "593-47-5928",
};

function messageOf(body: string): Message {
  return {
    messageId: "m-1",
    receiptHandle: "r-1",
    sentAtMillis: Date.UTC(2024, 5, 30, 23, 59),
    receiveCount: 2,
    body,
    bodyIntact: true,
  };
}

function mapped(changes: object, map = mapLogin) {
  return map(messageOf(JSON.stringify({ ...login, ...changes })));
}

/** The mapping of one text column, changed as asked. */
function oneColumn(changes: Partial<ColumnMapping>): Mapping {
  const source = { in: "body", path: ["f"] } as const;
  const column = { column: "c", source, type: "text", transforms: [], required: false, ...changes } as const;
  return { columns: [column], conflict: { action: "reject" } };
}

const ref = {
  messageId: "m-1",
  receiptHandle: "r-1",
  sentAtMillis: Date.UTC(2024, 5, 30, 23, 59),
  receiveCount: 2,
};

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

  test.each([
    ["null", { locale: null }],
    ["absent", { locale: undefined }],
  ])("has no locale: %s", (_name, changes) => {
    expect(mapped(changes)).toHaveProperty("rows.0.4", null);
  });

  test.each([
    ["<&>\"'"],
    ["\u2028\u2029"],
    ["😀 日本"],
    ["'; drop table user_logins; --"],
    ["\u001b[2J"],
    [""],
  ])("is loaded with the user id %j as it is", (user_id) => {
    expect(mapped({ user_id })).toHaveProperty("rows.0.0", user_id);
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

describe("a message that is no login event", () => {
  const cases: [string, object, RejectionReason, string][] = [
    ["a missing field", { user_id: undefined }, "field_missing", "user_id"],
    ["a missing masked field", { ip: undefined }, "field_missing", "ip"],
    ["a missing version", { app_version: undefined }, "field_missing", "app_version"],
    ["a null", { device_type: null }, "field_null", "device_type"],
    ["a null masked field", { device_id: null }, "field_null", "device_id"],
    ["a null version", { app_version: null }, "field_null", "app_version"],
    ["a number", { user_id: 7 }, "field_not_text", "user_id"],
    ["a boolean", { locale: false }, "field_not_text", "locale"],
    ["an object", { ip: { ip: "1.2.3.4" } }, "field_not_text", "ip"],
    ["an array", { device_id: ["1"] }, "field_not_text", "device_id"],
    ["a version that is a number", { app_version: 2.3 }, "version_not_text", "app_version"],
    ["a version that is an object", { app_version: {} }, "version_not_text", "app_version"],
    ["a version with a letter", { app_version: "2.3b" }, "version_not_numeric", "app_version"],
    ["a version with a fourth part", { app_version: "1.2.3.4" }, "version_too_many_parts", "app_version"],
    ["U+0000", { locale: "R\u0000" }, "text_nul", "locale"],
    ["U+0000 in a masked field", { ip: "\u0000" }, "text_nul", "ip"],
    ["U+0000 in a version", { app_version: "1\u0000" }, "text_nul", "app_version"],
    ["a lone surrogate", { user_id: "\ud800" }, "text_lone_surrogate", "user_id"],
    ["a lone surrogate in a masked field", { device_id: "\udc00" }, "text_lone_surrogate", "device_id"],
    ["two faults: the first column's is told", { app_version: 1, ip: 1 }, "field_not_text", "ip"],
  ];
  test.each(cases)("%s", (_name, changes, reason, path) => {
    expect(mapped(changes)).toStrictEqual({ messageId: "m-1", reason, path });
  });

  test.each([
    ["", "body_not_json"],
    ["[]", "body_not_object"],
    ['{"__proto__":{"user_id":"a"}}', "field_missing"],
  ])("the body %j", (body, reason) => {
    expect(mapLogin(messageOf(body))).toMatchObject({ messageId: "m-1", reason });
  });

  test("a body that was damaged on its way", () => {
    const damaged = { ...messageOf(JSON.stringify(login)), bodyIntact: false };
    expect(mapLogin(damaged)).toStrictEqual({ messageId: "m-1", reason: "body_md5_mismatch", path: "" });
  });
});

describe("the live table's limits", () => {
  const limits = (maxCharacters: number, nullable = true): ColumnLimits =>
    new Map([["c", { maxCharacters, nullable }]]);

  test.each([
    ["RU", 2, true],
    ["RUS", 2, false],
    ["😀😀", 2, true],
    ["😀😀😀", 2, false],
  ])("%j in %d characters: %p", (f, max, fits) => {
    const outcome = mapped({ f }, compiled(oneColumn({}), limits(max)));
    if (fits) expect(outcome).toHaveProperty("rows.0", [f]);
    else expect(outcome).toStrictEqual({ messageId: "m-1", reason: "text_too_long", path: "f", column: "c" });
  });

  test("hold for the pseudonym, not for the value", () => {
    const f = "x".repeat(1000);
    const mask = oneColumn({ transforms: [{ kind: "mask" }] });
    expect(mapped({ f }, compiled(mask, limits(pseudonymCharacters.hmac)))).toHaveProperty("rows.0");
    expect(mapped({ f: "" }, compiled(mask, limits(pseudonymCharacters.hmac - 1)))).toMatchObject({
      reason: "text_too_long",
      column: "c",
    });
  });

  test("a column that takes no null refuses one, present or absent", () => {
    const map = compiled(oneColumn({}), new Map([["c", { nullable: false }]]));
    const refused = { messageId: "m-1", reason: "null_not_allowed", path: "f", column: "c" };
    expect(mapped({ f: null }, map)).toStrictEqual(refused as never);
    expect(mapped({}, map)).toStrictEqual(refused as never);
    expect(mapped({ f: "x".repeat(1_000_000) }, map)).toHaveProperty("rows.0");
  });

  test("a required field's own reason comes first", () => {
    const map = compiled(oneColumn({ required: true }), limits(1, false));
    expect(mapped({}, map)).toStrictEqual({ messageId: "m-1", reason: "field_missing", path: "f" });
    expect(mapped({ f: 12 }, map)).toStrictEqual({ messageId: "m-1", reason: "field_not_text", path: "f" });
  });

  test.each([
    ["numeric", 1.25, 2, undefined],
    ["numeric", 1.25, 1, "number_too_precise"],
    ["numeric", "1.2500", 2, undefined],
    ["numeric", "125e-3", 2, "number_too_precise"],
    ["numeric", "1500e-2", 0, undefined],
    ["numeric", "0e-9", 0, undefined],
    ["timestamptz", "2024-01-01T00:00:00.120Z", 2, undefined],
    ["timestamptz", "2024-01-01T00:00:00.123Z", 2, "time_too_precise"],
    ["timestamptz", "2024-01-01T00:00:00Z", 0, undefined],
    ["text", "0.123", 0, undefined],
  ] as const)("%s %p in %d digits after the point: %p", (type, f, maxFractionDigits, reason) => {
    const outcome = mapped(
      { f },
      compiled(oneColumn({ type }), new Map([["c", { nullable: true, maxFractionDigits }]])),
    );
    if (reason === undefined) expect(outcome).toHaveProperty("rows.0");
    else expect(outcome).toStrictEqual({ messageId: "m-1", reason, path: "f", column: "c" });
  });

  test("are looked up by column, not by field", () => {
    const map = compiled(oneColumn({}), new Map([["f", { maxCharacters: 1, nullable: false }]]));
    expect(mapped({ f: "long" }, map)).toHaveProperty("rows.0", ["long"]);
  });
});

describe("compileMapping", () => {
  test("equal fields mask alike whatever their column is called", () => {
    const [one, other] = ["a", "b"].map((column) =>
      mapped({ f: "x" }, compiled(oneColumn({ column, transforms: [{ kind: "mask" }] }))),
    );
    expect(one).toEqual(other as NonNullable<typeof one>);
  });

  test("a field may be called __proto__", () => {
    const map = compiled(oneColumn({ source: { in: "body", path: ["__proto__"] }, required: true }));
    expect(map(messageOf('{"__proto__":"x"}'))).toHaveProperty("rows.0", ["x"]);
    expect(map(messageOf("{}"))).toHaveProperty("reason", "field_missing");
  });

  test("the body is decoded as the settings say", () => {
    const body = { envelope: "none", encoding: "base64" } as const;
    const map = compileMapping(userLogins, { masker, limits: unlimited, body, now: () => 0 });
    expect(map(messageOf(btoa(JSON.stringify(login))))).toHaveProperty("rows.0.0", login.user_id);
    expect(map(messageOf(JSON.stringify(login)))).toHaveProperty("reason", "body_not_base64");
  });

  test("a queue that sends no time is not believed, whether the time is stored or not", () => {
    const unsent = { ...messageOf('{"f":"x"}'), sentAtMillis: Number.NaN };
    expect(() => compiled(oneColumn({}))(unsent)).toThrow(expect.objectContaining({ kind: "protocol" }));
  });

  test.each([["integer"], ["bigint"], ["numeric"], ["jsonb"]] as const)(
    "a column of %s keeps digits",
    (type) => {
      expect(mapped({ f: 7 }, compiled(oneColumn({ type })))).toHaveProperty("rows.0", ["7"]);
      const huge = `{"f":${"7".repeat(30)}}`;
      const outcome = compiled(oneColumn({ type }))(messageOf(huge));
      if (type === "integer" || type === "bigint")
        expect(outcome).toHaveProperty("reason", "integer_out_of_range");
      else expect(outcome).toHaveProperty("rows.0", ["7".repeat(30)]);
    },
  );
});
