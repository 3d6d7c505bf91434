/** How small and how large the numbers in the settings may be, for flags and for `etl.toml` alike. */

/** A range of whole numbers, both ends included. */
export interface Limit {
  readonly least: number;
  readonly most: number;
}

/** The limits of every number that can be set. */
export const limits = {
  maxMessages: { least: 1, most: 1_000_000_000 },
  batchSize: { least: 1, most: 10_000 },
  receivers: { least: 1, most: 256 },
  /** SQS holds a receive open for 20 seconds at most. */
  waitSeconds: { least: 0, most: 20 },
  maxInFlight: { least: 10, most: 100_000 },
  /** A day at the most: whoever wants to wait longer wants `--follow`. */
  giveUpAfterSeconds: { least: 0, most: 86_400 },
  graceSeconds: { least: 0, most: 3_600 },
  /** Rejected messages that are listed or moved. */
  rejects: { least: 1, most: 1_000_000 },
  port: { least: 1, most: 65_535 },
  /** The embedded queue refuses receives from 20,000 messages on, and `--keep` fills it a second time. */
  demoMessages: { least: 1, most: 10_000 },
} as const satisfies Readonly<Record<string, Limit>>;

/** The limit in words, such as `a whole number from 1 to 256`. */
export function limitInWords({ least, most }: Limit): string {
  return `a whole number from ${least} to ${most}`;
}
