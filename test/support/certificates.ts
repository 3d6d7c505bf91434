/** Certificate authorities and the certificates they sign, made anew in each test run. */

import * as x509 from "@peculiar/x509";

/** A certificate and its private key, both in PEM. */
export interface CertifiedKey {
  readonly certificate: string;
  readonly key: string;
}

/** Whom a certificate is for, and when. */
export interface CertificateRequest {
  readonly dnsNames?: readonly string[];
  readonly addresses?: readonly string[];
  /** @defaultValue an hour ago */
  readonly notBefore?: Date;
  /** @defaultValue in an hour */
  readonly notAfter?: Date;
}

/** An authority with a certificate that it signed itself. */
export interface CertificateAuthority {
  /** In PEM. */
  readonly certificate: string;
  issue(request: CertificateRequest): Promise<CertifiedKey>;
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const hourMillis = 3_600_000;

/** Makes an authority. */
export async function createAuthority(name: string): Promise<CertificateAuthority> {
  x509.cryptoProvider.set(crypto);
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: algorithm,
    ...validity({}),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  return {
    certificate: authority.toString("pem"),
    async issue(request) {
      const { dnsNames = [], addresses = [] } = request;
      const own = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
      const certificate = await x509.X509CertificateGenerator.create({
        subject: "CN=a database",
        issuer: authority.subject,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: algorithm,
        ...validity(request),
        extensions: [
          new x509.SubjectAlternativeNameExtension([
            ...dnsNames.map((value) => ({ type: "dns", value }) as const),
            ...addresses.map((value) => ({ type: "ip", value }) as const),
          ]),
        ],
      });
      const key = await crypto.subtle.exportKey("pkcs8", own.privateKey);
      return { certificate: certificate.toString("pem"), key: x509.PemConverter.encode(key, "PRIVATE KEY") };
    },
  };
}

function validity({ notBefore, notAfter }: CertificateRequest): { notBefore: Date; notAfter: Date } {
  return {
    notBefore: notBefore ?? new Date(Date.now() - hourMillis),
    notAfter: notAfter ?? new Date(Date.now() + hourMillis),
  };
}
