import { expect, test } from "bun:test";
import { generateOrders, seededRandom } from "../../src/demo/events.ts";

const orders = (seed: number) => generateOrders({ count: 60, random: seededRandom(seed) });

test("the same seed makes the same orders, another one others", () => {
  expect(orders(1)).toEqual(orders(1));
  expect(orders(2)).not.toEqual(orders(1));
});

test("customers order again, and a coupon is there or not", () => {
  const events = orders(1).map((body) => JSON.parse(body));
  expect(new Set(events.map(({ order }) => order.id)).size).toBe(60);
  expect(new Set(events.map(({ customer }) => customer.email)).size).toBe(6);
  expect(new Set(events.map(({ coupon }) => coupon))).toEqual(new Set(["SPRING", undefined]));
});
