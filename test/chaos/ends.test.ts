import { describe, expect, test } from "bun:test";
import { Audit, addsUp, printFigures } from "../support/chaos-audit.ts";
import { chaosFlags, endFollow, follow, until, untilSettled } from "../support/chaos-follow.ts";
import type { QueueFault } from "../support/chaos-queue-faults.ts";
import { type ChaosWorld, chaosWorlds, type Way } from "../support/chaos-world.ts";

const inWorld = await chaosWorlds(4);

const total = 300;
/** Of those, sent when the fault is at work. */
const later = 50;

/** A queue to drain, and what becomes of it. */
async function openPlace(world: ChaosWorld, way: Way) {
  const audit = new Audit(world);
  const queueUrl = await world.newQueue({ VisibilityTimeout: 1 });
  return {
    audit,
    queueUrl,
    /** Starts a drain of small batches, and lets `fault` happen when the first of them is about to be deleted. */
    async drainInto(fault: () => unknown, args: readonly string[] = []) {
      await audit.send(queueUrl, total - later);
      const few = ["--batch-size", "10", "--receivers", "1"];
      const run = world.spawn(way, queueUrl, [...chaosFlags, ...few, ...args]);
      await new Promise<void>((resolve) => {
        way.queue.onRequest = ({ action }) => action === "DeleteMessageBatch" && resolve();
      });
      way.queue.onRequest = () => {};
      await fault();
      // However much was loaded before: the fault has something to meet.
      await audit.send(queueUrl, later);
      const finished = await run.finished;
      audit.reports.read(finished.stdout);
      return finished;
    },
    /** Nothing is lost meanwhile, and a run without faults does the rest. */
    async expectTheRest(): Promise<void> {
      expect((await audit.rowCount()) + world.depthOf(queueUrl)).toBeGreaterThanOrEqual(total);
      const rest = follow(world, way, queueUrl);
      await untilSettled(world, [rest], [queueUrl], () => audit.settled(queueUrl));
      await endFollow(rest, audit.reports);
      const figures = await audit.figures();
      printFigures("after a run that ended early", { ...figures });
      expect(figures).toMatchObject({ lost: 0, doubled: 0 });
      expect(figures.rows + figures.rejected).toBe(total);
      for (const receipt of audit.reports.receipts) expect(addsUp(receipt)).toBe(true);
    },
  };
}

describe.concurrent("a fault that lasts ends a run without --follow with 75, and the next run has the rest", () => {
  const lasting: readonly QueueFault[] = [
    "error 500",
    "throttled 400",
    "reset",
    "html",
    "truncated",
    "garbled",
  ];
  const ways: readonly (readonly [
    what: string,
    fault: (way: Way) => unknown,
    mend: (way: Way) => unknown,
  ])[] = [
    ...lasting.map((fault) => {
      const set = (faults: readonly QueueFault[], rate: number) => (way: Way) => way.queue.set(faults, rate);
      return [`the queue: ${fault}`, set([fault], 1), set([], 0)] as const;
    }),
    ["the database accepts and closes", closing, opened],
  ];

  test.each(ways)(
    "%s",
    (_, fault, mend) =>
      inWorld(async (world, way) => {
        const { audit, drainInto, expectTheRest } = await openPlace(world, way);
        const { exitCode } = await drainInto(() => fault(way), ["--give-up-after", "1"]);
        expect(exitCode).toBe(75);
        expect(audit.reports.receipts.at(-1)).toMatchObject({ outcome: "failed" });
        mend(way);
        await expectTheRest();
      }),
    120_000,
  );
});

function closing({ link }: Way): void {
  link.mode = "closing";
  link.cut();
}

function opened({ link }: Way): void {
  link.mode = "open";
}

describe.concurrent("what an operator has to mend ends a run with 78, also with --follow", () => {
  test.each([
    [
      "a BEFORE trigger that swallows rows",
      `create or replace function swallow() returns trigger language plpgsql as $$
         begin if new.user_id like '%7' then return null; end if; return new; end $$;
       create or replace trigger swallow before insert on user_logins for each row execute function swallow()`,
      "swallows rows",
      "drop trigger swallow on user_logins",
    ],
    [
      // What was loaded is the dropper's; every other message is still in the queue.
      "a table that is dropped meanwhile",
      `begin;
       lock table user_logins;
       create table kept (like user_logins including all);
       insert into kept table user_logins;
       drop table user_logins;
       commit`,
      "try: etl migrate",
      "alter table kept rename to user_logins; grant all on user_logins to etl_writer",
    ],
    [
      "a ledger that loses its key",
      "alter table etl_ledger drop constraint etl_ledger_pkey",
      "try: create unique index on public.etl_ledger (sent_at, message_id, queue_id)",
      "create unique index on public.etl_ledger (sent_at, message_id, queue_id)",
    ],
  ])(
    "%s",
    (_, fault, told, mend) =>
      inWorld(async (world, way) => {
        const { drainInto, expectTheRest } = await openPlace(world, way);
        const { exitCode, stderr } = await drainInto(() => world.admin.query(fault), ["--follow"]);
        expect(exitCode).toBe(78);
        expect(stderr).toContain(told);
        await world.admin.query(mend);
        await expectTheRest();
      }),
    120_000,
  );
});

describe.concurrent("a stop while the database is out of reach loses nothing", () => {
  test.each([
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const)(
    "%s",
    (signal, code) =>
      inWorld(async (world, way) => {
        const { audit, queueUrl, expectTheRest } = await openPlace(world, way);
        await audit.send(queueUrl, total / 2);
        const run = follow(world, way, queueUrl);
        await until(
          async () => (await audit.rowCount()) > 0,
          () => run.stderr.text,
        );
        closing(way);
        await audit.send(queueUrl, total / 2);
        await run.stderr.until(/ fails and is tried again: /);
        run.kill(signal);
        const { exitCode, stdout } = await run.finished;
        audit.reports.read(stdout);
        expect(exitCode).toBe(code);
        opened(way);
        await expectTheRest();
      }),
    120_000,
  );
});
