import { describe, expect, test } from "bun:test";
import { generateBodies, seededRandom } from "../../src/demo/events.ts";
import { compileMapping } from "../../src/message/mapper.ts";
import { userLogins } from "../../src/message/mapping.ts";
import { isRefusal } from "../../src/message/rejection.ts";
import { createMasker } from "../../src/message/transforms/mask.ts";

const bodies = (count: number, seed = 1) => generateBodies({ count, random: seededRandom(seed) });

const mapMessage = compileMapping(userLogins, {
  masker: createMasker({ defaultMethod: "sha256" }),
  limits: new Map(),
  body: { envelope: "none", encoding: "none" },
  now: () => 0,
});
const mapped = (texts: readonly string[]) =>
  texts.map((body, index) =>
    mapMessage({
      messageId: String(index),
      receiptHandle: "",
      sentAtMillis: 0,
      receiveCount: 1,
      body,
      bodyIntact: true,
    }),
  );

const events = (texts: readonly string[]) =>
  texts.flatMap((body, index) =>
    isRefusal(mapped([body])[0] ?? {}) ? [] : [JSON.parse(texts[index] ?? "")],
  );

describe("generated login events", () => {
  test("the same seed makes the same bodies, another one others", () => {
    expect(bodies(300)).toEqual(bodies(300));
    expect(bodies(300, 2)).not.toEqual(bodies(300));
  });

  test.each([10, 20, 99, 100, 500, 1000])(
    "of %d, one in a hundred is malformed, and at least one",
    (count) => {
      const rejected = mapped(bodies(count)).filter((result) => isRefusal(result));
      expect(bodies(count).length).toBe(count);
      expect(rejected.length).toBe(Math.max(1, count / 100) | 0);
    },
  );

  test.each([1, 2, 9])("of %d, which are few, none is malformed", (count) => {
    expect(events(bodies(count))).toHaveLength(count);
  });

  test("they are malformed in several ways", () => {
    const reasons = mapped(bodies(1000)).flatMap((result) => (isRefusal(result) ? [result.reason] : []));
    expect(new Set(reasons).size).toBeGreaterThanOrEqual(6);
  });

  test("addresses are nobody's, and every field has the shape that applications send", () => {
    const seen = events(bodies(400));
    expect(seen.length).toBe(396);
    for (const event of seen) {
      expect(Object.keys(event)).toEqual([
        "user_id",
        "app_version",
        "device_type",
        "ip",
        "locale",
        "device_id",
      ]);
      expect(event.user_id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(event.ip).toMatch(/^(192\.0\.2|198\.51\.100|203\.0\.113)\.\d{1,3}$/);
      expect(event.device_id).toMatch(/^\d{3}-\d{2}-\d{4}$/);
    }
  });

  test("some have no locale, and some devices come again", () => {
    const seen = events(bodies(1000));
    const withoutLocale = seen.filter(({ locale }) => locale === null).length;
    expect(withoutLocale).toBeGreaterThan(200);
    expect(withoutLocale).toBeLessThan(400);
    expect(new Set(seen.map(({ device_id }) => device_id)).size).toBeLessThan(900);
  });
});

test("seeded numbers fill the range from 0 to below 1 evenly", () => {
  const random = seededRandom(3);
  const tenths = new Array<number>(10).fill(0);
  for (let draw = 0; draw < 10_000; draw += 1) {
    const tenth = Math.floor(random() * 10);
    tenths[tenth] = (tenths[tenth] ?? 0) + 1;
  }
  expect(tenths.length).toBe(10);
  for (const count of tenths) expect(Math.abs(count - 1000)).toBeLessThan(150);
});
