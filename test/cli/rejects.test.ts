import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { runEtl, spawnEtl } from "../support/binary.ts";
import { drainJson } from "../support/json-drain.ts";
import { loginEvent, openWorld, type World } from "../support/world.ts";

let world: World;
let queueUrl: string;
let deadLetterUrl: string;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  await world.emptyTable();
  [queueUrl, deadLetterUrl] = [await world.newQueue(), await world.newQueue()];
});

const etl = (args: readonly string[], env: Readonly<Record<string, string | undefined>> = {}) =>
  runEtl(args, { env: world.env(queueUrl, env), cwd: world.folder });
const deadLetters = () => ["--dead-letter-url", deadLetterUrl];
const drainToDeadLetters = () => drainJson(world, queueUrl, ["--on-reject", "dead-letter", ...deadLetters()]);
const unreachable = "postgres://nobody@127.0.0.1:1/nothing?sslmode=disable";

async function retry(args: readonly string[] = [], env: Readonly<Record<string, string | undefined>> = {}) {
  const run = await etl(["rejects", "retry", "--json", ...args], env);
  return { ...run, retry: JSON.parse(run.stdout).retry };
}

describe("etl rejects list", () => {
  const canary = "canary-of-a-value";

  test("lists ids, reasons and paths, and nothing of what the messages hold", async () => {
    const bodies = [loginEvent({ ip: { secret: canary } }), `no json ${canary}`, loginEvent()];
    const [first, second] = await world.server.send(queueUrl, bodies);
    await drainJson(world, queueUrl);
    const json = await etl(["rejects", "list", "--json"]);
    expect(json.exitCode).toBe(0);
    const listed = json.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).rejection);
    expect(listed).toHaveLength(2);
    expect(new Map(listed.map((entry) => [entry.messageId, entry.reason]))).toEqual(
      new Map([
        [first, "field_not_text"],
        [second, "body_not_json"],
      ]),
    );
    expect(listed.find(({ messageId }) => messageId === first)).toMatchObject({
      ...{ path: "ip", times: 1, loaded: false, firstAt: expect.any(String), sentAt: expect.any(String) },
    });
    const { stdout } = await etl(["rejects", "list", "--reason", "field_not_text"]);
    expect(stdout).toMatch(new RegExp(`^${first}  field_not_text at ip\\n  sent .*Z, rejected .*Z\\n$`));
    for (const text of [json.stdout, json.stderr, stdout]) expect(text).not.toContain(canary);
  });

  test("says where there are more, and where there is none", async () => {
    await world.server.send(queueUrl, ["no json", "no json", "no json"]);
    await drainJson(world, queueUrl);
    const some = await etl(["rejects", "list", "--max", "2"]);
    expect(some.stdout.match(/body_not_json/g)).toHaveLength(2);
    expect(some.stderr).toContain("there are more: these are the last 2 messages; --max N shows more");
    const one = await etl(["rejects", "list", "--max", "1"]);
    expect(one.stderr).toContain("there are more: this is the last message; --max N shows more");
    const none = await etl(["rejects", "list", "--reason", "text_nul"]);
    expect(none).toMatchObject({ exitCode: 0, stdout: "" });
    expect(none.stderr).toContain("no message with the reason text_nul");
  });

  test("without the record, says how to have one", async () => {
    await world.database.sql`drop table etl_rejection`;
    const { exitCode, stderr } = await etl(["rejects", "list"]);
    expect(exitCode).toBe(78);
    expect(stderr).toContain("try: etl migrate");
  });
});

