/** Bodies that a queue should never hold, and does. */

import fc from "fast-check";

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.string({ maxLength: 60 }),
  fc.constantFrom(
    ...["", " ", "\u0000", "\ud800", "\ufeff", "\u202e", "\\", "'", '"', "{}", "NULL", "null", "\\N"],
    ...[
      "'; drop table user_logins; --",
      "$1",
      "{1,2}",
      '{"a","b"}',
      "1.2.3",
      "-1.2",
      "999999.1",
      "١.٢",
      "1e3",
    ],
    ...["::1", "256.1.1.1", "::ffff:1.2.3.4", "0x7f.1", "2026-02-30", "x".repeat(129), "é".repeat(300)],
  ),
);
const value = fc.oneof(
  { weight: 6, arbitrary: text },
  { weight: 1, arbitrary: fc.jsonValue() },
  {
    weight: 1,
    arbitrary: fc.constantFrom<unknown>(null, true, 0, -0, 1e308, 2 ** 53, [], {}, [[]], { toString: 1 }),
  },
);
const good = {
  user_id: "u",
  app_version: "2.3.0",
  device_type: "android",
  ip: "199.172.111.135",
  locale: "RU",
  device_id: "593-47-5928",
};

/** A good event in which a few fields are not. */
const almostGood = fc
  .record(Object.fromEntries(Object.keys(good).map((field) => [field, value])))
  .chain((hostile) => fc.subarray(Object.entries(hostile), { minLength: 1, maxLength: 2 }))
  .map((changes) => JSON.stringify({ ...good, ...Object.fromEntries(changes) }));

/** Written by hand: keys that repeat, and such as JavaScript takes for its own. */
const oddKeys = fc
  .array(fc.tuple(fc.constantFrom(...Object.keys(good), "__proto__", "constructor", "$sent_at", ""), value))
  .map((pairs) => pairs.map(([key, each]) => `${JSON.stringify(key)}:${JSON.stringify(each)}`).join(","))
  .map((more) => `{${JSON.stringify(good).slice(1, -1)}${more === "" ? "" : `,${more}`}}`);

/** Texts that are no JSON object, or hardly one. */
const noObject = fc.oneof(
  fc.string({ unit: "binary", maxLength: 200 }),
  fc.json(),
  fc.nat(5_000).map((depth) => "[".repeat(depth)),
  fc.nat(2_000).map((depth) => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`),
  almostGood.map((body) => body.slice(0, -1)),
  almostGood.map((body) => `\ufeff${body}`),
);

/** Any of them. */
export const hostileBody = fc.oneof(
  { weight: 6, arbitrary: almostGood },
  { weight: 2, arbitrary: oddKeys },
  { weight: 2, arbitrary: noObject },
);
