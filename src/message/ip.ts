import type { Masked, Refusal } from "./message.ts";

/**
 * The canonical text of an IP address, so that equal addresses mask alike however they were written. IPv6 is written as
 * RFC 5952 says, always in hexadecimal groups. An IPv4-mapped address (`::ffff:192.0.2.1`, as dual-stack servers log an
 * IPv4 client) becomes the IPv4 address, so that one client joins whichever way it was logged. IPv4 has one form only.
 *
 * What is not an address stays as it is: `01.2.3.4` (octal to some readers), a zone (`fe80::1%eth0`), a port, brackets,
 * a space. Guessing could make two different values one.
 *
 * @see https://www.rfc-editor.org/rfc/rfc5952#section-4
 * @see https://www.rfc-editor.org/rfc/rfc4291#section-2.2
 */
export function canonicalIp(text: string): string {
  // Without a colon it is IPv4 or not an address: there is nothing to do for either.
  const groups = text.includes(":") ? unmappedGroups(text) : undefined;
  return groups === undefined ? text : canonicalText(groups);
}

/**
 * The /24 of an IPv4 address or the /48 of an IPv6 address, as Postgres's `inet` writes it: `192.0.2.0/24`,
 * `2001:db8::/48`. An IPv4-mapped IPv6 address is the IPv4 address. This is enough to tell countries and providers apart,
 * and too little for one person.
 *
 * @param path the source's name, for the refusal of what is not an address
 */
export function truncateIp(text: string, path: string): Masked | Refusal {
  const groups = unmappedGroups(text);
  if (groups === undefined) return { reason: "field_not_address", path };
  const [a = 0, b = 0, c = 0] = groups;
  const network =
    groups.length === 2
      ? `${canonicalText([a, b & 0xff00])}/24`
      : `${canonicalText([a, b, c, 0, 0, 0, 0, 0])}/48`;
  return network as Masked;
}

/** The groups of an address: two of IPv4, also of an IPv4-mapped address (in `::ffff:0:0/96`), eight of IPv6. */
function unmappedGroups(text: string): readonly number[] | undefined {
  const groups: readonly number[] | undefined = text.includes(":") ? ipv6Groups(text) : quadGroups(text);
  const isMapped = groups?.[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0);
  return isMapped ? groups.slice(6) : groups;
}

function canonicalText(groups: readonly number[]): string {
  if (groups.length === 2) return groups.flatMap((group) => [group >> 8, group & 0xff]).join(".");
  const words = groups.map((group) => group.toString(16));
  const run = longestZeroRun(groups);
  if (run.length < 2) return words.join(":");
  return `${words.slice(0, run.start).join(":")}::${words.slice(run.start + run.length).join(":")}`;
}

/** The run that `::` stands for: the leftmost of equals. */
function longestZeroRun(groups: readonly number[]): { readonly start: number; readonly length: number } {
  let longest = { start: 0, length: 0 };
  let start = 0;
  for (const [index, group] of groups.entries()) {
    if (group !== 0) start = index + 1;
    else if (index + 1 - start > longest.length) longest = { start, length: index + 1 - start };
  }
  return longest;
}

/** The longest text of an IPv6 address: six groups and a dotted quad, without leading zeros in it. */
const longestIpv6 = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255".length;

/**
 * The eight 16-bit groups of an IPv6 address; undefined if the text is something else, also if it has a zone
 * (`fe80::1%eth0`), a port, brackets, a prefix or a space.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4291#section-2.2
 */
export function ipv6Groups(text: string): readonly number[] | undefined {
  // A huge text is not even split.
  if (text.length > longestIpv6) return undefined;
  const last = text.lastIndexOf(":") + 1;
  const quad = text.includes(".") ? quadGroups(text.slice(last)) : undefined;
  const hex =
    quad === undefined ? text : text.slice(0, last) + quad.map((group) => group.toString(16)).join(":");
  const [head = "", tail, ...further] = hex.split("::");
  const [before, after] = [hexGroups(head), hexGroups(tail ?? "")];
  if (before === undefined || after === undefined || further.length > 0) return undefined;
  if (tail === undefined) return before.length === 8 ? before : undefined;
  const zeros = 8 - before.length - after.length;
  // RFC 4291: `::` stands for one or more groups of zeros.
  return zeros < 1 ? undefined : [...before, ...new Array<number>(zeros).fill(0), ...after];
}

function hexGroups(text: string): readonly number[] | undefined {
  if (text === "") return [];
  if (!/^[0-9a-f]{1,4}(?::[0-9a-f]{1,4})*$/i.test(text)) return undefined;
  return text.split(":").map((word) => Number.parseInt(word, 16));
}

/** The two 16-bit groups of an IPv4 address; undefined if the text is something else, also `01.2.3.4`, octal to some. */
export function quadGroups(text: string): readonly [high: number, low: number] | undefined {
  const found = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1);
  if (found === undefined || found.some((octet) => Number(octet) > 255 || /^0./.test(octet)))
    return undefined;
  const [a, b, c, d] = found.map(Number) as [number, number, number, number];
  return [a * 256 + b, c * 256 + d];
}
