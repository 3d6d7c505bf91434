import { hkdfSync } from "node:crypto";
import { EtlError } from "../errors.ts";
import { canonicalIp, truncateIp } from "./ip.ts";
import type { DefaultMaskMethod, MaskStep } from "./mapping.ts";
import type { Masked, Refusal } from "./message.ts";

/** The length of SHA-256, in bytes. A mask key must not be shorter. */
const hashBytes = 32;

/** How a run masks if a column does not say it. */
export interface MaskerParts {
  /** `sha256` has no key: whoever can list the possible values can reverse it. */
  readonly defaultMethod: DefaultMaskMethod;
  /** Needed as soon as a field is masked with `hmac`; what is derived from it outlives a wiped key. */
  readonly key?: Uint8Array;
}

/**
 * Masks one field's values, which must be well-formed: lone surrogates would mask alike. Only truncation refuses a
 * value: one that is not an IP address.
 */
export type MaskValue = (value: string) => Masked | Refusal;

/** How long the pseudonyms of each method are, in characters. */
export const pseudonymCharacters = { hmac: 78, sha256: 64 } as const;

/** What stands in a redacted column for every value. */
export const redacted = "[redacted]";

/** Makes the pseudonyms of a run. */
export interface Masker {
  /** The {@link maskKeyId} of its key; undefined if it has none. */
  readonly keyId: string | undefined;
  /**
   * The masking of one field.
   *
   * @param field the source's name: tables that mask the same field of the same messages join, whatever their
   * columns are called, and equal values of two fields do not
   * @param step how the field is masked; by default with the run's method, without a canonical form
   * @throws EtlError `config` if the method is `hmac` and there is no key, or if the field's name is too long to derive
   * a key for
   */
  forField(field: string, step?: Omit<MaskStep, "kind">): MaskValue;
}

/** What each pseudonym of `hmac` begins with; the key id and a colon follow. */
export const pseudonymPrefix = "hmac:";

/** Bound into every derived key. With another text, every stored pseudonym would stop joining. */
const derivationSalt = "etl mask v1";

/** The longest `info` that `hkdfSync` takes, in bytes. */
const maxInfoBytes = 1024;

/**
 * Makes a masker.
 *
 * - `hmac` gives `hmac:<key id>:<HMAC-SHA-256 as hex>`, 78 characters, under a key derived for each field with
 *   HKDF-SHA-256. The key id, {@link maskKeyId}, is derived in the same way under a label of its own.
 * - `sha256` gives the plain hex SHA-256 of the value exactly as it came, without any canonical form, to match values
 *   that a table already holds.
 * - `truncate` gives the network of an IP address, as {@link truncateIp} does.
 * - `redact` gives {@link redacted}, whatever the value.
 *
 * @throws EtlError `config` if the key is shorter than 32 bytes
 * @see https://www.rfc-editor.org/rfc/rfc5869
 */
export function createMasker({ defaultMethod, key }: MaskerParts): Masker {
  if (key !== undefined && key.byteLength < hashBytes)
    throw unusable(`the mask key has ${key.byteLength} bytes; ${hashBytes} or more are needed`);
  const keyId = key && maskKeyId(key);
  return {
    keyId,
    forField(field, { method = defaultMethod, canonical } = {}) {
      switch (method) {
        case "hmac": {
          if (key === undefined) throw unusable("there is no mask key, and a column is masked with hmac");
          // Keyed once and copied for each value: faster than a new one, and several times as fast as `createHmac`.
          const keyed = new Bun.CryptoHasher("sha256", derive(key, `field:${field}`, hashBytes));
          const prefix = `${pseudonymPrefix}${keyId}:`;
          const pseudonym = (value: string) =>
            `${prefix}${keyed.copy().update(value).digest("hex")}` as Masked;
          return canonical === "ip" ? (value) => pseudonym(canonicalIp(value)) : pseudonym;
        }
        case "sha256":
          return (value) => Bun.CryptoHasher.hash("sha256", value, "hex") as Masked;
        case "truncate":
          return (value) => truncateIp(value, field);
        case "redact":
          return () => redacted as Masked;
      }
    },
  };
}

/** What stands in each pseudonym of a key: 8 hex digits that tell two keys apart and reveal nothing of either. */
export function maskKeyId(key: Uint8Array): string {
  return derive(key, "key id", 4).toString("hex");
}

/** HKDF-SHA-256 of the key under a label. */
function derive(key: Uint8Array, label: string, bytes: number): Buffer {
  if (Buffer.byteLength(label) > maxInfoBytes)
    throw unusable(
      `a masked field's name is longer than ${maxInfoBytes - Buffer.byteLength("field:")} bytes`,
      "give the field a shorter name in the mapping",
    );
  return Buffer.from(hkdfSync("sha256", key, derivationSalt, label, bytes));
}

function unusable(message: string, hint = "etl keys generate"): EtlError {
  return new EtlError({ kind: "config", operation: "mask", message, hint });
}
