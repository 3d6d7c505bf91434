/** One text for each IP address, so that equal addresses mask alike however they were written. */

/** The longest text of an IPv6 address: six groups and a dotted quad, without leading zeros in it. */
const longestIpv6 = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255".length;

/**
 * The canonical text of an IP address. IPv6 is written as RFC 5952 says, always in hexadecimal groups; an IPv4-mapped
 * address (`::ffff:192.0.2.1`, as dual-stack servers log an IPv4 client) becomes the IPv4 address, so that one client
 * joins whichever way it was logged. IPv4 has one form only.
 *
 * What is not an address stays as it is: `01.2.3.4` (octal to some readers), a zone (`fe80::1%eth0`), a port, brackets,
 * a space. Guessing could make two different values one.
 *
 * @see https://www.rfc-editor.org/rfc/rfc5952#section-4
 * @see https://www.rfc-editor.org/rfc/rfc4291#section-2.2
 */
export function canonicalIp(text: string): string {
  // Without a colon it is IPv4 or no address at all: nothing to do for either. A huge text is not even split.
  if (!text.includes(":") || text.length > longestIpv6) return text;
  const groups = ipv6Groups(text);
  if (groups === undefined) return text;
  return isMappedIpv4(groups) ? dottedQuad(groups) : shortestText(groups);
}

/** The eight 16-bit groups of an IPv6 address; undefined where the text is none. */
function ipv6Groups(text: string): readonly number[] | undefined {
  const [head = "", tail, ...further] = text.split("::");
  if (further.length > 0) return undefined;
  // A dotted quad may stand at the very end only, so before a `::` there is none.
  const before = groupsOf(head, tail === undefined);
  if (tail === undefined) return before?.length === 8 ? before : undefined;
  const after = groupsOf(tail, true);
  if (before === undefined || after === undefined) return undefined;
  const zeros = 8 - before.length - after.length;
  // RFC 4291: `::` stands for one or more groups of zeros.
  return zeros < 1 ? undefined : [...before, ...new Array<number>(zeros).fill(0), ...after];
}

function groupsOf(text: string, quadAllowed: boolean): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const words = text.split(":");
  for (const [index, word] of words.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(word)) {
      groups.push(Number.parseInt(word, 16));
      continue;
    }
    const quad = quadAllowed && index === words.length - 1 ? quadGroups(word) : undefined;
    if (quad === undefined) return undefined;
    groups.push(...quad);
  }
  return groups;
}

/** The two groups that a dotted quad stands for; undefined where it is none. */
function quadGroups(word: string): readonly [number, number] | undefined {
  const found = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(word)?.slice(1);
  if (found === undefined || found.some((octet) => Number(octet) > 255 || /^0./.test(octet)))
    return undefined;
  const [a, b, c, d] = found.map(Number) as [number, number, number, number];
  return [a * 256 + b, c * 256 + d];
}

/** Whether the address is in `::ffff:0:0/96`. */
function isMappedIpv4(groups: readonly number[]): boolean {
  return groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0);
}

/** The last 32 bits as IPv4. */
function dottedQuad(groups: readonly number[]): string {
  const octets = groups.slice(6).flatMap((group) => [group >> 8, group & 0xff]);
  return octets.join(".");
}

/** Lower case, no leading zeros, and `::` for the longest run of two or more zero groups, the leftmost of equals. */
function shortestText(groups: readonly number[]): string {
  const words = groups.map((group) => group.toString(16));
  const run = longestZeroRun(groups);
  if (run.length < 2) return words.join(":");
  return `${words.slice(0, run.start).join(":")}::${words.slice(run.start + run.length).join(":")}`;
}

function longestZeroRun(groups: readonly number[]): { readonly start: number; readonly length: number } {
  let longest = { start: 0, length: 0 };
  let start = 0;
  for (const [index, group] of groups.entries()) {
    if (group !== 0) start = index + 1;
    else if (index + 1 - start > longest.length) longest = { start, length: index + 1 - start };
  }
  return longest;
}
