/** Generates order events: messages of another shape than login events, for trying out `etl init`. */

/** What to generate. */
export interface OrderEventOptions {
  readonly count: number;
  /** Gives numbers from 0 to below 1, as `Math.random` does; the same numbers make the same bodies. */
  readonly random: () => number;
}

/** When the first order was placed; the others follow a minute apart. */
const firstPlacedAtMillis = Date.UTC(2026, 2, 1, 9);
const minuteMillis = 60_000;

const customers = ["ada", "alan", "barbara", "edsger", "grace", "margaret"];
const currencies = ["EUR", "GBP", "USD"];
const statuses = ["placed", "paid", "shipped"];

/** Message bodies: orders with a customer inside, some of whom order again, and some with a coupon. All are well-formed. */
export function generateOrders({ count, random }: OrderEventOptions): string[] {
  const below = (limit: number): number => Math.floor(random() * limit);
  const oneOf = (words: readonly string[]): string => words[below(words.length)] ?? "";
  return Array.from({ length: count }, (_, index) => {
    const customer = oneOf(customers);
    return JSON.stringify({
      order: {
        id: 7_000_001 + index,
        placedAt: new Date(firstPlacedAtMillis + index * minuteMillis).toISOString(),
        total: (100 + below(20_000)) / 100,
        currency: oneOf(currencies),
        items: 1 + below(5),
      },
      customer: {
        // Names and addresses that nobody has: RFC 2606 and RFC 5737 keep them for documentation.
        email: `${customer}@example.com`,
        ip: `203.0.113.${below(256)}`,
      },
      status: oneOf(statuses),
      ...(below(4) === 0 ? { coupon: "SPRING" } : {}),
    });
  });
}
