/** The environment that every contender is given: the same queue, table and key, and nothing of this machine's. */

import { tmpdir } from "node:os";
import type { Place } from "./contender.ts";

const maskKey = Buffer.from(Array.from({ length: 32 }, (_, index) => index)).toString("base64");

/** @returns the whole environment */
export function testEnvironment({
  queueUrl,
  databaseUrl,
  messages,
}: Place): Readonly<Record<string, string>> {
  return {
    PATH: "/usr/bin:/bin",
    HOME: tmpdir(),
    AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE",
    AWS_SECRET_ACCESS_KEY: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    AWS_REGION: "us-east-1",
    ETL_QUEUE_URL: queueUrl,
    DATABASE_URL: databaseUrl,
    ETL_MASK_KEY: maskKey,
    BENCH_MESSAGES: String(messages),
  };
}
