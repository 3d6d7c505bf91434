import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { runEtl } from "../support/binary.ts";
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
const refuseBots = "alter table user_logins add constraint no_bots check (user_id <> 'bot')";

async function retry(args: readonly string[] = [], env: Readonly<Record<string, string | undefined>> = {}) {
  const run = await etl(["rejects", "retry", "--json", ...args, ...deadLetters()], env);
  return { ...run, retry: JSON.parse(run.stdout).retry };
}

/** What `etl rejects list` and `etl status` tell of rejected messages. */
async function recorded() {
  const { stdout } = await etl(["rejects", "list", "--json"]);
  const listed = stdout.split("\n").filter((line) => line !== "");
  const status = JSON.parse((await etl(["status", "--json"])).stdout).status;
  return {
    listed: listed.map((line) => JSON.parse(line).rejection),
    rejections: status.table.records.rejections,
  };
}

describe("what is told of rejected messages after etl rejects retry", () => {
  test.each([
    ["standard", "", {}],
    ["FIFO", ".fifo", { FifoQueue: true }],
  ])(
    "what has gone back to a %s queue is told of as rejected only if it is so again",
    async (_, end, settings) => {
      queueUrl = await world.server.createQueue(`told${end}`, settings);
      deadLetterUrl = await world.server.createQueue(`told-letters${end}`, settings);
      await world.database.sql.unsafe(refuseBots);
      const group = end === "" ? {} : { groupId: "host-1" };
      const sent = await world.server.send(queueUrl, [loginEvent({ user_id: "bot" }), "no json"], group);
      await drainToDeadLetters();
      expect((await recorded()).listed.map(({ messageId }) => messageId).toSorted()).toEqual(sent.toSorted());

      await world.database.sql`alter table user_logins drop constraint no_bots`;
      expect(await retry()).toMatchObject({ stderr: "", retry: { moved: 2 } });
      expect(await recorded()).toEqual({ listed: [], rejections: [] });

      const again = await drainToDeadLetters();
      expect(again.receipt).toMatchObject({ inserted: 1, rejected: 1 });
      const { listed, rejections } = await recorded();
      expect(rejections).toEqual([{ reason: "body_not_json", messages: 1, loadedSince: 0 }]);
      expect(listed).toMatchObject([{ reason: "body_not_json", times: 1, loaded: false }]);
      expect(sent).not.toContain(listed[0].messageId);
    },
  );

  test("one that is rejected again has another record, which goes as the first did; a dry run leaves it", async () => {
    await world.server.send(queueUrl, ["no json"]);
    for (let round = 0; round < 2; round += 1) {
      await drainToDeadLetters();
      await retry(["--dry-run"]);
      expect((await recorded()).listed).toHaveLength(1);
      expect((await retry()).retry.moved).toBe(1);
      expect((await recorded()).listed).toEqual([]);
    }
  }, 10_000);

  test("what the queue's own policy has moved, with its id, goes likewise", async () => {
    const body = "no json";
    const [messageId = ""] = await world.server.send(queueUrl, [body]);
    const sentAtMillis = Date.now() - 60_000;
    world.server.purge(queueUrl);
    world.server.redeliver(queueUrl, { messageId, sentAtMillis, body });
    await drainJson(world, queueUrl);
    expect((await recorded()).listed).toMatchObject([{ messageId }]);
    world.server.purge(queueUrl);
    world.server.redeliver(deadLetterUrl, { messageId, sentAtMillis, body });
    expect((await retry()).retry.moved).toBe(1);
    expect((await recorded()).listed).toEqual([]);
  });

  test("moves also where the records may not be written, and says what mends it", async () => {
    const role = `reader_${crypto.randomUUID().slice(0, 8)}`;
    await world.server.send(queueUrl, ["no json", "no json"]);
    await drainToDeadLetters();
    await world.database.sql.unsafe(`
      create role ${role} login password 'reading'; grant usage on schema public to ${role};
      grant select on all tables in schema public to ${role}`);
    const DATABASE_URL = world.database.url.replace(/\/\/[^@]*@/, `//${role}:reading@`);
    const run = await retry([], { DATABASE_URL });
    await world.database.sql.unsafe(`drop owned by ${role}; drop role ${role}`);
    expect(run).toMatchObject({ exitCode: 0, retry: { moved: 2, left: 0, undeleted: 0 } });
    expect(run.stderr).toMatch(
      / info 2 moved messages may still be listed as rejected: .*; try: grant .*delete/,
    );
    expect(run.stderr.trim().split("\n")).toHaveLength(1);
    expect((await recorded()).listed).toHaveLength(2);
  });
});
