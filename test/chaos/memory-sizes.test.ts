import { expect, test } from "bun:test";
import { spawnEtl } from "../support/binary.ts";
import { printFigures } from "../support/chaos-audit.ts";
import { until } from "../support/chaos-follow.ts";
import { sampleProcess } from "../support/process-sample.ts";
import { startSizedQueue } from "../support/sized-queue.ts";
import { fileWorld, loginEvent } from "../support/world.ts";

const world = await fileWorld("each test");

/** With a body it is the 1 MiB that SQS takes. */
const padding = "x".repeat(1024 * 1024 - 300);

test("peak memory stays small if bodies of 1 MiB follow small ones, whose many polls are open", async () => {
  const [small, large] = [15_000, 300];
  const queue = startSizedQueue({
    count: small + large,
    bodyOf: (index) => loginEvent({ user_id: `user-${index}`, ...(index >= small && { padding }) }),
    roundTripMillis: 60,
  });
  const env = world.env(queue.url, { AWS_ENDPOINT_URL_SQS: new URL(queue.url).origin });
  const args = ["drain", "--follow", "--wait-seconds", "1"];
  const run = spawnEtl(args, { env, cwd: world.folder, timeoutMillis: 110_000 });
  await until(
    () => queue.deleted === small + large,
    () => run.stderr.text,
  );
  const peak = sampleProcess(run.pid).peakMebibytes;
  printFigures("memory", { "MiB with bodies of 1 MiB after small ones": Math.round(peak) });
  run.kill("SIGTERM");
  expect((await run.finished).exitCode).toBe(143);
  await queue.stop();
  // 64 MiB of messages, what they become on their way, and the buffers of as many sockets as there are polls.
  expect(peak).toBeLessThan(400);
}, 120_000);
