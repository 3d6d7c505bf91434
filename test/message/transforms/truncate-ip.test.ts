import { expect, test } from "bun:test";
import { isIP } from "node:net";
import fc from "fast-check";
import { isRefusal } from "../../../src/message/rejection.ts";
import { truncateIp } from "../../../src/message/transforms/truncate-ip.ts";

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
