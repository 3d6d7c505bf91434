/** Tells what in a `[[table.columns]]` entry cannot work, though each of its keys is right by itself. */

import { conversions, plainText, versionPacking } from "../message/conversions.ts";
import type { ColumnSource, ColumnType, Scalar, VersionBits } from "../message/mapping.ts";
import { epochText } from "../message/time.ts";
import type { FileColumn, TransformName } from "./column-schema.ts";

/** One fault of an entry, by its key. */
export interface ColumnFault {
  readonly key: keyof FileColumn;
  /** What is wrong, behind the key. */
  readonly says: string;
}

/** An entry that was understood so far; `mask` is the last of its steps if the entry has a `mask`. */
export interface ReadEntry extends ValueTaker {
  readonly entry: FileColumn;
  readonly source: ColumnSource;
}

/** The steps after which nothing but a mask can stand, and the types of what they make. */
const typesOfSteps: Readonly<Partial<Record<TransformName, readonly ColumnType[]>>> = {
  version: ["integer", "bigint", "numeric"],
  epoch_seconds: ["timestamptz", "date"],
  epoch_millis: ["timestamptz", "date"],
};

/** What the queue says of a message, if it is no text. */
const typesOfFacts: Readonly<Record<string, readonly ColumnType[]>> = {
  sent_at: ["timestamptz", "date"],
  received_at: ["timestamptz", "date"],
  receive_count: ["integer", "bigint", "numeric"],
};

/** The first thing that cannot work; what else is wrong may come of it. */
export function columnFault(read: ReadEntry): ColumnFault | undefined {
  for (const faults of [stepFaults, typeFaults, maskFaults, sourceFaults, absenceFaults]) {
    const [first] = faults(read);
    if (first !== undefined) return first;
  }
  return undefined;
}

type Faults = Generator<ColumnFault>;

function* stepFaults({ entry, steps }: ReadEntry): Faults {
  const key = "transform";
  for (const [index, step] of steps.entries()) {
    const before = steps[index - 1];
    if (before === "mask") yield { key, says: "must end with mask" };
    // A text that holds JSON in JSON exists, if only by mistake.
    if (steps.indexOf(step) !== index && step !== "json") yield { key, says: `has ${step} twice` };
    if (before === undefined || step === "mask" || typesOfSteps[before] === undefined) continue;
    yield { key, says: `cannot have ${step} behind ${before}, which has made the value already` };
  }
  if (entry.version_bits && !steps.includes("version")) {
    yield { key: "version_bits", says: 'needs transform = "version"' };
  }
}

function* typeFaults({ steps, type, bits }: ReadEntry): Faults {
  const key = "type";
  if (steps.includes("version") && type === "integer" && !fitsInteger(bits)) {
    yield { key, says: `must be bigint or numeric, as version_bits are ${sum(bits)} in all` };
  }
  for (const step of steps) {
    const types = typesOfSteps[step];
    if (types === undefined || types.includes(type)) continue;
    yield { key, says: `must be ${listed(types)} with transform = "${step}"; found "${type}"` };
  }
}

function* maskFaults({ entry, steps, type }: ReadEntry): Faults {
  if (!steps.includes("mask")) return;
  if (entry.mask === "truncate" && type !== "inet") {
    const says = `must be inet with mask = "truncate", which takes an IP address; found "${type}"`;
    yield { key: "type", says };
  }
  // Whoever can tell one of two values from its pseudonym can tell the other one, too.
  if (entry.mask !== "redact" && type === "boolean") {
    const says = 'does not hide true and false; use mask = "redact", or leave the column out';
    yield { key: "mask", says };
  }
}

function* sourceFaults(read: ReadEntry): Faults {
  const { entry, source, type } = read;
  const [step] = read.steps;
  const key = entry.mask === undefined ? "transform" : "mask";
  if (source.in === "constant") {
    if (step !== undefined) {
      yield { key, says: "has nothing to do for a constant: write the constant as it is to be stored" };
    }
    const expected = unmetExpectation(source.value, read);
    if (expected !== undefined) {
      yield { key: "from", says: `must be a constant that is ${expected}, as the type is ${type}` };
    }
  }
  const types = source.in === "message" ? typesOfFacts[source.fact] : undefined;
  if (source.in !== "message" || types === undefined) return;
  if (step !== undefined) {
    yield { key, says: `cannot be ${entry.mask ?? step} for $${source.fact}, which is no text` };
  }
  if (!types.includes(type)) {
    yield { key: "type", says: `must be ${listed(types)} for $${source.fact}; found "${type}"` };
  }
}

function* absenceFaults(read: ReadEntry): Faults {
  const { default: standIn, required } = read.entry;
  const { empty } = read.entry;
  const present = isAlwaysThere(read.source);
  const key = "default";
  if (present && empty !== undefined) {
    yield { key: "empty", says: "has nothing to do: the value is never an empty string" };
  }
  if (present && standIn !== undefined) yield { key, says: "is never used: the value is always there" };
  if (present && required === false) {
    yield { key: "required", says: "cannot be false: the value is always there" };
  }
  if (present || standIn === undefined) return;
  if (required) yield { key, says: "is never used with required = true" };
  const expected = unmetExpectation(standIn, read);
  if (expected !== undefined) yield { key, says: `must be ${expected}` };
}

/** Whether a version of so many bits fits Postgres's `integer`, which has 31 without its sign. */
export function fitsInteger(bits: VersionBits): boolean {
  return sum(bits) <= 31;
}

function sum(bits: VersionBits): number {
  return bits[0] + bits[1] + bits[2];
}

/** Whether no message is without it. */
export function isAlwaysThere(source: ColumnSource): boolean {
  return source.in === "constant" || (source.in === "message" && source.fact !== "group_id");
}

function listed(words: readonly string[]): string {
  return words.length === 1 ? words.join() : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

const expectedByType: Readonly<Record<ColumnType, string>> = {
  text: "a string",
  integer: "a whole number of 32 bits",
  bigint: "a whole number of 64 bits",
  numeric: "a number",
  boolean: "true or false",
  date: 'a date such as "2026-01-31"',
  timestamptz: 'a time such as "2026-01-31T08:00:00Z"',
  uuid: "a UUID",
  inet: "an IP address",
  jsonb: "a string, a number or a boolean",
};

/** What a column makes of a value: the type, and the first of its steps before that. */
interface ValueTaker {
  readonly type: ColumnType;
  readonly steps: readonly TransformName[];
  readonly bits: VersionBits;
}

/**
 * What the value would have to be, in words; undefined where it is that. It takes the way that a value of a message takes, so
 * the conversion that would refuse it there is asked.
 */
function unmetExpectation(value: Scalar, taker: ValueTaker): string | undefined {
  const [expected, convert] = firstConversion(taker);
  return typeof convert(value, "") === "string" ? undefined : expected;
}

function firstConversion({ type, steps: [first], bits }: ValueTaker) {
  switch (first) {
    case "trim":
    case "lowercase":
      return ["a string", plainText] as const;
    case "json":
      return ["a string that holds JSON", jsonText] as const;
    case "version":
      return ['a version such as "1.2.3", of which each part fits its bits', versionPacking(bits)] as const;
    case "epoch_seconds":
    case "epoch_millis":
      return ["a number since 1970", epochText(first)] as const;
    default:
      return [expectedByType[type], conversions[type]] as const;
  }
}

function jsonText(value: unknown): string | undefined {
  try {
    return typeof value === "string" ? JSON.stringify(JSON.parse(value)) : undefined;
  } catch {
    return undefined;
  }
}
