import { describe, expect, test } from "bun:test";
import { isIP } from "node:net";
import fc from "fast-check";
import { canonicalIp, truncateIp } from "../../src/message/ip.ts";
import { isRefusal } from "../../src/message/message.ts";

describe("canonicalIp", () => {
  test.each([
    // RFC 5952, section 4.
    ["2001:0db8::0001", "2001:db8::1"],
    ["2001:db8:0:0:0:0:2:1", "2001:db8::2:1"],
    ["2001:db8::0:1", "2001:db8::1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:DB8::AAAA", "2001:db8::aaaa"],
    // The ends.
    ["0:0:0:0:0:0:0:0", "::"],
    ["::", "::"],
    ["0:0:0:0:0:0:0:1", "::1"],
    ["1:0:0:0:0:0:0:0", "1::"],
    ["::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
    ["ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
    // IPv4 within IPv6: mapped addresses are IPv4, all others hexadecimal.
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::FFFF:c000:0201", "192.0.2.1"],
    ["0:0:0:0:0:ffff:192.0.2.1", "192.0.2.1"],
    ["::ffff:0:0", "0.0.0.0"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
    ["::192.0.2.1", "::c000:201"],
    ["::ffff:0:192.0.2.1", "::ffff:0:c000:201"],
    // IPv4.
    ["192.0.2.1", "192.0.2.1"],
    ["0.0.0.0", "0.0.0.0"],
  ])("%s is %s", (text, canonical) => {
    expect(canonicalIp(text)).toBe(canonical);
  });

  test("writes the eight spellings of RFC 5952, section 2, as one", () => {
    const short = ["2001:db8::1:0:0:1", "2001:0db8::1:0:0:1", "2001:db8::0:1:0:0:1", "2001:db8:0:0:1::1"];
    const long = [
      "2001:db8:0:0:1:0:0:1",
      "2001:0db8:0:0:1:0:0:1",
      "2001:db8:0000:0:1::1",
      "2001:DB8:0:0:1::1",
    ];
    for (const text of [...short, ...long]) expect(canonicalIp(text)).toBe("2001:db8::1:0:0:1");
  });

  test.each<[string, ...string[]]>([
    ["", "unknown", "01.2.3.4", "256.1.1.1", "1.2.3", "192.0.2.1:80", " 192.0.2.1"],
    ["::FFFF:01.2.3.4", "::FFFF:1.2.3.256", "::FFFF:1.2.3", "::FFFF:1.2.3.4.5", "::FFFF:+1.2.3.4"],
    ["FE80::1%eth0", "[2001:DB8::1]", "[2001:DB8::1]:80", "2001:DB8::1/64", " 2001:DB8::1", "2001:DB8::1\n"],
    ["2001:DB8::1::2", "2001:DB8:::1", ":::", ":", ":2001:DB8::1", "2001:DB8::1:"],
    ["2001:0DB80::1", "2001:DBG::1", "1:2:3:4:5:6:7:0A:9", "1:2:3:4:5:6:0A", "1:2:3:4::5:6:7:0A"],
    ["1.2.3.4::0A", "1:2:3:4:5:6:7:1.2.3.4", "00000:0:0:0:0:0:0:0000000000000000000000000001"],
    ["A:".repeat(500_000), ":".repeat(1_000_000)],
  ])("%.50j and its like stay as they are", (...texts) => {
    for (const text of texts) expect(canonicalIp(text)).toBe(text);
  });

  const group = fc.oneof(fc.constant(0), fc.constant(0xffff), fc.nat(0xffff));
  const address = fc.array(group, { minLength: 8, maxLength: 8 });

  test("writes an address as the URL parser does, but for mapped ones", () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV6(), address.map(spelledOut)), (text) => {
        expect(canonicalIp(text)).toBe(canonicalByUrl(text));
      }),
      { numRuns: 2000 },
    );
  });

  test("takes for an address what node:net does, and changes nothing else", () => {
    const alphabet = fc.constantFrom(...":,:,::,::,.,0,1,9,255,ffff,A,%,01,g".split(","));
    const lookalike = fc.array(alphabet, { maxLength: 16 }).map((words) => words.join(""));
    const altered = fc
      .tuple(fc.ipV6(), fc.nat(38), fc.constantFrom("", "0", ":", ".", "%", "F"))
      .map(([text, at, word]) => text.slice(0, at) + word + text.slice(at + 1));
    fc.assert(
      fc.property(fc.oneof(lookalike, altered), (text) => {
        const isAddress = isIP(text) === 6 && !text.includes("%");
        expect(canonicalIp(text)).toBe(isAddress ? canonicalByUrl(text) : text);
      }),
      { numRuns: 5000 },
    );
  });

  test("every spelling of an address has one canonical text, which is its own", () => {
    fc.assert(
      fc.property(address, (groups) => {
        const canonical = canonicalIp(spelledOut(groups));
        const spellings = [
          groups.map((value) => value.toString(16)).join(":"),
          groups.map((value) => value.toString(16).toUpperCase().padStart(4, "0")).join(":"),
          `${spelledOut(groups.slice(0, 6))}:${quad(groups[6] as number, groups[7] as number)}`,
          canonical,
        ];
        for (const spelling of spellings) expect(canonicalIp(spelling)).toBe(canonical);
      }),
    );
  });
});

