import { describe, expect, test } from "bun:test";
import { expectFailure } from "../support/failed-run.ts";
import { drainJson, readJson } from "../support/json-drain.ts";
import { column, makeTable, writeJob } from "../support/mapped-job.ts";
import { fileWorld, noMessages, visible } from "../support/world.ts";

const world = await fileWorld("never");
const { sql } = world.database;

const job = writeJob(
  world,
  `[table]\nname = "events"\n${column("id", 'from = "id"', "required = true")}${column("at", 'from = "at"', 'type = "timestamptz"', "required = true")}`,
);

/** The table with a partition for this year and those after it, and a queue with one event for each day. */
async function open(...days: readonly string[]) {
  await makeTable(world, job);
  await sql.unsafe(`
    alter table events rename to plain;
    create table events (like plain) partition by range (at);
    create table events_now partition of events
      for values from ('${new Date().getUTCFullYear()}-01-01 00:00+00') to ('2200-01-01 00:00+00')`);
  const bodies = days.map((day, index) => JSON.stringify({ id: `canary-${index}`, at: `${day}T12:00:00Z` }));
  return await world.queueWith(bodies, { VisibilityTimeout: "1" });
}

const today = new Date().toISOString().slice(0, 10);
const rows = async () => (await sql.unsafe("select from events")).length;
const hintOf = (stderr: string) => /^try: (.*)$/m.exec(stderr)?.[1] ?? "";
const missing = {
  exitCode: 78,
  error:
    "public.events has no partition for the rows of 2 messages (at 2001-02, UTC): they stay in the queue",
  hint: "create table public.events_20010201 partition of public.events for values from ('2001-02-01 00:00:00+00') to ('2001-03-01 00:00:00+00')",
};

describe("messages that are late for their partition", () => {
  test("stay in the queue while all others are loaded, the missing range is named, and its hint mends it", async () => {
    const { url } = await open(today, "2001-02-03", today, "2001-02-05", today);
    const dead = await world.newQueue();
    const letters = ["--on-reject", "dead-letter", "--dead-letter-url", dead];
    const run = await drainJson(world, url, letters, job);
    expectFailure(run, missing, world.env(url, job));
    expect(run.receipt).toMatchObject({
      ...{ received: 5, inserted: 3, unsettled: 2, rejected: 0, deleted: 3, outcome: "drained" },
    });
    expect(run.stdout + run.stderr).not.toContain("canary");
    expect(world.server.depth(dead)).toEqual(noMessages);
    expect(await rows()).toBe(3);

    await sql.unsafe(hintOf(run.stderr));
    while (world.server.depth(url).visible < 2) await Bun.sleep(20);
    expect((await drainJson(world, url, letters, job)).receipt).toMatchObject({ inserted: 2, deleted: 2 });
    expect(await rows()).toBe(5);
  });

  test.each([[[]], [["--write-check"]]])(
    "are told of by a dry run %p, which leaves them as they were",
    async (args) => {
      const { url, ids } = await open("2001-02-03", today, "2001-02-05");
      const run = await drainJson(world, url, ["--dry-run", ...args], job);
      expectFailure(run, missing, world.env(url, job));
      expect(run.receipt).toMatchObject({ received: 3, released: 1, unsettled: 2, rejected: 0 });
      expect(run.stderr).toContain(
        `message ${ids[0]}: no partition takes its row; a drain leaves it in the queue`,
      );
      expect(world.server.depth(url)).toEqual(visible(3));
      await sql.unsafe(hintOf(run.stderr));
      expect(await drainJson(world, url, ["--dry-run", ...args], job)).toMatchObject({
        exitCode: 0,
        receipt: { released: 3 },
      });
    },
  );

  test("are loaded by a drain that follows as soon as somebody makes the partition that it warns of", async () => {
    const { url } = await open("2001-02-03", today, "2001-02-05");
    const run = world.spawn(url, ["drain", "--follow", "--wait-seconds", "1", "--json"], job);
    const told = await run.stderr.until(/warn .*no partition for the rows of 2 messages.*; try: .*\n/);
    await sql.unsafe(/; try: (.*)\n/.exec(told)?.[1] ?? "");
    while ((await rows()) < 3) await Bun.sleep(20);
    run.kill("SIGTERM");
    const { exitCode, receipt } = readJson(await run.finished);
    expect(exitCode).toBe(143);
    expect(receipt).toMatchObject({ received: 3, inserted: 3, unsettled: 0 });
  });
});

test("a partition that is loaded into itself takes none of the others' rows, and the hint leads to the whole table", async () => {
  const { url } = await open("2001-02-03");
  const bad = ["--table", "events_now"];
  const run = await drainJson(world, url, bad, job);
  const expected = { exitCode: 78, error: "a row belongs to another partition", hint: "--table" };
  expectFailure(run, expected, world.env(url, job));
  await sql.unsafe("create table old_ones partition of events default");
  expect((await drainJson(world, url, ["--table", "events"], job)).receipt).toMatchObject({ inserted: 1 });
});

test("a table without a partition for the present ends a drain at once, and everything is visible again", async () => {
  const { url } = await open(today, today, "2001-02-03");
  await sql.unsafe("drop table events_now");
  const run = await drainJson(world, url, [], job);
  expect(run.exitCode).toBe(78);
  expect(run.receipt).toMatchObject({ received: 3, released: 3, unsettled: 0, outcome: "failed" });
  expect(world.server.depth(url)).toEqual(visible(3));
  await sql.unsafe(hintOf(run.stderr));
  expect((await drainJson(world, url, [], job)).receipt).toMatchObject({ inserted: 3 });
});
