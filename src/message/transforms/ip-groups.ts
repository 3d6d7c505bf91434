/** The numbers an IP address's text stands for; strict, as guessing could make two different values one. */

/** The longest text of an IPv6 address: six groups and a dotted quad, without leading zeros in it. */
const longestIpv6 = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255".length;

/**
 * The eight 16-bit groups of an IPv6 address; undefined where the text is none. A zone (`fe80::1%eth0`), a port,
 * brackets, a prefix or a space make it none.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4291#section-2.2
 */
export function ipv6Groups(text: string): readonly number[] | undefined {
  // A huge text is not even split.
  if (text.length > longestIpv6) return undefined;
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

/** The two 16-bit groups of an IPv4 address; undefined where the text is none. `01.2.3.4` is octal to some, and none here. */
export function quadGroups(text: string): readonly [high: number, low: number] | undefined {
  const found = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1);
  if (found === undefined || found.some((octet) => Number(octet) > 255 || /^0./.test(octet)))
    return undefined;
  const [a, b, c, d] = found.map(Number) as [number, number, number, number];
  return [a * 256 + b, c * 256 + d];
}

/** Whether the address is in `::ffff:0:0/96`: IPv4, as a dual-stack server logs it. */
export function isMappedIpv4(groups: readonly number[]): boolean {
  return groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0);
}
