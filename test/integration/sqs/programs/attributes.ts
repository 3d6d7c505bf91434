/** Asks a queue for its attributes with nothing but its own environment, and prints what came of it as JSON. */

import { EtlError } from "../../../../src/errors.ts";
import { createSqsSource } from "../../../../src/sqs/source.ts";

try {
  const source = createSqsSource({
    queue: {
      url: process.argv[2] ?? "",
      environmentRegion: process.env.AWS_REGION,
      endpoint: process.env.AWS_ENDPOINT_URL_SQS,
    },
    env: process.env,
    clock: { monotonicMillis: () => performance.now(), sleep: (millis) => Bun.sleep(millis) },
    now: Date.now,
    random: Math.random,
    retryPolicy: { attempts: 2, firstPauseMillis: 1, longestPauseMillis: 1, totalMillis: 1000 },
  });
  const { arn } = await source.attributes();
  console.log(JSON.stringify({ arn }));
} catch (error) {
  if (!(error instanceof EtlError)) throw error;
  const { kind, message, hint, code, retryable } = error;
  console.log(JSON.stringify({ kind, message, hint, code, retryable }));
}
