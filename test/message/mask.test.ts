import { describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import fc from "fast-check";
import { createMasker, pseudonymCharacters } from "../../src/message/mask.ts";

const key = Uint8Array.from({ length: 32 }, (_, index) => index);
const otherKey = key.map((byte) => byte ^ 1);
const hmac = createMasker({ defaultMethod: "hmac", key });
const sha256 = createMasker({ defaultMethod: "sha256" });

describe("hmac", () => {
  // These values are stored in people's tables: a change here breaks their joins. Computed apart from this code.
  test.each([
    [
      "ip",
      "ip",
      "199.172.111.135",
      "hmac:ce5285c1:2ac6fdae9655b2a0027ea3c2faea6937a7c30d07d1269279db17382e4ee99c78",
    ],
    [
      "ip",
      "ip",
      "2001:DB8:0:0::1",
      "hmac:ce5285c1:690d9cdcc81a0824b375baac7a303d2b5b515051fe51b3a48018621f808bc85d",
    ],
    [
      "device_id",
      undefined,
      "593-47-5928",
      "hmac:ce5285c1:259f2318e35dfaec583007cc10b96156d6212f65ca59b595db76f0e9804bda3a",
    ],
    [
      "device_id",
      undefined,
      "",
      "hmac:ce5285c1:6f90b9778264c2375846a7f78ae748c89030393503bf7d310d715abb1a33aab7",
    ],
    [
      "device_id",
      undefined,
      "日本 😀",
      "hmac:ce5285c1:e2f3e72f3a2b9af8907237247c2ae7d72d0a9541be4e04e5427eb5069814e10d",
    ],
  ] as const)("golden value: %s, canonical %p, %j", (field, canonical, value, pseudonym) => {
    expect(hmac.forField(field, canonical === undefined ? {} : { canonical })(value) as string).toBe(
      pseudonym,
    );
    expect(pseudonym).toHaveLength(pseudonymCharacters.hmac);
  });

  test("is HMAC-SHA-256 under a key of HKDF-SHA-256, for any key, field and value (RFC 2104, RFC 5869)", () => {
    const hash = (secret: Uint8Array | string, ...data: (Uint8Array | string)[]) => {
      const bytes = Buffer.concat(data.map((each) => Buffer.from(each as string)));
      return createHmac("sha256", secret).update(bytes).digest();
    };
    const text = fc.string({ unit: "grapheme", maxLength: 20 });
    const anyKey = fc.uint8Array({ minLength: 32, maxLength: 150 });
    fc.assert(
      fc.property(anyKey, text, text, (secret, field, value) => {
        const extracted = hash("etl mask v1", secret);
        const keyId = hash(extracted, "key id", Uint8Array.of(1)).subarray(0, 4).toString("hex");
        const digest = hash(hash(extracted, `field:${field}`, Uint8Array.of(1)), value).toString("hex");
        const mask = createMasker({ defaultMethod: "hmac", key: secret }).forField(field);
        for (let round = 0; round < 2; round += 1)
          expect<unknown>(mask(value)).toBe(`hmac:${keyId}:${digest}`);
      }),
    );
  });

  test("equal values have equal pseudonyms, across runs and whatever came between; others have others", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }), (one, other) => {
        const mask = hmac.forField("ip");
        const first = mask(one);
        expect(mask(one) === mask(other)).toBe(one === other);
        expect(mask(one)).toBe(first);
        expect(createMasker({ defaultMethod: "hmac", key }).forField("ip")(one)).toBe(first);
      }),
    );
  });

  test("another field or another key gives another pseudonym", () => {
    const rekeyed = createMasker({ defaultMethod: "hmac", key: otherKey });
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.string(), fc.string(), (value, field, otherField) => {
        fc.pre(field !== otherField);
        const pseudonym = hmac.forField(field)(value);
        expect(hmac.forField(otherField)(value)).not.toBe(pseudonym);
        expect(rekeyed.forField(field)(value)).not.toBe(pseudonym);
      }),
    );
  });

  test("only a field that holds addresses has a canonical form", () => {
    const [address, text] = [hmac.forField("ip", { canonical: "ip" }), hmac.forField("ip")];
    expect(address("::ffff:192.0.2.1")).toBe(address("192.0.2.1"));
    expect(address("2001:DB8::1")).toBe(text("2001:db8::1"));
    expect(text("2001:DB8::1")).not.toBe(text("2001:db8::1"));
  });

  test("a key need not be kept by who gave it", () => {
    const lent = Uint8Array.from(key);
    const mask = createMasker({ defaultMethod: "hmac", key: lent }).forField("device_id");
    lent.fill(0);
    expect(mask("593-47-5928")).toBe(hmac.forField("device_id")("593-47-5928"));
  });

  test("without a key nothing is masked, and nothing else needs one", () => {
    const keyless = createMasker({ defaultMethod: "hmac" });
    for (const options of [{}, { method: "hmac" }] as const) {
      expect(() => keyless.forField("ip", options)).toThrow(
        expect.objectContaining({ name: "EtlError", kind: "config", hint: "etl keys generate" }),
      );
    }
    expect(keyless.forField("ip", { method: "redact" })("x") as string).toBe("[redacted]");
    expect(keyless.forField("ip", { method: "sha256" })("x")).toHaveLength(64);
  });

  test("a field's own method goes before the run's", () => {
    expect(sha256.forField("ip", { method: "redact" })("x") as string).toBe("[redacted]");
    const keyed = createMasker({ defaultMethod: "sha256", key });
    expect(keyed.forField("ip", { method: "hmac" })("x")).toBe(hmac.forField("ip")("x"));
    expect(keyed.forField("ip")("x")).toBe(sha256.forField("ip")("x"));
  });

  test.each([[0], [16], [31]])("a key of %d bytes is refused", (length) => {
    expect(() => createMasker({ defaultMethod: "hmac", key: key.slice(0, length) })).toThrow(
      expect.objectContaining({ name: "EtlError", kind: "config", hint: "etl keys generate" }),
    );
  });

  test("a field's name that no key can be derived for is refused", () => {
    expect(hmac.forField("é".repeat(509))("x")).toHaveLength(78);
    expect(() => hmac.forField("é".repeat(510))).toThrow(
      expect.objectContaining({ name: "EtlError", kind: "config" }),
    );
  });
});

describe("sha256", () => {
  test.each([
    ["199.172.111.135", "a6d0e2f27f6111e10b06790db42f34123e724aa0fd24b280f4a0ef5ee986784c"],
    ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  ])("%j", (value, pseudonym) => {
    expect(sha256.forField("ip", { canonical: "ip" })(value) as string).toBe(pseudonym);
    expect(sha256.forField("device_id")(value) as string).toBe(pseudonym);
    expect(pseudonym).toHaveLength(pseudonymCharacters.sha256);
  });

  test("masks the text as it came, without a canonical form", () => {
    const mask = sha256.forField("ip", { canonical: "ip" });
    expect(mask("2001:DB8::1")).not.toBe(mask("2001:db8::1"));
  });
});
