/** `etl keys generate`: makes the key that personal fields are masked under. */

import { randomBytes } from "node:crypto";
import { closeSync, fchmodSync, fsyncSync, openSync, rmSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { EtlError } from "../errors.ts";
import { defaultKeyFile } from "../settings/mask-key.ts";
import type { KeysGenerateOptions } from "../settings/options.ts";
import { printable } from "../terminal/text.ts";
import { shellQuoted } from "../text/shell-quoted.ts";
import type { Context } from "./context.ts";

/** As long as the output of SHA-256, beyond which a longer HMAC key adds nothing (RFC 2104, section 3). */
const keyBytes = 32;

/**
 * Writes a new random key to a new file of mode 0600 and prints the line of environment that names it.
 * The key itself is printed nowhere.
 *
 * @throws EtlError of kind config if the file exists already or cannot be made
 */
export async function runKeysGenerate(context: Context, options: KeysGenerateOptions): Promise<number> {
  const path = resolve(options.file ?? defaultKeyFile);
  if (options.file === "") {
    throw new EtlError({
      kind: "usage",
      operation: "keys generate",
      message: "the name of the key file is empty",
      hint: "etl keys generate",
    });
  }
  createKeyFile(path, newMaskKey());
  // A comment and a command, so that both a person and `eval` can read it.
  await context.stdout.write(
    `# The mask key is in ${printable(path)}\nexport ETL_MASK_KEY_FILE=${printable(shellQuoted(path))}\n`,
  );
  context.log.warn("back up the key file: without it, new rows no longer join with those masked before");
  return 0;
}

/** A key that nobody can guess. */
export function newMaskKey(): Uint8Array {
  return randomBytes(keyBytes);
}

/**
 * Writes a key to a file of mode 0600 that was not there, so that it is on the disk, or leaves no file behind.
 *
 * @throws EtlError of kind config if the file exists already or cannot be made
 */
export function createKeyFile(path: string, key: Uint8Array): void {
  let descriptor: number | undefined;
  try {
    // `wx` is O_CREAT | O_EXCL, which also follows no symbolic link.
    descriptor = openSync(path, "wx", 0o600);
    // The mode given to open is cut by the umask, and a key file its owner cannot read is no use.
    fchmodSync(descriptor, 0o600);
    writeFileSync(descriptor, `${Buffer.from(key).toString("base64")}\n`);
    fsyncSync(descriptor);
    syncFolder(dirname(path));
  } catch (error) {
    if (descriptor !== undefined) rmSync(path, { force: true });
    throw creationError(path, error);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** The file's name is kept by its folder, which has to reach the disk too. */
export function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function creationError(path: string, error: unknown): EtlError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
  const folder = dirname(path);
  const another = "name another file: etl keys generate FILE";
  const parts: Readonly<Record<string, readonly [message: string, hint: string]>> = {
    EEXIST: [`${path} already exists, and a key is never overwritten`, another],
    ENOENT: [`the folder ${folder} does not exist`, `mkdir -p ${shellQuoted(folder)}`],
    ENOTDIR: [`${folder} is not a folder`, another],
    EACCES: [`this user may not write to ${folder}`, another],
    EROFS: [`${folder} is on a read-only file system`, another],
  };
  const [message, hint] = parts[code] ?? [
    `${path} cannot be written (${code})`,
    `ls -ld ${shellQuoted(folder)}`,
  ];
  return new EtlError({ kind: "config", operation: "keys generate", message, hint });
}