describe("etl rejects retry", () => {
  const refuseBots = "alter table user_logins add constraint no_bots check (user_id <> 'bot')";
  const attributes = { trace: { DataType: "String", StringValue: "a<b & c" } };

  test("sends dead letters back whole; once their cause is mended, each is one row", async () => {
    await world.database.sql.unsafe(refuseBots);
    const bots = Array.from({ length: 23 }, (_, index) =>
      loginEvent({ user_id: "bot", locale: `L${index}` }),
    );
    await world.server.send(queueUrl, [...bots, loginEvent(), "no json"], { attributes });
    await drainToDeadLetters();
    expect(world.server.depth(deadLetterUrl)).toEqual({ visible: 24, inFlight: 0 });

    const look = await retry(["--dry-run", ...deadLetters()]);
    expect(look).toMatchObject({ exitCode: 0, stderr: "" });
    expect(look.retry).toMatchObject({
      ...{ dryRun: true, waiting: 24, seen: 24, stored: 0 },
      reasons: { sqlstate_23514: 23, body_not_json: 1 },
    });
    expect(world.server.depth(deadLetterUrl)).toEqual({ visible: 24, inFlight: 0 });
    expect(world.server.depth(queueUrl)).toEqual({ visible: 0, inFlight: 0 });

    await world.database.sql`alter table user_logins drop constraint no_bots`;
    const moved = await retry(deadLetters());
    expect(moved).toMatchObject({ exitCode: 0, stderr: "" });
    expect(moved.retry).toMatchObject({
      ...{ dryRun: false, movedBy: "etl", moved: 24, stored: 0, left: 0, undeleted: 0 },
      reasons: { sqlstate_23514: 23, body_not_json: 1 },
    });
    expect(world.server.depth(deadLetterUrl)).toEqual({ visible: 0, inFlight: 0 });
    expect((await drainJson(world, queueUrl)).receipt).toMatchObject({
      received: 24,
      inserted: 23,
      rejected: 1,
    });
    const [rows] = await world.database.sql`
      select count(*)::int as rows, count(distinct locale)::int as locales from user_logins`;
    expect(rows).toEqual({ rows: 24, locales: 24 });
  });

  test("a message that was stored since is deleted, and not sent again", async () => {
    await world.database.sql.unsafe(refuseBots);
    const body = loginEvent({ user_id: "bot" });
    const [messageId = ""] = await world.server.send(queueUrl, [body]);
    const sentAtMillis = Date.now() - 60_000;
    world.server.purge(queueUrl);
    world.server.redeliver(queueUrl, { messageId, sentAtMillis, body });
    await drainToDeadLetters();
    await world.database.sql`alter table user_logins drop constraint no_bots`;
    // Its delete was lost: it comes again, and is stored.
    world.server.redeliver(queueUrl, { messageId, sentAtMillis, body });
    expect((await drainJson(world, queueUrl)).receipt.inserted).toBe(1);

    expect((await retry(["--dry-run", ...deadLetters()])).retry).toMatchObject({ seen: 1, stored: 1 });
    const run = await retry(deadLetters());
    expect(run.retry).toMatchObject({ moved: 0, stored: 1, left: 0 });
    expect(world.server.depth(deadLetterUrl)).toEqual({ visible: 0, inFlight: 0 });
    expect(world.server.depth(queueUrl)).toEqual({ visible: 0, inFlight: 0 });
  });

  test("nor is one that the queue's own policy has moved, with its id", async () => {
    const body = loginEvent();
    const [messageId = ""] = await world.server.send(queueUrl, [body]);
    const sentAtMillis = Date.now() - 60_000;
    world.server.purge(queueUrl);
    world.server.redeliver(queueUrl, { messageId, sentAtMillis, body });
    await drainJson(world, queueUrl);
    world.server.redeliver(deadLetterUrl, { messageId, sentAtMillis, body });
    expect((await retry(deadLetters())).retry).toMatchObject({ moved: 0, stored: 1 });
  });

  test("moves no more than --max", async () => {
    await world.server.send(
      deadLetterUrl,
      Array.from({ length: 25 }, () => loginEvent()),
    );
    expect((await retry([...deadLetters(), "--max", "12"])).retry).toMatchObject({
      ...{ moved: 12, reasons: { unknown: 12 } },
    });
    expect(world.server.depth(deadLetterUrl).visible).toBe(13);
    expect(world.server.depth(queueUrl).visible).toBe(12);
  });

  test("moves nothing where the ledger cannot be asked; a dry run says so", async () => {
    await world.server.send(deadLetterUrl, [loginEvent()]);
    const run = await etl(["rejects", "retry", ...deadLetters()], { DATABASE_URL: unreachable });
    expect(run).toMatchObject({ exitCode: 69, stdout: "" });
    expect(world.server.depth(deadLetterUrl)).toEqual({ visible: 1, inFlight: 0 });
    const look = await retry(["--dry-run", ...deadLetters()], { DATABASE_URL: unreachable });
    expect(look).toMatchObject({ exitCode: 0, retry: { seen: 1 } });
    expect(look.retry).not.toHaveProperty("stored");
    expect(look.stderr).toContain("not looked up in the ledger");
  });

  test.each([
    ["none is named", () => [], /has no dead-letter queue/],
    ["it is the queue itself", () => ["--dead-letter-url", queueUrl], /is the queue that its messages/],
  ])("is refused where %s", async (_, args, message) => {
    const run = await etl(["rejects", "retry", ...args()]);
    expect(run.exitCode).toBe(78);
    expect(run.stderr).toMatch(message);
    expect(run.stderr).toMatch(/\ntry: .*--dead-letter-url/);
  });

  test("keeps a FIFO queue's groups and their order", async () => {
    const FifoQueue = true;
    queueUrl = await world.server.createQueue("retried.fifo", { FifoQueue });
    deadLetterUrl = await world.server.createQueue("retried-letters.fifo", { FifoQueue });
    const bodies = Array.from({ length: 12 }, (_, index) => loginEvent({ locale: `L${index}` }));
    await world.server.send(deadLetterUrl, bodies, { groupId: "host-1" });
    expect((await retry(deadLetters())).retry).toMatchObject({ moved: 12, left: 0 });
    expect((await drainJson(world, queueUrl)).receipt.inserted).toBe(12);
    const rows = await world.database.sql`select locale from user_logins order by ctid`;
    expect(rows.map(({ locale }) => locale)).toEqual(bodies.map((body) => JSON.parse(body).locale));
  });

  test("SIGINT ends it after what is in hand: nothing is lost, and nothing hidden", async () => {
    await world.server.send(
      deadLetterUrl,
      Array.from({ length: 3_000 }, () => loginEvent()),
    );
    const run = spawnEtl(["rejects", "retry", "--json", ...deadLetters()], {
      ...{ env: world.env(queueUrl), cwd: world.folder },
    });
    const started = async () => {
      while (world.server.depth(queueUrl).visible === 0) await Bun.sleep(2);
    };
    await started();
    run.kill("SIGINT");
    const { exitCode, stdout } = await run.finished;
    expect(exitCode).toBe(130);
    const { moved } = JSON.parse(stdout).retry;
    expect(moved).toBeLessThan(3_000);
    expect(world.server.depth(queueUrl)).toEqual({ visible: moved, inFlight: 0 });
    expect(world.server.depth(deadLetterUrl)).toEqual({ visible: 3_000 - moved, inFlight: 0 });
  });
});
