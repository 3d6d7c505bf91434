/** Tells a person why the program ended: once, in two lines, and never with what an exception quotes. */

import { EtlError, exitCodes } from "../errors.ts";
import { printable } from "../terminal/printable.ts";

/** What is printed on standard error, and the code to end with. */
export interface Failure {
  readonly text: string;
  readonly exitCode: number;
}

/** The failure that anything thrown ends the program with. */
export function describeFailure(thrown: unknown): Failure {
  if (!(thrown instanceof EtlError)) return describeBug(thrown);
  const lines = [`error: ${printable(thrown.message)}`];
  if (thrown.hint !== undefined) lines.push(`try: ${printable(thrown.hint)}`);
  return { text: `${lines.join("\n")}\n`, exitCode: thrown.exitCode };
}

/** An exception's message may quote a row or a password: its class and the places in our code must do. */
function describeBug(thrown: unknown): Failure {
  const name = thrown instanceof Error ? thrown.constructor.name : typeof thrown;
  const lines = [`error: internal: ${/^\w{1,40}$/.test(name) ? name : "an unnamed error"}`];
  for (const place of ownPlaces(thrown)) lines.push(`  at ${place}`);
  lines.push("try: run it again, which is safe; if it comes back, report these lines as a bug");
  return { text: `${lines.join("\n")}\n`, exitCode: exitCodes.internal };
}

/** A frame in our own code: the source file, or without a source map the line and column in the executable. */
const ownFrame = /^ +at .*?(src\/[a-z0-9/-]+\.ts:[0-9]+|\$bunfs\/root\/[\w.-]+:[0-9]+:[0-9]+)/gm;

/** The innermost frames in our own code, such as `src/drain/drain.ts:42`. */
function ownPlaces(thrown: unknown): string[] {
  if (!(thrown instanceof Error) || typeof thrown.stack !== "string") return [];
  // The stack begins with the message, which may hold lines that look like frames.
  const start = thrown.stack.indexOf(thrown.message);
  if (start < 0) return [];
  const frames = thrown.stack.slice(start + thrown.message.length);
  return Array.from(frames.matchAll(ownFrame), ([, place = ""]) => place).slice(0, 8);
}
