/** One text for each IP address, so that equal addresses mask alike however they were written. */

import { ipv6Groups, isMappedIpv4 } from "./ip-groups.ts";

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
  // Without a colon it is IPv4 or no address at all: nothing to do for either.
  const groups = text.includes(":") ? ipv6Groups(text) : undefined;
  if (groups === undefined) return text;
  return isMappedIpv4(groups) ? dottedQuad(groups) : shortestText(groups);
}

/** The last 32 bits as IPv4. */
function dottedQuad(groups: readonly number[]): string {
  const octets = groups.slice(6).flatMap((group) => [group >> 8, group & 0xff]);
  return octets.join(".");
}

/** Lower case, no leading zeros, and `::` for the longest run of two or more zero groups, the leftmost of equals. */
export function shortestText(groups: readonly number[]): string {
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
