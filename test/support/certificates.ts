/** Certificate authorities and the certificates they sign, made anew in each test run. */

import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

/** A certificate and its private key, both in PEM. */
interface CertifiedKey {
  readonly certificate: string;
  readonly key: string;
}

/** Whom a certificate is for, and when. */
interface CertificateRequest {
  readonly dnsNames?: readonly string[];
  /** IPv4 addresses. */
  readonly addresses?: readonly string[];
  /** Milliseconds from now. @defaultValue an hour ago */
  readonly validFromMillis?: number;
  /** Milliseconds from now. @defaultValue in an hour */
  readonly validUntilMillis?: number;
}

/** An authority with a certificate that it signed itself. */
export interface CertificateAuthority {
  /** In PEM. */
  readonly certificate: string;
  issue(request: CertificateRequest): CertifiedKey;
}

/** Makes an authority. */
export function createAuthority(name: string): CertificateAuthority {
  const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const issuer = { name, privateKey: keys.privateKey };
  const basicConstraints = extension([0x55, 0x1d, 0x13], sequence(tlv(0x01, Buffer.from([0xff]))));
  return {
    certificate: certify({ subject: name, publicKey: keys.publicKey, extensions: basicConstraints, issuer }),
    issue({ dnsNames = [], addresses = [], validFromMillis, validUntilMillis }) {
      const own = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const names = [
        ...dnsNames.map((dnsName) => tlv(0x82, Buffer.from(dnsName))),
        ...addresses.map((address) => tlv(0x87, Buffer.from(address.split(".").map(Number)))),
      ];
      const extensions = extension([0x55, 0x1d, 0x11], sequence(...names));
      const subject = "a test server";
      return {
        certificate: certify({
          subject,
          publicKey: own.publicKey,
          extensions,
          issuer,
          validFromMillis,
          validUntilMillis,
        }),
        key: own.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
      };
    },
  };
}

interface Certificate {
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly extensions: Buffer;
  readonly issuer: { readonly name: string; readonly privateKey: KeyObject };
  readonly validFromMillis?: number | undefined;
  readonly validUntilMillis?: number | undefined;
}

const hourMillis = 3_600_000;

/** One X.509 certificate in PEM. @see https://www.rfc-editor.org/rfc/rfc5280#section-4.1 */
function certify(request: Certificate): string {
  const { subject, publicKey, extensions, issuer } = request;
  const { validFromMillis = -hourMillis, validUntilMillis = hourMillis } = request;
  const ecdsaWithSha256 = sequence(tlv(0x06, Buffer.from([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02])));
  const content = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, Buffer.from([1]), randomBytes(8)),
    ecdsaWithSha256,
    commonName(issuer.name),
    sequence(time(Date.now() + validFromMillis), time(Date.now() + validUntilMillis)),
    commonName(subject),
    publicKey.export({ type: "spki", format: "der" }),
    tlv(0xa3, sequence(extensions)),
  );
  const signature = tlv(0x03, Buffer.from([0]), sign("sha256", content, issuer.privateKey));
  const lines = sequence(content, ecdsaWithSha256, signature).toString("base64").replace(/.{64}/g, "$&\n");
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

function commonName(name: string): Buffer {
  const attribute = sequence(tlv(0x06, Buffer.from([0x55, 0x04, 0x03])), tlv(0x0c, Buffer.from(name)));
  return sequence(tlv(0x31, attribute));
}

function extension(id: readonly number[], value: Buffer): Buffer {
  return sequence(tlv(0x06, Buffer.from(id)), tlv(0x04, value));
}

/** A UTCTime. */
function time(millis: number): Buffer {
  const digits = new Date(millis).toISOString().replace(/\.\d+|[-:T]/g, "");
  return tlv(0x17, Buffer.from(digits.slice(2)));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tlv(0x30, ...parts);
}

/** Tag, length and value in DER. */
function tlv(tag: number, ...parts: readonly Buffer[]): Buffer {
  const value = Buffer.concat(parts);
  const { length } = value;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), value]);
}
