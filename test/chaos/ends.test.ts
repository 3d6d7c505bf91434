import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { Audit, addsUp, printFigures } from "../support/chaos-audit.ts";
import { chaosSeed, createChance } from "../support/chaos-chance.ts";
import { chaosFlags, depthOf, endFollow, follow, until, untilSettled } from "../support/chaos-follow.ts";
import type { QueueFault } from "../support/chaos-queue-faults.ts";
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
  way.queue.set([], 0);
  way.link.mode = "open";
  await world.emptyTable();
  audit = new Audit(world);
  queueUrl = await world.newQueue({ VisibilityTimeout: 1 });
});

const total = 300;
/** Of those, sent when the fault is at work. */
const later = 50;

/** Starts a drain of small batches, and lets `fault` happen when the first of them is about to be deleted. */
async function drainInto(fault: () => unknown, args: readonly string[] = []) {
  await audit.send(queueUrl, total - later);
  const run = world.spawn(way, queueUrl, [...chaosFlags, "--batch-size", "10", "--receivers", "1", ...args]);
  await new Promise<void>((resolve) => {
    way.queue.onRequest = ({ action }) => action === "DeleteMessageBatch" && resolve();
  });
  way.queue.onRequest = () => {};
  await fault();
  // However much was loaded before: the fault has something to meet.
  await audit.send(queueUrl, later);
  return await run.finished;
}

/** Nothing is lost meanwhile, and a run without faults does the rest. */
async function expectTheRest(): Promise<void> {
  expect((await audit.rowCount()) + depthOf(world, queueUrl)).toBeGreaterThanOrEqual(total);
  const rest = follow(world, way, queueUrl);
  await untilSettled(world, audit, queueUrl, rest);
  await endFollow(rest, audit);
  const figures = await audit.figures();
  printFigures("after a run that ended early", { ...figures });
  expect(figures).toMatchObject({ lost: 0, doubled: 0 });
  expect(figures.rows + figures.rejected).toBe(total);
  for (const receipt of audit.receipts) expect(addsUp(receipt)).toBe(true);
}

describe("without --follow, what does not pass ends the run with 75", () => {
  const lasting: readonly QueueFault[] = [
    "error 500",
    "throttled 400",
    "reset",
    "html",
    "truncated",
    "garbled",
  ];

  test.each(lasting)(
    "the queue: %s",
    async (fault) => {
      const { exitCode, stdout } = await drainInto(() => way.queue.set([fault], 1), ["--give-up-after", "1"]);
      audit.read(stdout);
      expect(exitCode).toBe(75);
      expect(audit.receipts.at(-1)).toMatchObject({ outcome: "failed" });
      way.queue.set([], 0);
      await expectTheRest();
    },
    60_000,
  );

  test("the database: accepts and closes", async () => {
    const closing = () => {
      way.link.mode = "closing";
      way.link.cut();
    };
    const { exitCode, stdout } = await drainInto(closing, ["--give-up-after", "1"]);
    audit.read(stdout);
    expect(exitCode).toBe(75);
    expect(audit.receipts.at(-1)).toMatchObject({ outcome: "failed" });
    way.link.mode = "open";
    await expectTheRest();
  }, 60_000);
});

describe("what an operator has to mend ends the run with 78, also with --follow", () => {
  test("a BEFORE trigger that swallows rows", async () => {
    const swallow = () =>
      world.admin.query(`
        create or replace function swallow() returns trigger language plpgsql as $$
          begin if new.user_id like '%7' then return null; end if; return new; end $$;
        create or replace trigger swallow before insert on user_logins for each row execute function swallow()`);
    const { exitCode, stdout, stderr } = await drainInto(swallow, ["--follow"]);
    audit.read(stdout);
    expect(exitCode).toBe(78);
    expect(stderr).toContain("swallows rows");
    await world.admin.query("drop trigger swallow on user_logins");
    await expectTheRest();
  }, 60_000);

  test("a table that is dropped meanwhile", async () => {
    const drop = () =>
      world.admin.query(`
        begin;
        lock table user_logins;
        create table kept (like user_logins including all);
        insert into kept table user_logins;
        drop table user_logins;
        commit`);
    const { exitCode, stdout, stderr } = await drainInto(drop, ["--follow"]);
    audit.read(stdout);
    expect(exitCode).toBe(78);
    expect(stderr).toContain("try: etl migrate");
    // What was loaded is the dropper's; every other message is still in the queue.
    await world.admin.query("alter table kept rename to user_logins");
    await world.admin.query("grant all on user_logins to etl_writer");
    await expectTheRest();
  }, 60_000);
});

describe("a stop in the middle of a fault", () => {
  test.each([
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const)(
    "%s while the database is out of reach",
    async (signal, code) => {
      await audit.send(queueUrl, total / 2);
      const run = follow(world, way, queueUrl);
      await until(
        async () => (await audit.rowCount()) > 0,
        () => run.stderr.text,
      );
      way.link.mode = "closing";
      way.link.cut();
      await audit.send(queueUrl, total / 2);
      await run.stderr.until(/ fails and is tried again: /);
      run.kill(signal);
      const { exitCode, stdout } = await run.finished;
      audit.read(stdout);
      expect(exitCode).toBe(code);
      way.link.mode = "open";
      await expectTheRest();
    },
    60_000,
  );
});
