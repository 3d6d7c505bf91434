import { beforeEach, expect, test } from "bun:test";
import type { Running } from "../support/binary.ts";
import { printFigures } from "../support/chaos-audit.ts";
import { follow, until } from "../support/chaos-follow.ts";
import { fileChaosWorld, type Way } from "../support/chaos-world.ts";
import { sampleProcess } from "../support/process-sample.ts";
import { loginEvent } from "../support/world.ts";

const world = await fileChaosWorld();
beforeEach(() => world.emptyTable());

/** The embedded queue refuses receives from 20,000 messages on, and is slow long before. */
const mostWaiting = 4_000;

/** Feeds the queue as it is drained, and resolves when all is drained and deleted. */
async function drainMessages(queueUrl: string, run: Running, count: number): Promise<void> {
  for (let sent = 0; sent < count; ) {
    const room = Math.min(mostWaiting - world.depthOf(queueUrl), count - sent);
    const bodies = Array.from({ length: room }, (_, index) =>
      loginEvent({ user_id: `user-${sent + index}` }),
    );
    await world.server.send(queueUrl, bodies);
    sent += room;
    await until(
      () => world.depthOf(queueUrl) <= mostWaiting / 2,
      () => run.stderr.text,
    );
  }
  await until(
    () => world.depthOf(queueUrl) === 0,
    () => run.stderr.text,
  );
}

const receivers = 16;

async function startFollowing(args: readonly string[] = []) {
  const queueUrl = await world.newQueue({ VisibilityTimeout: 30 });
  return { queueUrl, run: follow(world, world.ways[0] as Way, queueUrl, ["--quiet", ...args]) };
}

async function stop(run: Running): Promise<void> {
  run.kill("SIGTERM");
  expect((await run.finished).exitCode).toBe(143);
}

/** Peak memory of one run, when it has loaded 10,000 messages and when it has loaded 100,000. */
async function peaks(): Promise<{ readonly few: number; readonly many: number }> {
  const { queueUrl, run } = await startFollowing();
  await drainMessages(queueUrl, run, 10_000);
  const few = sampleProcess(run.pid).peakMebibytes;
  await drainMessages(queueUrl, run, 90_000);
  const many = sampleProcess(run.pid).peakMebibytes;
  await stop(run);
  return { few, many };
}

test("peak memory is as good as the same for 10,000 messages and for 100,000", async () => {
  // When the garbage collector runs makes a difference of 10 MiB: two runs of at most three have to hold.
  let held = 0;
  for (let run = 1; run <= 3 && held < 2 && run - held < 3; run += 1) {
    const started = performance.now();
    const { few, many } = await peaks();
    printFigures("memory", {
      "MiB at 10,000": Math.round(few),
      "MiB at 100,000": Math.round(many),
      "messages a second": Math.round(100_000 / ((performance.now() - started) / 1000)),
    });
    if (many <= few * 1.2) held += 1;
  }
  expect(held).toBe(2);
}, 240_000);

test("no file or connection is left open", async () => {
  const { queueUrl, run } = await startFollowing(["--receivers", String(receivers)]);
  const open = () => sampleProcess(run.pid).files;
  await drainMessages(queueUrl, run, 1_000);
  const after1k = open();
  await drainMessages(queueUrl, run, 9_000);
  const after10k = open();
  await drainMessages(queueUrl, run, 10_000);
  const after20k = open();
  await stop(run);
  printFigures("files", { "open after 1,000": after1k, "after 10,000": after10k, "after 20,000": after20k });
  // Connections are kept for the next request: one for each receiver, one for each of as many deletes, and two of Postgres.
  expect(after10k).toBeLessThanOrEqual(after1k + 2 * receivers);
  expect(after20k).toBeLessThanOrEqual(after10k);
}, 60_000);
