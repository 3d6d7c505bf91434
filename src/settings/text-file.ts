/** Reads the files that settings, secrets and certificates are kept in, and tells who else may read them. */

import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { EtlError } from "../errors.ts";

/** A file that was read. */
export interface TextFile {
  readonly text: string;
  /** Whether its mode lets anyone but its owner read or change it. */
  readonly openToOthers: boolean;
}

/**
 * Reads a file; undefined if there is none.
 *
 * @throws EtlError of kind config if it is there and cannot be read as text
 */
export type ReadFile = (path: string) => TextFile | undefined;

/** Above every settings file and bundle of certificates, and below what would hurt. */
const largestBytes = 1024 * 1024;

/** {@link ReadFile} from the file system: a regular file of valid UTF-8, at most 1 MiB. */
export const readTextFile: ReadFile = (path) => {
  const descriptor = open(path);
  if (descriptor === undefined) return undefined;
  try {
    // Asked of the open file, not of its name: what is checked is what is read.
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw refusal(path, "is not a regular file");
    const content = Buffer.alloc(largestBytes + 1);
    let length = 0;
    for (;;) {
      const count = readSync(descriptor, content, length, content.length - length, null);
      if (count === 0) break;
      length += count;
    }
    if (length > largestBytes) throw refusal(path, "is larger than 1 MiB");
    return { text: decode(path, content.subarray(0, length)), openToOthers: (stats.mode & 0o077) !== 0 };
  } catch (error) {
    if (error instanceof EtlError) throw error;
    throw refusal(path, `cannot be read (${errorCode(error)})`);
  } finally {
    closeSync(descriptor);
  }
};

/** What a file that holds a secret must be. */
export function requireOwnerOnly(path: string, file: TextFile, holds: string): void {
  if (!file.openToOthers) return;
  throw new EtlError({
    kind: "config",
    operation: "settings",
    message: `${path} holds ${holds}, and others than its owner may read or change it`,
    hint: `chmod 600 ${path}`,
  });
}

function open(path: string): number | undefined {
  try {
    // Without O_NONBLOCK a named pipe would hold us here for ever.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw refusal(path, code === "EACCES" ? "may not be read by this user" : `cannot be read (${code})`);
  }
}

function decode(path: string, content: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch {
    throw refusal(path, "is not text in UTF-8");
  }
}

function refusal(path: string, what: string): EtlError {
  return new EtlError({
    kind: "config",
    operation: "settings",
    message: `${path} ${what}`,
    hint: `ls -l ${path}`,
  });
}

function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown error";
}
