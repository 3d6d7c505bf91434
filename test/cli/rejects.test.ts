import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { spawnEtl } from "../support/binary.ts";
import { drainJson } from "../support/json-drain.ts";
import { type EnvChanges, loginEvent, noMessages, openWorld, visible } from "../support/world.ts";

// Most of their time these tests wait, for a database of their own or for an empty queue, and they wait together.
setDefaultTimeout(20_000);

/** A world with two queues for one test alone, as these tests run at the same time. */
async function openPlace(end = "", settings: Readonly<Record<string, boolean>> = {}) {
  const world = await openWorld();
  await world.emptyTable();
  const queueUrl = await world.server.createQueue(`drained${end}`, settings);
  const deadLetterUrl = await world.server.createQueue(`letters${end}`, settings);
  const sentAtMillis = Date.now() - 60_000;
  const toLetters = ["--dead-letter-url", deadLetterUrl];
  const etl = (args: readonly string[], env: EnvChanges = {}) => world.etl(queueUrl, args, env);
  const listed = async () => {
    const { stdout } = await etl(["rejects", "list", "--json"]);
    const lines = stdout.split("\n").filter((line) => line !== "");
    return lines.map((line) => JSON.parse(line).rejection);
  };
  return {
    ...{ world, queueUrl, deadLetterUrl, toLetters, etl, listed },
    send: (bodies: readonly string[]) =>
      world.server.send(queueUrl, bodies, end === "" ? {} : { groupId: "host-1" }),
    drain: () => drainJson(world, queueUrl),
    drainToLetters: () => drainJson(world, queueUrl, ["--on-reject", "dead-letter", ...toLetters]),
    async retry(args: readonly string[] = [], env: EnvChanges = {}) {
      const run = await etl(["rejects", "retry", "--json", ...toLetters, ...args], env);
      return { ...run, retry: JSON.parse(run.stdout).retry };
    },
    /** How many rejected messages `etl status` tells of, by their reasons. */
    async rejections() {
      return JSON.parse((await etl(["status", "--json"])).stdout).status.table.records.rejections;
    },
    /** Puts a message back that was delivered once, under its id and time. */
    redeliver(url: string, messageId: string, body: string) {
      world.server.redeliver(url, { messageId, sentAtMillis, body });
    },
    depths: () => [world.server.depth(queueUrl), world.server.depth(deadLetterUrl)],
    [Symbol.asyncDispose]: () => world.close(),
  };
}

const refuseBots = "alter table user_logins add constraint no_bots check (user_id <> 'bot')";
const admitBots = "alter table user_logins drop constraint no_bots";
const unreachable = "postgres://nobody@127.0.0.1:1/nothing?sslmode=disable";

describe.concurrent("etl rejects list", () => {
  const canary = "canary-of-a-value";

  test("lists ids, reasons and paths, and nothing of what the messages hold", async () => {
    await using at = await openPlace();
    const bodies = [loginEvent({ ip: { secret: canary } }), `no json ${canary}`, loginEvent()];
    const [first, second] = await at.send(bodies);
    await at.drain();
    const json = await at.etl(["rejects", "list", "--json"]);
    const listed = await at.listed();
    expect(listed).toHaveLength(2);
    expect(listed.find(({ messageId }) => messageId === second)).toMatchObject({ reason: "body_not_json" });
    expect(listed.find(({ messageId }) => messageId === first)).toMatchObject({
      ...{ reason: "field_not_text", path: "ip", times: 1, loaded: false },
      ...{ firstAt: expect.any(String), sentAt: expect.any(String) },
    });
    const { stdout } = await at.etl(["rejects", "list", "--reason", "field_not_text"]);
    expect(stdout).toMatch(new RegExp(`^${first}  field_not_text at ip\\n  sent .*Z, rejected .*Z\\n$`));
    for (const text of [json.stdout, json.stderr, stdout]) expect(text).not.toContain(canary);
  });

  test("says if there are more, if there is none, and without the record how to have one", async () => {
    await using at = await openPlace();
    await at.send(["no json", "no json", "no json"]);
    await at.drain();
    const some = await at.etl(["rejects", "list", "--max", "2"]);
    expect(some.stdout.match(/body_not_json/g)).toHaveLength(2);
    expect(some.stderr).toContain("there are more: these are the last 2 messages; --max N shows more");
    const one = await at.etl(["rejects", "list", "--max", "1"]);
    expect(one.stderr).toContain("there are more: this is the last message; --max N shows more");
    const none = await at.etl(["rejects", "list", "--reason", "text_nul"]);
    expect(none).toMatchObject({ exitCode: 0, stdout: "" });
    expect(none.stderr).toContain("no message with the reason text_nul");
    await at.world.database.sql`drop table etl_rejection`;
    const { exitCode, stderr } = await at.etl(["rejects", "list"]);
    expect(exitCode).toBe(78);
    expect(stderr).toContain("try: etl migrate");
  });
});

