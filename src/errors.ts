/** The one error type of the program, and the exit code each of its kinds ends a run with. */

/** What went wrong, seen from the person who has to act on it. */
export type ErrorKind =
  | "usage"
  | "data"
  | "unavailable"
  | "internal"
  | "temporary"
  | "protocol"
  | "permission"
  | "config";

/**
 * Exit code per kind, after BSD's sysexits.
 *
 * @see https://man.openbsd.org/sysexits
 */
export const exitCodes: Readonly<Record<ErrorKind, number>> = {
  usage: 64,
  data: 65,
  unavailable: 69,
  internal: 70,
  temporary: 75,
  protocol: 76,
  permission: 77,
  config: 78,
};

/** What an {@link EtlError} is made of. */
export interface EtlErrorParts {
  readonly kind: ErrorKind;
  /** What was being done, such as `receive` or `load`. */
  readonly operation: string;
  /** One sentence for a person: no secret, no row value, no raw message text. */
  readonly message: string;
  /** What to type or change next, printed behind `try: `. */
  readonly hint?: string | undefined;
  /** Whether the same operation may succeed if it is tried again. @defaultValue false */
  readonly retryable?: boolean | undefined;
  /** The service's own code (an AWS error code, a SQLSTATE), where there is one. */
  readonly code?: string | undefined;
  /** The thing that it is about, such as a queue's name, a table or a setting; never a value of a row. */
  readonly resource?: string | undefined;
  /** Kept for debugging in memory; never printed, as it may quote a row. */
  readonly cause?: unknown;
}

/** An error that a person can act on. Adapters make it once, at the edge; `main` prints it once. */
export class EtlError extends Error {
  override readonly name = "EtlError";
  readonly kind: ErrorKind;
  readonly operation: string;
  readonly hint: string | undefined;
  readonly retryable: boolean;
  readonly code: string | undefined;
  readonly resource: string | undefined;

  constructor(parts: EtlErrorParts) {
    super(parts.message, { cause: parts.cause });
    this.kind = parts.kind;
    this.operation = parts.operation;
    this.hint = parts.hint;
    this.retryable = parts.retryable ?? false;
    this.code = parts.code;
    this.resource = parts.resource;
  }

  /** The exit code that this error ends a run with. */
  get exitCode(): number {
    return exitCodes[this.kind];
  }
}
