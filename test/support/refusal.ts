/** Catches the error that an action must end with, for tests of what it says. */

import { expect } from "bun:test";
import { EtlError } from "../../src/errors.ts";

/** The `EtlError` that the action throws; fails the test where it throws none. */
export function refusalOf(action: () => unknown): EtlError {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(EtlError);
    return error as EtlError;
  }
  throw new Error("nothing was refused");
}

/** All that a person or a log could see of the error, nested causes included. */
export function everyWordOf(error: EtlError): string {
  return [error.message, error.hint ?? "", String(error.stack), Bun.inspect(error)].join("\n");
}
