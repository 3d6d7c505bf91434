/** A certificate authority of its own, and a certificate for one IPv4 address, made anew for each run. */

import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";

/** All in PEM. */
export interface Certificates {
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

/** Makes an authority and a certificate that it signed for the address, good for an hour. */
export function makeCertificates(address: string): Certificates {
  const authority = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const server = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const basicConstraints = extension([0x55, 0x1d, 0x13], sequence(tlv(0x01, Buffer.from([0xff]))));
  const ipAddress = tlv(0x87, Buffer.from(address.split(".").map(Number)));
  const alternativeName = extension([0x55, 0x1d, 0x11], sequence(ipAddress));
  return {
    authority: certify(authority.publicKey, "etl test authority", basicConstraints, authority.privateKey),
    certificate: certify(server.publicKey, "etl test server", alternativeName, authority.privateKey),
    key: server.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

/** One X.509 certificate. @see https://www.rfc-editor.org/rfc/rfc5280#section-4.1 */
function certify(publicKey: KeyObject, subject: string, extensions: Buffer, issuerKey: KeyObject): string {
  const ecdsaWithSha256 = sequence(tlv(0x06, Buffer.from([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02])));
  const version3 = tlv(0xa0, tlv(0x02, Buffer.from([2])));
  const serialNumber = tlv(0x02, Buffer.from([1, ...crypto.getRandomValues(new Uint8Array(8))]));
  const validity = sequence(time(Date.now() - 60_000), time(Date.now() + 3_600_000));
  const content = sequence(
    version3,
    serialNumber,
    ecdsaWithSha256,
    commonName("etl test authority"),
    validity,
    commonName(subject),
    publicKey.export({ type: "spki", format: "der" }),
    tlv(0xa3, sequence(extensions)),
  );
  const signature = tlv(0x03, Buffer.from([0]), sign("sha256", content, issuerKey));
  const lines =
    sequence(content, ecdsaWithSha256, signature)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
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
