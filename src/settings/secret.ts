/** Reads the secrets that `etl.toml` names and does not hold: from a variable, or from a file for its owner alone. */

import type { Environment } from "../commands/context.ts";
import { EtlError } from "../errors.ts";
import { type ReadFile, requireOwnerOnly } from "./text-file.ts";

/** Where a secret is to be looked for. */
export type SecretReference =
  | { readonly in: "environment"; readonly name: string }
  /** The path as it was written. */
  | { readonly in: "file"; readonly path: string };

/** What a secret is read with. */
export interface SecretPlaces {
  readonly env: Environment;
  readonly readFile: ReadFile;
  /** The path as the current folder sees it. */
  readonly resolvePath: (written: string) => string;
}

const written = /^(?:env:(?<name>[A-Za-z_][A-Za-z0-9_]*)|file:(?<path>.+))$/s;

/** Whether a text is `env:NAME` or `file:PATH`. */
export function isSecretReference(text: string): boolean {
  return written.test(text);
}

/** The place that `env:NAME` or `file:PATH` names; undefined for any other text. */
export function secretReference(text: string): SecretReference | undefined {
  const { name, path } = written.exec(text)?.groups ?? {};
  if (name !== undefined) return { in: "environment", name };
  return path === undefined ? undefined : { in: "file", path };
}

/**
 * The secret, without a file's last newline.
 *
 * @param key what names it in `etl.toml`, such as `database.password`
 * @param is what it is, such as `the database's password`
 * @throws EtlError of kind config where it is not there, not one line, or open to others
 */
export function readSecret(
  reference: SecretReference,
  key: string,
  is: string,
  places: SecretPlaces,
): string {
  if (reference.in === "environment") {
    const value = places.env[reference.name] ?? "";
    if (value !== "") return value;
    throw secretError(`${reference.name}, which ${key} names, is not set`, `export ${reference.name}=…`);
  }
  const path = places.resolvePath(reference.path);
  const file = places.readFile(path);
  if (file === undefined) {
    throw secretError(`the file ${path}, which ${key} names, does not exist`, `change ${key} in etl.toml`);
  }
  requireOwnerOnly(path, file, is);
  const secret = file.text.replace(/\r?\n$/, "");
  if (secret !== "" && !/[\r\n]/.test(secret)) return secret;
  throw secretError(`${path} must hold ${is} on one line, and nothing else`, `edit ${path}`);
}

function secretError(message: string, hint: string): EtlError {
  return new EtlError({ kind: "config", operation: "settings", message, hint });
}
