/** How a mistake on the command line is told. */

import { EtlError } from "../errors.ts";

/** The error, which ends with exit 64. */
export function usageError(message: string, hint = "etl --help"): EtlError {
  return new EtlError({ kind: "usage", operation: "command line", message, hint });
}

/** The end of a message that found no such name; nothing where none is near. */
export function didYouMean(name: string | undefined): string {
  return name === undefined ? "" : `; did you mean ${name}?`;
}
