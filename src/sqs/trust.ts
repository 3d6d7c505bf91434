/** Whom to trust for TLS, where a person names their own authorities. */

import { readFileSync } from "node:fs";
import { EtlError } from "../errors.ts";

/**
 * Reads the file that `AWS_CA_BUNDLE` names: certificates in PEM, trusted in place of the built-in ones.
 *
 * @returns undefined where the variable is not set
 * @throws EtlError of kind config where the file cannot be read or holds no certificate
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-gen-config.html
 */
export function readCaBundle(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const path = env.AWS_CA_BUNDLE;
  if (path === undefined || path === "") return undefined;
  let bundle: string;
  try {
    bundle = readFileSync(path, "utf8");
  } catch (cause) {
    throw unusable("the file that AWS_CA_BUNDLE names cannot be read", cause);
  }
  if (!bundle.includes("-----BEGIN CERTIFICATE-----")) {
    throw unusable("the file that AWS_CA_BUNDLE names holds no certificate in PEM");
  }
  return bundle;
}

function unusable(message: string, cause?: unknown): EtlError {
  const hint = "AWS_CA_BUNDLE=/path/to/authorities.pem";
  return new EtlError({ kind: "config", operation: "AWS_CA_BUNDLE", message, hint, cause });
}
