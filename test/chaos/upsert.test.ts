import { describe, expect, test } from "bun:test";
import { addsUp, printFigures } from "../support/chaos-audit.ts";
import { endFollow, follow, untilSettled } from "../support/chaos-follow.ts";
import { killAgainAndAgain } from "../support/chaos-kill.ts";
import { type ConflictAction, openUpsert } from "../support/chaos-upsert.ts";
import { chaosWorlds, type Way } from "../support/chaos-world.ts";

const inWorld = await chaosWorlds(2, 2);
const actions: readonly ConflictAction[] = ["update", "ignore"];

describe.concurrent.each(actions)("conflict = %s", (action) => {
  test(
    "two processes, each with its queue, write the same keys at once, and count each message once",
    () =>
      inWorld(async (world) => {
        const { args, book } = await openUpsert(world, action);
        const queueUrls = await Promise.all([world.newQueue(), world.newQueue()]);
        book.write(6_000, 40);
        for (const way of world.ways) way.link.sqlstates.clear();
        await book.send(queueUrls[0], 3_000);
        await book.send(queueUrls[1]);
        const runs = world.ways.map((way, index) =>
          follow(world, way, queueUrls[index] as string, [...args, "--batch-size", "50"]),
        );
        const settled = () => untilSettled(world, runs, queueUrls, () => book.settled());
        await settled();
        // Stored, deleted, and handed out again, as SQS may do.
        for (const queueUrl of queueUrls) await book.redeliver(queueUrl, 100);
        await settled();
        const ends = await Promise.all(runs.map((run) => endFollow(run, book.reports)));
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
          book.reports.receipts.reduce((total, receipt) => total + receipt[count], 0);
        expect(book.reports.receipts.every(addsUp)).toBe(true);
        expect(sum("inserted")).toBe(figures.changes);
        expect(sum("inserted") + sum("duplicates")).toBe(book.good + 200);
        expect(sum("deleted")).toBe(book.good + 200);
        expect(sum("rejected")).toBe(book.bad);
        expect(ends.map(({ stderr }) => stderr).join("\n")).not.toContain("fails and is tried again");
        // Deadlock detected.
        for (const { link } of world.ways) expect(link.sqlstates).not.toContain("40P01");
      }),
    90_000,
  );

  test(
    "kill -9 again and again in the middle: the right row of each key stays, and no message is lost",
    () =>
      inWorld(async (world) => {
        const { args, book } = await openUpsert(world, action);
        const queueUrl = await world.newQueue({ VisibilityTimeout: 2 });
        const [kills, messages] = [24, 4_800];
        book.write(messages, 60);
        const { killsInFlight } = await killAgainAndAgain(world, kills, book.reports, async (way, more) => {
          await book.send(queueUrl, messages / kills);
          return { queueUrl, run: follow(world, way, queueUrl, [...args, ...more]) };
        });
        const calm = follow(world, world.ways[0] as Way, queueUrl, [...args, "--quiet"]);
        await untilSettled(world, [calm], [queueUrl], () => book.settled());
        await endFollow(calm, book.reports);
        const figures = await book.figures();
        printFigures(`${action}, kill -9`, { killsInFlight, ...figures });
        expect(figures).toMatchObject({ messages, keys: 60, wrong: 0, backwards: 0, doubled: 0, lost: 0 });
        expect(figures.rejected).toBe(book.bad);
        expect(book.reports.receipts.every(addsUp)).toBe(true);
        // Else nothing was put to the test.
        expect(killsInFlight).toBeGreaterThan(kills / 4);
      }),
    90_000,
  );
});