describe.concurrent("etl rejects retry", () => {
  test("sends dead letters back whole; once their cause is mended, each is one row", async () => {
    await using at = await openPlace();
    await at.world.database.sql.unsafe(refuseBots);
    const bots = Array.from({ length: 23 }, (_, index) =>
      loginEvent({ user_id: "bot", locale: `L${index}` }),
    );
    const attributes = { trace: { DataType: "String", StringValue: "a<b & c" } };
    await at.world.server.send(at.queueUrl, [...bots, loginEvent(), "no json"], { attributes });
    await at.drainToLetters();
    expect(at.depths()).toEqual([noMessages, visible(24)]);

    const reasons = { sqlstate_23514: 23, body_not_json: 1 };
    const look = await at.retry(["--dry-run"]);
    expect(look).toMatchObject({ exitCode: 0, stderr: "" });
    expect(look.retry).toMatchObject({ dryRun: true, waiting: 24, seen: 24, stored: 0, reasons });
    expect(at.depths()).toEqual([noMessages, visible(24)]);
    expect(await at.listed()).toHaveLength(24);

    await at.world.database.sql.unsafe(admitBots);
    const moved = await at.retry();
    expect(moved).toMatchObject({ exitCode: 0, stderr: "" });
    expect(moved.retry).toMatchObject({
      ...{ dryRun: false, moved: 24, stored: 0, left: 0, undeleted: 0, reasons },
    });
    expect(at.depths()).toEqual([visible(24), noMessages]);
    expect((await at.drain()).receipt).toMatchObject({ received: 24, inserted: 23, rejected: 1 });
    const [rows] = await at.world.database.sql`
      select count(*)::int as rows, count(distinct locale)::int as locales from user_logins`;
    expect(rows).toEqual({ rows: 24, locales: 24 });
  });

  test("a message that was stored since is deleted, and not sent again", async () => {
    await using at = await openPlace();
    await at.world.database.sql.unsafe(refuseBots);
    const body = loginEvent({ user_id: "bot" });
    const [messageId = ""] = await at.send([body]);
    at.world.server.purge(at.queueUrl);
    at.redeliver(at.queueUrl, messageId, body);
    await at.drainToLetters();
    await at.world.database.sql.unsafe(admitBots);
    // Its delete was lost: it comes again, and is stored.
    at.redeliver(at.queueUrl, messageId, body);
    expect((await at.drain()).receipt.inserted).toBe(1);

    expect((await at.retry(["--dry-run"])).retry).toMatchObject({ seen: 1, stored: 1 });
    expect((await at.retry()).retry).toMatchObject({ moved: 0, stored: 1, left: 0 });
    expect(at.depths()).toEqual([noMessages, noMessages]);
  });

  test("what the queue's own policy has moved, with its id, goes likewise: stored, or back with its record", async () => {
    await using at = await openPlace();
    const bodies = [loginEvent(), "no json"];
    const ids = await at.send(bodies);
    at.world.server.purge(at.queueUrl);
    for (const [index, id] of ids.entries()) at.redeliver(at.queueUrl, id, bodies[index] ?? "");
    await at.drain();
    expect(await at.listed()).toMatchObject([{ messageId: ids[1] }]);
    at.world.server.purge(at.queueUrl);
    for (const [index, id] of ids.entries()) at.redeliver(at.deadLetterUrl, id, bodies[index] ?? "");
    expect((await at.retry()).retry).toMatchObject({ moved: 1, stored: 1 });
    expect(await at.listed()).toEqual([]);
  });

  test("moves out of the queue that the redrive policy names", async () => {
    await using at = await openPlace();
    const deadLetterTargetArn = "arn:aws:sqs:us-east-1:123456789012:letters";
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 3 });
    const ETL_QUEUE_URL = await at.world.newQueue({ RedrivePolicy });
    await at.world.server.send(at.deadLetterUrl, [loginEvent()]);
    const { stdout } = await at.etl(["rejects", "retry", "--json"], { ETL_QUEUE_URL });
    expect(JSON.parse(stdout).retry).toMatchObject({ moved: 1, deadLetterQueue: "letters" });
  });

  test("moves nothing if the ledger cannot be asked; a dry run says so", async () => {
    await using at = await openPlace();
    await at.world.server.send(at.deadLetterUrl, [loginEvent()]);
    const run = await at.etl(["rejects", "retry", ...at.toLetters], { DATABASE_URL: unreachable });
    expect(run).toMatchObject({ exitCode: 69, stdout: "" });
    expect(at.depths()).toEqual([noMessages, visible(1)]);
    const look = await at.retry(["--dry-run"], { DATABASE_URL: unreachable });
    expect(look).toMatchObject({ exitCode: 0, retry: { seen: 1 } });
    expect(look.retry).not.toHaveProperty("stored");
    expect(look.stderr).toContain("not looked up in the ledger");
  });

  test("is refused if no dead-letter queue is named, and if it is the queue itself", async () => {
    await using at = await openPlace();
    for (const [args, message] of [
      [[], /has no dead-letter queue/],
      [["--dead-letter-url", at.queueUrl], /is the queue that its messages/],
    ] as const) {
      const run = await at.etl(["rejects", "retry", ...args]);
      expect(run.exitCode).toBe(78);
      expect(run.stderr).toMatch(message);
      expect(run.stderr).toMatch(/\ntry: .*--dead-letter-url/);
    }
  });

  test("keeps a FIFO queue's groups and their order", async () => {
    await using at = await openPlace(".fifo", { FifoQueue: true });
    const bodies = Array.from({ length: 12 }, (_, index) => loginEvent({ locale: `L${index}` }));
    await at.world.server.send(at.deadLetterUrl, bodies, { groupId: "host-1" });
    expect((await at.retry()).retry).toMatchObject({ moved: 12, left: 0 });
    expect((await at.drain()).receipt.inserted).toBe(12);
    const rows = await at.world.database.sql`select locale from user_logins order by ctid`;
    expect(rows.map(({ locale }) => locale)).toEqual(bodies.map((body) => JSON.parse(body).locale));
  });

  test("SIGINT ends it after what is in hand: nothing is lost, and nothing hidden", async () => {
    await using at = await openPlace();
    const letters = Array.from({ length: 3_000 }, () => loginEvent());
    await at.world.server.send(at.deadLetterUrl, letters);
    const env = at.world.env(at.queueUrl);
    const run = spawnEtl(["rejects", "retry", "--json", ...at.toLetters], { env, cwd: at.world.folder });
    while (at.world.server.depth(at.queueUrl).visible === 0) await Bun.sleep(2);
    run.kill("SIGINT");
    const { exitCode, stdout } = await run.finished;
    expect(exitCode).toBe(130);
    const { moved } = JSON.parse(stdout).retry;
    expect(moved).toBeLessThan(3_000);
    expect(at.depths()).toEqual([visible(moved), visible(3_000 - moved)]);
  });
});

