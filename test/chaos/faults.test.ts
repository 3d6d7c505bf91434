import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { Audit, addsUp, printFigures } from "../support/chaos-audit.ts";
import { chaosSeed, createChance } from "../support/chaos-chance.ts";
import { databaseFaultNames, databaseFaults, refusals } from "../support/chaos-database-faults.ts";
import { endFollow, follow, until, untilSettled } from "../support/chaos-follow.ts";
import { queueFaultNames } from "../support/chaos-queue-faults.ts";
import { type ChaosWorld, openChaosWorld, type Way } from "../support/chaos-world.ts";

let world: ChaosWorld;
let way: Way;
let audit: Audit;
let queueUrl: string;

beforeAll(async () => {
  world = await openChaosWorld(createChance(chaosSeed()));
  way = world.ways[0] as Way;
}, 30_000);
afterAll(() => world.close(), 30_000);
beforeEach(async () => {
  await world.emptyTable();
  audit = new Audit(world);
  queueUrl = await world.newQueue({ VisibilityTimeout: 1 });
});

/** What has to hold whatever has failed. */
async function expectNothingLostOrDoubled(what: string, faults: number): Promise<void> {
  const figures = await audit.figures();
  printFigures(what, { faults, ...figures });
  expect(figures).toMatchObject({ lost: 0, doubled: 0 });
  expect(figures.rows + figures.rejected).toBe(figures.messages);
  for (const receipt of audit.receipts) expect(addsUp(receipt)).toBe(true);
}

describe("on the way to the queue", () => {
  test.each(queueFaultNames)(
    "%s",
    async (fault) => {
      await audit.send(queueUrl, 400);
      way.queue.set([fault], 0.3);
      const before = way.queue.done.get(fault) ?? 0;
      const run = follow(world, way, queueUrl, ["--batch-size", "20", "--receivers", "4"]);
      // With the fault at work all the while; only what was said to be deleted has to come once more without it.
      await until(
        async () => (await audit.rowCount()) >= audit.good,
        () => run.stderr.text,
      );
      way.queue.set([], 0);
      await untilSettled(world, audit, queueUrl, run);
      await endFollow(run, audit);
      const faults = (way.queue.done.get(fault) ?? 0) - before;
      await expectNothingLostOrDoubled(fault, faults);
      expect(faults).toBeGreaterThan(3);
    },
    60_000,
  );
});

describe("on the way to the database, and in it", () => {
  test.each(databaseFaultNames)(
    "%s",
    async (fault) => {
      await audit.send(queueUrl, 100);
      const run = follow(world, way, queueUrl, ["--batch-size", "20"]);
      await until(
        async () => (await audit.rowCount()) >= audit.good,
        () => run.stderr.text,
      );
      const mend = await databaseFaults[fault]({ ...world, way });
      way.link.sqlstates.clear();
      await audit.send(queueUrl, 300);
      await run.stderr.until(/ fails and is tried again: /);
      const refusal = refusals[fault];
      const refused = () => refusal === undefined || way.link.sqlstates.has(refusal);
      await until(refused, () => `saw ${[...way.link.sqlstates]}\n${run.stderr.text}`);
      await mend();
      await untilSettled(world, audit, queueUrl, run);
      await run.stderr.until(/ works again/);
      await audit.send(queueUrl, 100);
      await untilSettled(world, audit, queueUrl, run);
      await endFollow(run, audit);
      await expectNothingLostOrDoubled(fault, 1);
    },
    60_000,
  );
});
