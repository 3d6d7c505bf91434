/** The files that a set-up leaves behind: each whole or not there, and for their owner alone. */

import { randomUUID } from "node:crypto";
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { EtlError } from "../../errors.ts";
import { shellQuoted } from "../../text/shell-quoted.ts";
import { syncFolder } from "../keys.ts";

/**
 * Refuses a place that nothing can be written to, before anything is asked.
 *
 * @throws EtlError of kind config
 */
export function requireWritable(path: string): void {
  try {
    accessSync(dirname(path), constants.W_OK | constants.X_OK);
  } catch (error) {
    throw writeError(path, error);
  }
}

/**
 * Writes a file of mode 0600 in one step: who reads it meanwhile reads the old one or the new one, and so does who reads
 * it after a crash. A symbolic link stays one, and what it leads to is replaced.
 *
 * @throws EtlError of kind config; what was there is then as it was
 */
export function replaceFile(path: string, text: string): void {
  const target = existsSync(path) ? realpathSync(path) : path;
  const folder = dirname(target);
  const temporary = join(folder, `.${basename(target)}.${randomUUID()}`);
  try {
    const descriptor = openSync(temporary, "wx", 0o600);
    try {
      // The mode given to open is cut by the umask.
      fchmodSync(descriptor, 0o600);
      writeFileSync(descriptor, text);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, target);
    syncFolder(folder);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw writeError(path, error);
  }
}

function writeError(path: string, error: unknown): EtlError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
  return new EtlError({
    kind: "config",
    operation: "init",
    message: `${path} cannot be written (${code})`,
    hint: `ls -ld ${shellQuoted(dirname(path))}, or name another file with --config`,
  });
}
