/** Generates the messages of the demo: login events, some of them broken, and orders. The same numbers make the same bodies. */

/** What to generate. */
export interface EventOptions {
  readonly count: number;
  /** Gives numbers from 0 to below 1, as `Math.random` does. */
  readonly random: () => number;
}

/**
 * Numbers from 0 to below 1, as `Math.random` gives them, from a seed. Not for secrets.
 *
 * The generator is mulberry32: 32 bits of state, a period of 2^32.
 */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One in so many login events is malformed. */
const malformedEvery = 100;

/** Among fewer login events none is malformed: it would be most of what there is to see. */
export const fewestWithMalformed = 10;

const locales = ["AR", "BR", "CN", "DE", "ES", "FR", "ID", "IN", "JP", "KE", "MX", "PH", "PT", "RU", "US"];

/** How events come to be malformed, in turn: each becomes the body of one message. */
const malformations: readonly ((event: LoginEvent) => string)[] = [
  () => JSON.stringify({ foo: "oops", bar: 1 }),
  (event) => JSON.stringify(event).slice(0, -20),
  (event) => JSON.stringify({ ...event, app_version: Number.parseFloat(event.app_version) }),
  (event) => JSON.stringify({ ...event, ip: null }),
  (event) => JSON.stringify({ ...event, app_version: `${event.app_version}-beta` }),
  (event) => JSON.stringify([event]),
  (event) => JSON.stringify({ ...event, user_id: 12_345 }),
  () => "<html><body>502 Bad Gateway</body></html>",
];

interface LoginEvent {
  readonly user_id: string;
  readonly app_version: string;
  readonly device_type: "android" | "ios";
  /** Of the blocks that RFC 5737 keeps for documentation: nobody's address. */
  readonly ip: string;
  readonly locale: string | null;
  readonly device_id: string;
}

/** Gives whole numbers from 0 to below a limit. */
type Below = (limit: number) => number;

/**
 * Login events of which about 30 in 100 have a null locale, some come from a device that has logged in before, and
 * 1 in 100 is malformed in one of several ways: at least one of {@link fewestWithMalformed} or more, and none of fewer.
 */
export function generateBodies({ count, random }: EventOptions): string[] {
  const below: Below = (limit) => Math.floor(random() * limit);
  const bodies: string[] = [];
  let seen: LoginEvent | undefined;
  for (let index = 0; index < count; index += 1) {
    // The same person again: equal values must get equal masks.
    const event = seen !== undefined && below(5) === 0 ? againFrom(seen, below) : newEvent(below);
    seen = event;
    const malformed =
      count >= fewestWithMalformed && index % malformedEvery === Math.min(count, malformedEvery) >> 1;
    const malform = malformations[Math.floor(index / malformedEvery) % malformations.length];
    bodies.push(malformed && malform !== undefined ? malform(event) : JSON.stringify(event));
  }
  return bodies;
}

function newEvent(below: Below): LoginEvent {
  const network = ["192.0.2", "198.51.100", "203.0.113"][below(3)];
  return {
    user_id: digits("xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx", 16, below),
    app_version: below(2) === 0 ? `${below(10)}.${below(100)}` : digits("x.x.x", 10, below),
    device_type: below(2) === 0 ? "android" : "ios",
    ip: `${network}.${below(256)}`,
    locale: below(10) < 3 ? null : (locales[below(locales.length)] ?? null),
    device_id: digits("xxx-xx-xxxx", 10, below),
  };
}

/** From the same device, after an update or from another network. */
function againFrom(event: LoginEvent, below: Below): LoginEvent {
  const { ip, app_version } = newEvent(below);
  return below(2) === 0 ? { ...event, ip } : { ...event, app_version };
}

/** The pattern with each `x` replaced by a random digit. */
function digits(pattern: string, radix: number, below: Below): string {
  return pattern.replaceAll("x", () => below(radix).toString(radix));
}

/** When the first order was placed; the others follow a minute apart. */
const firstPlacedAtMillis = Date.UTC(2026, 2, 1, 9);
const minuteMillis = 60_000;

const customers = ["ada", "alan", "barbara", "edsger", "grace", "margaret"];
const currencies = ["EUR", "GBP", "USD"];
const statuses = ["placed", "paid", "shipped"];

/** Orders, for `etl init`, with a customer inside, some of whom order again, and some with a coupon. All are well-formed. */
export function generateOrders({ count, random }: EventOptions): string[] {
  const below: Below = (limit) => Math.floor(random() * limit);
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
