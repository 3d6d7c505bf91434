/** Reads `sslmode` and `sslrootcert` with libpq's meanings; the driver's own reading is too trusting. */

import { X509Certificate } from "node:crypto";
import { unusable } from "./connection-url.ts";

const tlsModes = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] as const;

/** How a connection is encrypted, and what of the server's certificate is checked. */
export type TlsMode = (typeof tlsModes)[number];

/** How to encrypt, and whom to trust. */
export interface TlsSettings {
  /** `verify-ca` checks who signed the certificate, `verify-full` also whose it is; the others check nothing. */
  readonly mode: TlsMode;
  /** The certificates to trust, as PEM, or the operating system's own; only if something is checked. */
  readonly authorities?: string | "system";
}

/** Whether a mode looks at the server's certificate. */
export function verifies(mode: TlsMode): mode is "verify-ca" | "verify-full" {
  return mode === "verify-ca" || mode === "verify-full";
}

/** What the reading rests on. */
export interface TlsSources {
  readonly sslmode: string | undefined;
  /** A path, or the word `system`. */
  readonly sslrootcert: string | undefined;
  /** Where libpq looks without `sslrootcert`: `~/.postgresql/root.crt`. */
  readonly defaultRootPath: string | undefined;
  /** Undefined where there is no such file. */
  readonly readText: (path: string) => string | undefined;
}

/**
 * Decides how to encrypt. `require` becomes `verify-ca` if there is a root certificate file, as in libpq; unlike
 * there, a file that was named and is not there is an error in every mode that would have used it.
 *
 * @throws EtlError `config`
 * @see https://www.postgresql.org/docs/current/libpq-ssl.html
 */
export function readTlsSettings({
  sslmode,
  sslrootcert,
  defaultRootPath,
  readText,
}: TlsSources): TlsSettings {
  const mode = readMode(sslmode ?? (sslrootcert === "system" ? "verify-full" : "prefer"));
  if (sslrootcert === "system") {
    if (mode !== "verify-full") {
      throw unusable(`sslrootcert=system cannot go with sslmode=${mode}`, "use sslmode=verify-full with it");
    }
    return { mode, authorities: "system" };
  }
  if (mode !== "require" && !verifies(mode)) return { mode };
  const path = sslrootcert ?? defaultRootPath;
  const text = path === undefined ? undefined : readText(path);
  if (text !== undefined) {
    return { mode: mode === "require" ? "verify-ca" : mode, authorities: readCertificates(text) };
  }
  if (sslrootcert !== undefined) {
    throw unusable("the file that sslrootcert names is not there", "correct sslrootcert (PGSSLROOTCERT)");
  }
  if (mode === "require") return { mode };
  throw unusable(
    `sslmode=${mode} needs the certificate of the authority to trust`,
    "set sslrootcert (PGSSLROOTCERT) to its file, or to the word system with sslmode=verify-full",
  );
}

function readMode(text: string): TlsMode {
  const mode = tlsModes.find((known) => known === text);
  if (mode !== undefined) return mode;
  throw unusable("sslmode (PGSSLMODE) has a value that does not exist", `use one of ${tlsModes.join(", ")}`);
}

/** A file without a certificate would leave a TLS library with its own idea of whom to trust. */
function readCertificates(text: string): string {
  const certificates = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  let fault = certificates.length === 0 ? "no certificate" : undefined;
  try {
    for (const certificate of certificates) new X509Certificate(certificate);
  } catch {
    fault = "a broken certificate";
  }
  if (fault === undefined) return certificates.join("\n");
  throw unusable(`the file that sslrootcert names holds ${fault}`, "give a file of PEM certificates");
}
