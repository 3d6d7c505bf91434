/** Generates login events as an application would send them, the broken ones among them. */

/** What to generate. */
export interface LoginEventOptions {
  readonly count: number;
  /** Gives numbers from 0 to below 1, as `Math.random` does; the same numbers make the same bodies. */
  readonly random: () => number;
}

/** One in so many events is malformed. */
const malformedEvery = 100;

/** Among fewer events none is malformed: it would be most of what there is to see. */
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

/** A login event before it is sent. */
interface LoginEvent {
  readonly user_id: string;
  readonly app_version: string;
  readonly device_type: "android" | "ios";
  /** Of the blocks that RFC 5737 keeps for documentation: nobody's address. */
  readonly ip: string;
  readonly locale: string | null;
  readonly device_id: string;
}

/**
 * Message bodies: login events of which about 30 in 100 have a null locale, some come from a device that has
 * logged in before, and 1 in 100 is malformed in one of several ways: at least one of {@link fewestWithMalformed} or
 * more, and none of fewer.
 */
export function generateBodies({ count, random }: LoginEventOptions): string[] {
  const below = (limit: number): number => Math.floor(random() * limit);
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

function newEvent(below: (limit: number) => number): LoginEvent {
  const network = ["192.0.2", "198.51.100", "203.0.113"][below(3)];
  return {
    user_id: uuid(below),
    app_version: version(below),
    device_type: below(2) === 0 ? "android" : "ios",
    ip: `${network}.${below(256)}`,
    locale: below(10) < 3 ? null : (locales[below(locales.length)] ?? null),
    device_id: `${digits(below, 3)}-${digits(below, 2)}-${digits(below, 4)}`,
  };
}

/** From the same device, after an update or from another network. */
function againFrom(event: LoginEvent, below: (limit: number) => number): LoginEvent {
  const { ip, app_version } = newEvent(below);
  return below(2) === 0 ? { ...event, ip } : { ...event, app_version };
}

/** Two or three parts, as apps have them: `0.96`, `2.3.0`. */
function version(below: (limit: number) => number): string {
  return below(2) === 0 ? `${below(10)}.${below(100)}` : `${below(10)}.${below(10)}.${below(10)}`;
}

/** A version 4 UUID. */
function uuid(below: (limit: number) => number): string {
  return "xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx".replaceAll("x", () => below(16).toString(16));
}

function digits(below: (limit: number) => number, length: number): string {
  return Array.from({ length }, () => below(10)).join("");
}
