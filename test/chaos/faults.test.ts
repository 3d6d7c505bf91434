import { describe, expect, test } from "bun:test";
import { Audit, addsUp, printFigures } from "../support/chaos-audit.ts";
import { databaseFaultNames, databaseFaults, refusals } from "../support/chaos-database-faults.ts";
import { endFollow, follow, until, untilSettled } from "../support/chaos-follow.ts";
import { queueFaultNames } from "../support/chaos-queue-faults.ts";
import { chaosWorlds } from "../support/chaos-world.ts";

const inWorld = await chaosWorlds(4);

/** What has to hold whatever has failed. */
async function expectNothingLostOrDoubled(audit: Audit, what: string, faults: number): Promise<void> {
  const figures = await audit.figures();
  printFigures(what, { faults, ...figures });
  expect(figures).toMatchObject({ lost: 0, doubled: 0 });
  expect(figures.rows + figures.rejected).toBe(figures.messages);
  for (const receipt of audit.reports.receipts) expect(addsUp(receipt)).toBe(true);
}

describe.concurrent("a fault of the queue, in three requests of ten, loses and doubles nothing", () => {
  test.each(queueFaultNames)(
    "%s",
    (fault) =>
      inWorld(async (world, way) => {
        const audit = new Audit(world);
        const queueUrl = await world.newQueue({ VisibilityTimeout: 1 });
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
        await untilSettled(world, [run], [queueUrl], () => audit.settled(queueUrl));
        await endFollow(run, audit.reports);
        const faults = (way.queue.done.get(fault) ?? 0) - before;
        await expectNothingLostOrDoubled(audit, fault, faults);
        expect(faults).toBeGreaterThan(3);
      }),
    120_000,
  );
});

describe.concurrent("a fault of the database is waited out, and loses and doubles nothing", () => {
  test.each(databaseFaultNames)(
    "%s",
    (fault) =>
      inWorld(async (world, way) => {
        const audit = new Audit(world);
        const queueUrl = await world.newQueue({ VisibilityTimeout: 1 });
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
        const settled = () => untilSettled(world, [run], [queueUrl], () => audit.settled(queueUrl));
        await settled();
        await run.stderr.until(/ works again/);
        await audit.send(queueUrl, 100);
        await settled();
        await endFollow(run, audit.reports);
        await expectNothingLostOrDoubled(audit, fault, 1);
      }),
    120_000,
  );
});
