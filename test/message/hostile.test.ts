import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compileMapping } from "../../src/message/mapper.ts";
import { sourceName, userLogins } from "../../src/message/mapping.ts";
import { createMasker } from "../../src/message/mask.ts";
import { isRefusal, type RejectionReason } from "../../src/message/message.ts";

const masker = createMasker({ defaultMethod: "hmac", key: new Uint8Array(32).fill(7) });
const limits = new Map([
  ["user_id", { maxCharacters: 128, nullable: true }],
  ["device_type", { maxCharacters: 32, nullable: false }],
  ["locale", { maxCharacters: 32, nullable: false }],
]);
const map = compileMapping(userLogins, {
  masker,
  limits,
  body: { envelope: "none", encoding: "none" },
  now: () => 0,
});

/** All that can be wrong with a login event that came as it was sent. */
const knownReasons: readonly RejectionReason[] = [
  "body_not_json",
  "body_not_object",
  "nothing_mapped",
  "field_empty",
  "field_missing",
  "field_null",
  "field_not_text",
  "text_nul",
  "text_lone_surrogate",
  "text_too_long",
  "null_not_allowed",
  "version_not_text",
  "version_empty_part",
  "version_signed",
  "version_not_numeric",
  "version_too_many_parts",
  "version_out_of_range",
];

/** Found in no word of the program: where it turns up, a value has leaked. */
const canary = "cAnArY7f3";

const text = fc.oneof(
  { weight: 4, arbitrary: fc.string({ maxLength: 8 }).map((around) => canary + around) },
  fc.constantFrom("", "1.2.3", "0.96", "1..2", "-1", "999", "1.2.3.4", "::1", "1.2.3.4"),
  fc.string({ unit: "binary" }),
  fc.constantFrom(`${canary}\u0000`, `${canary}\ud800`, `${canary}${"x".repeat(200)}`, `1.${canary}`),
);
const value = fc.oneof(
  { weight: 6, arbitrary: text },
  fc.jsonValue(),
  fc.constant(null),
  fc.constant([canary]),
  fc.constant({ [canary]: canary }),
);
const sample = {
  user_id: "u",
  device_type: "ios",
  ip: "::1",
  device_id: "d",
  locale: "RU",
  app_version: "1.2.3",
};
const fields = userLogins.columns.map(({ source }) => sourceName(source));
const key = fc.oneof(fc.constantFrom(...fields, "__proto__", "constructor", canary), fc.string());
const version = fc.constantFrom("", "1..2", "-1", "999", "32768", "1.256", "1.2.3.4", `1.${canary}`, 1, null);
const login = fc
  .record(
    { ...Object.fromEntries(fields.map((field) => [field, value])), app_version: fc.oneof(version, value) },
    { requiredKeys: [] },
  )
  // Most fields stay as they should be, so that every check is reached.
  .chain((hostile) =>
    fc.subarray(Object.entries(hostile), { maxLength: Math.min(2, Object.keys(hostile).length) }),
  )
  .map((hostile) => ({ ...sample, ...Object.fromEntries(hostile) }));
const entries = fc.tuple(login, fc.array(fc.tuple(key, value), { maxLength: 2 }));

/** A JSON text written by hand, so that keys may repeat and `__proto__` is one. */
const body = fc.oneof(
  { weight: 8, arbitrary: entries.map(([own, further]) => jsonObject([...Object.entries(own), ...further])) },
  { weight: 1, arbitrary: entries.map(([own]) => JSON.stringify(own).slice(0, -1)) },
  { weight: 1, arbitrary: fc.subarray(Object.entries(sample), { minLength: 1 }).map(jsonObject) },
  { weight: 1, arbitrary: fc.oneof(fc.json(), fc.string({ unit: "binary" })) },
);

function jsonObject(pairs: readonly (readonly [string, unknown])[]): string {
  return `{${pairs.map(([name, each]) => `${JSON.stringify(name)}:${JSON.stringify(each)}`).join(",")}}`;
}

function outcomeOf(bodyText: string) {
  return map({
    messageId: "m",
    receiptHandle: "r",
    sentAtMillis: 0,
    receiveCount: 1,
    body: bodyText,
    bodyIntact: true,
  });
}

describe("a hostile body", () => {
  test("is a row or a rejection, and a rejection tells nothing of it", () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(body, (bodyText) => {
        const outcome = outcomeOf(bodyText);
        seen.add(isRefusal(outcome) ? outcome.reason : "row");
        if (!isRefusal(outcome)) {
          expect(outcome.rows[0]).toHaveLength(userLogins.columns.length);
          return;
        }
        expect(knownReasons).toContain(outcome.reason);
        expect(["", ...fields]).toContain(outcome.path);
        // Names of fields are told if nothing else is known of the body.
        const { fields: names = [], ...rest } = outcome;
        for (const name of names) expect(name).toMatch(/^[A-Za-z_][A-Za-z0-9_.-]*$/);
        expect(JSON.stringify(rest)).not.toContain(canary);
        if (outcome.reason !== "nothing_mapped") expect(names).toEqual([]);
      }),
      { numRuns: 5000 },
    );
    // The bodies are as hostile as they are meant to be.
    expect([...seen].sort()).toEqual(["row", ...knownReasons].sort());
  });

  test("never gets a personal value into its row", () => {
    const personal = fc.record({ ip: text, device_id: text });
    const rest = { user_id: "u", device_type: "ios", locale: "RU", app_version: "1.2.3" };
    let rows = 0;
    fc.assert(
      fc.property(personal, (values) => {
        const outcome = outcomeOf(JSON.stringify({ ...rest, ...values }));
        if (isRefusal(outcome)) return;
        rows += 1;
        expect(JSON.stringify(outcome)).not.toContain(canary);
        for (const index of [2, 3])
          expect(outcome.rows[0]?.[index]).toMatch(/^hmac:[0-9a-f]{8}:[0-9a-f]{64}$/);
      }),
      { numRuns: 1000 },
    );
    expect(rows).toBeGreaterThan(100);
  });
});