describe("truncateIp", () => {
  function told(text: string): string {
    const outcome = truncateIp(text, "ip");
    return isRefusal(outcome) ? outcome.reason : outcome;
  }

  test.each([
    ["192.0.2.1", "192.0.2.0/24"],
    ["255.255.255.255", "255.255.255.0/24"],
    ["0.0.0.0", "0.0.0.0/24"],
    ["::ffff:192.0.2.1", "192.0.2.0/24"],
    ["::FFFF:c000:0201", "192.0.2.0/24"],
    ["2001:DB8::1", "2001:db8::/48"],
    ["2001:db8:85a3:8d3:1319:8a2e:370:7348", "2001:db8:85a3::/48"],
    ["::1", "::/48"],
    ["0:0:1:2::", "0:0:1::/48"],
    ["1:0:1::", "1:0:1::/48"],
    ["", "field_not_address"],
    ["unknown", "field_not_address"],
    ["192.0.2.0/24", "field_not_address"],
    ["192.0.2.1:80", "field_not_address"],
    ["192.0.2.01", "field_not_address"],
    ["192.0.2.256", "field_not_address"],
    ["fe80::1%eth0", "field_not_address"],
  ])("%j: %s", (text, outcome) => {
    expect(told(text)).toBe(outcome);
  });

  test("a text of a million colons is one refusal", () => {
    expect(told(":".repeat(1_000_000))).toBe("field_not_address");
  });

  test("addresses of one network have one text, and no more of the address is in it", () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.nat(255), (address, last) => {
        const network = address.split(".").slice(0, 3).join(".");
        expect(told(`${network}.${last}`)).toBe(`${network}.0/24`);
      }),
    );
    const groups = (length: number) => fc.array(fc.nat(0xffff), { minLength: length, maxLength: length });
    const written = (all: readonly number[]) => all.map((group) => group.toString(16)).join(":");
    fc.assert(
      fc.property(groups(3), groups(5), groups(5), (network, one, other) => {
        fc.pre(network.some((group) => group !== 0));
        const text = told(written([...network, ...one]));
        expect(told(written([...network, ...other]))).toBe(text);
        expect(new URL(`http://[${written([...network, 0, 0, 0, 0, 0])}]`).hostname).toBe(
          `[${text.replace("/48", "]")}`,
        );
      }),
    );
  });

  test("takes what node:net takes for an address, without a zone", () => {
    const lookalike = fc.string({ unit: fc.constantFrom(..."0123456789af::.."), maxLength: 20 });
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), lookalike), (text) => {
        expect(told(text) === "field_not_address").toBe(isIP(text) === 0);
      }),
      { numRuns: 2000 },
    );
  });
});

function spelledOut(groups: readonly number[]): string {
  return groups.map((value) => value.toString(16).padStart(4, "0")).join(":");
}

function quad(high: number, low: number): string {
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

/**
 * The WHATWG URL parser writes IPv6 as RFC 5952 does; only mapped addresses are not IPv4 to it. It is given groups alone:
 * WebKit's, which is Bun's, refuses some valid addresses that end in a dotted quad, such as `::1:2:3:4:5.6.7.8`.
 */
function canonicalByUrl(text: string): string {
  const groups = text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_quad, a, b, c, d) =>
    [a * 256 + Number(b), c * 256 + Number(d)].map((group) => group.toString(16)).join(":"),
  );
  const host = new URL(`http://[${groups}]/`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(host);
  if (mapped === null) return host;
  return quad(Number.parseInt(mapped[1] as string, 16), Number.parseInt(mapped[2] as string, 16));
}
