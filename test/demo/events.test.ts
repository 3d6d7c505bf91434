import { describe, expect, test } from "bun:test";
import { generateBodies, generateOrders, seededRandom } from "../../src/demo/events.ts";
import { compileMapping } from "../../src/message/mapper.ts";
import { userLogins } from "../../src/message/mapping.ts";
import { createMasker } from "../../src/message/mask.ts";
import { isRefusal } from "../../src/message/message.ts";

const bodies = (count: number, seed = 1) => generateBodies({ count, random: seededRandom(seed) });
const orders = (seed: number) => generateOrders({ count: 60, random: seededRandom(seed) });

const mapMessage = compileMapping(userLogins, {
  masker: createMasker({ defaultMethod: "sha256" }),
  limits: new Map(),
  body: { envelope: "none", encoding: "none" },
  now: () => 0,
});

/** What becomes of each body: the reason of its rejection, or undefined. */
const reasons = (texts: readonly string[]) =>
  texts.map((body, index) => {
    const messageId = String(index);
    const mapped = mapMessage({
      ...{ messageId, receiptHandle: "", sentAtMillis: 0, receiveCount: 1, body, bodyIntact: true },
    });
    return isRefusal(mapped) ? mapped.reason : undefined;
  });

/** The well-formed ones among some bodies. */
function events(texts: readonly string[]) {
  const all = reasons(texts);
  return texts.filter((_, index) => all[index] === undefined).map((body) => JSON.parse(body));
}

test.each([
  ["login events", (seed: number) => bodies(300, seed)],
  ["orders", orders],
])("the same seed makes the same %s, another one others", (_, generate) => {
  expect(generate(1)).toEqual(generate(1));
  expect(generate(2)).not.toEqual(generate(1));
});

describe("generated login events", () => {
  test.each([
    [9, 0],
    [10, 1],
    [99, 1],
    [100, 1],
    [500, 5],
    [1000, 10],
  ])("of %d, %d are malformed", (count, malformed) => {
    expect(bodies(count)).toHaveLength(count);
    expect(events(bodies(count))).toHaveLength(count - malformed);
  });

  test("are malformed in several ways", () => {
    expect(new Set(reasons(bodies(1000))).size).toBeGreaterThanOrEqual(7);
  });

  test("have nobody's addresses, and fields of the shape that applications send", () => {
    const fields = ["user_id", "app_version", "device_type", "ip", "locale", "device_id"];
    for (const event of events(bodies(400))) {
      expect(Object.keys(event)).toEqual(fields);
      expect(event.user_id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(event.ip).toMatch(/^(192\.0\.2|198\.51\.100|203\.0\.113)\.\d{1,3}$/);
      expect(event.device_id).toMatch(/^\d{3}-\d{2}-\d{4}$/);
    }
  });

  test("have a locale or not, and some devices come again", () => {
    const seen = events(bodies(1000));
    const withoutLocale = seen.filter(({ locale }) => locale === null).length;
    expect(withoutLocale).toBeGreaterThan(200);
    expect(withoutLocale).toBeLessThan(400);
    expect(new Set(seen.map(({ device_id }) => device_id)).size).toBeLessThan(900);
  });
});

test("in generated orders customers order again, and a coupon is there or not", () => {
  const seen = orders(1).map((body) => JSON.parse(body));
  expect(new Set(seen.map(({ order }) => order.id)).size).toBe(60);
  expect(new Set(seen.map(({ customer }) => customer.email)).size).toBe(6);
  expect(new Set(seen.map(({ coupon }) => coupon))).toEqual(new Set(["SPRING", undefined]));
});

test("seeded numbers fill the range from 0 to below 1 evenly", () => {
  const random = seededRandom(3);
  const tenths = Array.from({ length: 10 }, () => 0);
  for (let draw = 0; draw < 10_000; draw += 1) {
    const tenth = Math.floor(random() * 10);
    tenths[tenth] = (tenths[tenth] ?? 0) + 1;
  }
  expect(tenths).toHaveLength(10);
  for (const count of tenths) expect(Math.abs(count - 1000)).toBeLessThan(150);
});