describe.concurrent("what is told of rejected messages after etl rejects retry", () => {
  test.each([
    ["standard", "", {}],
    ["FIFO", ".fifo", { FifoQueue: true }],
  ])("what has gone back to a %s queue is told of only if it is rejected again", async (_, end, settings) => {
    await using at = await openPlace(end, settings);
    await at.world.database.sql.unsafe(refuseBots);
    const sent = await at.send([loginEvent({ user_id: "bot" }), "no json"]);
    await at.drainToLetters();
    expect((await at.listed()).map(({ messageId }) => messageId).toSorted()).toEqual(sent.toSorted());

    await at.world.database.sql.unsafe(admitBots);
    expect(await at.retry()).toMatchObject({ stderr: "", retry: { moved: 2 } });
    expect([await at.listed(), await at.rejections()]).toEqual([[], []]);

    expect((await at.drainToLetters()).receipt).toMatchObject({ inserted: 1, rejected: 1 });
    const listed = await at.listed();
    expect(await at.rejections()).toEqual([{ reason: "body_not_json", messages: 1, loadedSince: 0 }]);
    expect(listed).toMatchObject([{ reason: "body_not_json", times: 1, loaded: false }]);
    expect(sent).not.toContain(listed[0].messageId);
    // The second record goes as the first did.
    expect((await at.retry()).retry.moved).toBe(1);
    expect(await at.listed()).toEqual([]);
  });

  test("moves also if the records may not be written, and says what mends it", async () => {
    await using at = await openPlace();
    const { name, url: DATABASE_URL } = await at.world.newUser();
    await at.send(["no json", "no json"]);
    await at.drainToLetters();
    await at.world.database.sql.unsafe(
      `grant usage on schema public to ${name}; grant select on all tables in schema public to ${name}`,
    );
    const run = await at.retry([], { DATABASE_URL });
    expect(run).toMatchObject({ exitCode: 0, retry: { moved: 2, left: 0, undeleted: 0 } });
    expect(run.stderr).toMatch(
      / info 2 moved messages may still be listed as rejected: .*; try: grant .*delete/,
    );
    expect(run.stderr.trim().split("\n")).toHaveLength(1);
    expect(await at.listed()).toHaveLength(2);
  });
});
