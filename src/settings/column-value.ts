/** Tells whether a value that is written into `etl.toml`, a constant or a default, can become what its column takes. */

import { conversions, plainText } from "../message/conversions/conversion.ts";
import { epochText } from "../message/conversions/time.ts";
import type { ColumnType, Scalar, VersionBits } from "../message/mapping.ts";
import { versionPacking } from "../message/transforms/version.ts";
import type { TransformName } from "./column-schema.ts";

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
export interface ValueTaker {
  readonly type: ColumnType;
  readonly steps: readonly TransformName[];
  readonly bits: VersionBits;
}

/**
 * What the value would have to be, in words; undefined where it is that. It takes the way that a value of a message takes, so
 * the conversion that would refuse it there is asked.
 */
export function unmetExpectation(value: Scalar, taker: ValueTaker): string | undefined {
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
