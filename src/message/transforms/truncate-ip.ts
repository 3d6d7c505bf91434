/** The network an IP address is in: enough to tell countries and providers apart, too little for one person. */

import type { Refusal } from "../rejection.ts";
import type { Masked } from "../row.ts";
import { shortestText } from "./canonical-ip.ts";
import { ipv6Groups, isMappedIpv4, quadGroups } from "./ip-groups.ts";

/**
 * The /24 of an IPv4 address or the /48 of an IPv6 address, as Postgres's `inet` writes it: `192.0.2.0/24`,
 * `2001:db8::/48`. An IPv4-mapped IPv6 address is the IPv4 address.
 *
 * @param path the source's name, for the refusal of what is no address
 */
export function truncateIp(text: string, path: string): Masked | Refusal {
  const quad = quadGroups(text);
  if (quad !== undefined) return network4(quad) as Masked;
  const groups = ipv6Groups(text);
  if (groups === undefined) return { reason: "field_not_address", path };
  const [a = 0, b = 0, c = 0, , , , high = 0, low = 0] = groups;
  if (isMappedIpv4(groups)) return network4([high, low]) as Masked;
  return `${shortestText([a, b, c, 0, 0, 0, 0, 0])}/48` as Masked;
}

function network4([high, low]: readonly [high: number, low: number]): string {
  return `${high >> 8}.${high & 0xff}.${low >> 8}.0/24`;
}
