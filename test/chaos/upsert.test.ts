import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Running } from "../support/binary.ts";
import { addsUp, printFigures } from "../support/chaos-audit.ts";
import { chaosSeed, createChance } from "../support/chaos-chance.ts";
import { depthOf, follow, until } from "../support/chaos-follow.ts";
import { momentOf } from "../support/chaos-kill.ts";
import { type ConflictAction, openUpsert } from "../support/chaos-upsert.ts";
import { type ChaosWorld, openChaosWorld, type Way } from "../support/chaos-world.ts";

let world: ChaosWorld;
beforeAll(async () => {
  world = await openChaosWorld(createChance(chaosSeed()), 2);
}, 30_000);
afterAll(() => world.close());

type Upsert = Awaited<ReturnType<typeof openUpsert>>;

/** Resolves when only bad messages are left in the queues, each of which has been reported. */
function untilSettled(
  queueUrls: readonly string[],
  { book }: Upsert,
  runs: readonly Running[],
): Promise<void> {
  const depth = () => queueUrls.reduce((sum, url) => sum + depthOf(world, url), 0);
  const settled = until(
    () => depth() <= book.bad && book.allReported(...runs.map(({ stdout }) => stdout.text)),
    () => `${depth()} in the queues, ${book.bad} bad\n${runs.map(({ stderr }) => stderr.text).join("\n")}`,
  );
  const ended = runs.map(async ({ finished }) => {
    const { exitCode, stderr } = await finished;
    throw new Error(`etl ended with ${exitCode} before all was settled:\n${stderr}`);
  });
  return Promise.race([settled, ...ended]);
}

async function stop({ book }: Upsert, run: Running): Promise<string> {
  run.kill("SIGTERM");
  const { exitCode, stdout, stderr } = await run.finished;
  book.read(stdout);
  if (exitCode !== 143) throw new Error(`etl ended with ${exitCode}:\n${stderr}`);
  return stderr;
}

const actions: readonly ConflictAction[] = ["update", "ignore"];

test.each(actions)(
  "%s: two processes, each with its queue, write the same keys at once, and count each message once",
  async (action) => {
    const upsert = await openUpsert(world, action);
    const { args, book } = upsert;
    const queueUrls = await Promise.all([world.newQueue(), world.newQueue()]);
    book.write(6_000, 40);
    for (const way of world.ways) way.link.sqlstates.clear();
    await book.send(queueUrls[0], 3_000);
    await book.send(queueUrls[1]);
    const runs = world.ways.map((way, index) =>
      follow(world, way, queueUrls[index] as string, [...args, "--batch-size", "50"]),
    );
    await untilSettled(queueUrls, upsert, runs);
    // Stored, deleted, and handed out again, as SQS may do.
    for (const queueUrl of queueUrls) await book.redeliver(queueUrl, 100);
    await untilSettled(queueUrls, upsert, runs);
    const logs = await Promise.all(runs.map((run) => stop(upsert, run)));
    const figures = await book.figures();
    printFigures(`${action}, two processes`, { ...figures });
    expect(figures).toMatchObject({
      keys: 40,
      wrong: 0,
      backwards: 0,
      doubled: 0,
      lost: 0,
      rejected: book.bad,
    });
    const sum = (count: "received" | "inserted" | "duplicates" | "rejected" | "deleted") =>
      book.receipts.reduce((total, receipt) => total + receipt[count], 0);
    expect(book.receipts.every(addsUp)).toBe(true);
    expect(sum("inserted")).toBe(figures.changes);
    expect(sum("inserted") + sum("duplicates")).toBe(book.good + 200);
    expect(sum("deleted")).toBe(book.good + 200);
    expect(sum("rejected")).toBe(book.bad);
    expect(logs.join("\n")).not.toContain("fails and is tried again");
    // Deadlock detected.
    for (const { link } of world.ways) expect(link.sqlstates).not.toContain("40P01");
    upsert.close();
  },
  90_000,
);

test.each(actions)(
  "%s: kill -9 again and again in the middle: the right row of each key stays, and no message is lost",
  async (action) => {
    const upsert = await openUpsert(world, action);
    const { args, book } = upsert;
    const queueUrl = await world.newQueue({ VisibilityTimeout: 2 });
    const [kills, messages] = [24, 4_800];
    book.write(messages, 60);
    let begun = 0;
    let killsInFlight = 0;
    async function killer(way: Way): Promise<void> {
      const chance = world.chance.fork();
      while (begun < kills) {
        begun += 1;
        await book.send(queueUrl, messages / kills);
        const batchSize = String(chance.pick([10, 50, 200]));
        const run = follow(world, way, queueUrl, [...args, "--quiet", "--batch-size", batchSize]);
        await momentOf(way, chance);
        if (world.server.depth(queueUrl).inFlight > 0) killsInFlight += 1;
        run.kill("SIGKILL");
        const { signal, stdout, stderr } = await run.finished;
        if (signal !== "SIGKILL") throw new Error(`etl ended before it was killed:\n${stderr}`);
        book.read(stdout);
      }
    }
    await Promise.all(world.ways.map(killer));
    const calm = follow(world, world.ways[0] as Way, queueUrl, [...args, "--quiet"]);
    await untilSettled([queueUrl], upsert, [calm]);
    await stop(upsert, calm);
    const figures = await book.figures();
    printFigures(`${action}, kill -9`, { killsInFlight, ...figures });
    expect(figures).toMatchObject({ messages, keys: 60, wrong: 0, backwards: 0, doubled: 0, lost: 0 });
    expect(figures.rejected).toBe(book.bad);
    expect(book.receipts.every(addsUp)).toBe(true);
    // Else nothing was put to the test.
    expect(killsInFlight).toBeGreaterThan(kills / 4);
    upsert.close();
  },
  90_000,
);
