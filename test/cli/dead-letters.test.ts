import { beforeEach, describe, expect, test } from "bun:test";
import { systemClock } from "../../src/commands/system-clock.ts";
import { createSqsSource } from "../../src/sqs/source.ts";
import { createChance } from "../support/chaos-chance.ts";
import { drainJson, readJson } from "../support/json-drain.ts";
import { startQueueProxy } from "../support/sqs-proxy.ts";
import { fileWorld, loginEvent, noMessages, visible } from "../support/world.ts";

let queueUrl: string;
let deadLetterUrl: string;
const world = await fileWorld("each test");
beforeEach(async () => {
  [queueUrl, deadLetterUrl] = [await world.newQueue(), await world.newQueue()];
});

async function readDeadLetters() {
  const source = createSqsSource({
    queue: { url: deadLetterUrl, environmentRegion: "us-east-1" },
    env: world.env(deadLetterUrl),
    clock: systemClock,
    now: Date.now,
    random: Math.random,
    withAttributes: true,
  });
  return source.receive({ maxMessages: 10, waitSeconds: 1, signal: new AbortController().signal });
}

const deadLetter = (url = deadLetterUrl) => ["--on-reject", "dead-letter", "--dead-letter-url", url];

describe("--on-reject dead-letter", () => {
  test("sends rejected messages on whole, with their rejection, and empties the queue", async () => {
    await world.database.sql.unsafe(
      "alter table user_logins add constraint no_bots check (user_id <> 'bot')",
    );
    const bodies = [loginEvent(), "no json <&>\"'", loginEvent({ user_id: "bot" })];
    const [, second, third] = await world.server.send(queueUrl, bodies);
    const run = await drainJson(world, queueUrl, deadLetter());
    expect(run.exitCode).toBe(65);
    expect(run.receipt).toMatchObject({ received: 3, inserted: 1, rejected: 2, deleted: 3 });
    expect(run.receipt.rejections).toEqual({ body_not_json: 1, sqlstate_23514: 1 });
    expect(world.server.depth(queueUrl)).toEqual(noMessages);

    const letters = await readDeadLetters();
    const found = new Map(
      letters.map(({ body, attributes = [] }) => [body, JSON.parse(attributes[0]?.value ?? "{}")]),
    );
    expect([...found.keys()].sort()).toEqual([bodies[1], bodies[2]].sort() as string[]);
    expect(found.get(bodies[1] ?? "")).toMatchObject({ reason: "body_not_json", messageId: second });
    expect(found.get(bodies[2] ?? "")).toMatchObject({
      reason: "sqlstate_23514",
      constraint: "no_bots",
      messageId: third,
      queue: expect.stringMatching(/^arn:aws:sqs:/),
      sentAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    });
  });

  test("leaves what cannot be copied whole in the queue, and says so", async () => {
    const value = { DataType: "String", StringValue: "CANARY" };
    const names = Array.from({ length: 10 }, (_, index) => `name-${index}`);
    const attributes = Object.fromEntries(names.map((name) => [name, value]));
    await world.server.send(queueUrl, ["no json"], { attributes });
    await world.server.send(queueUrl, ["no json"]);
    const run = await drainJson(world, queueUrl, deadLetter());
    expect(run.receipt).toMatchObject({ received: 2, rejected: 2, deleted: 1 });
    expect(run.stderr).toContain("1 rejected message left in the queue: ");
    expect(run.stderr).not.toContain("CANARY");
    expect(world.server.depth(queueUrl)).toEqual({ visible: 0, inFlight: 1 });
    expect(await readDeadLetters()).toHaveLength(1);
  });

  test.each([
    ["no queue is named for them", () => ["--on-reject", "dead-letter"], /no dead-letter queue is named/],
    ["it is the drained queue", () => deadLetter(queueUrl), /is the queue that is drained/],
    [
      "it does not exist",
      () => deadLetter(`${deadLetterUrl}-missing`),
      /^error: the dead-letter queue does not exist\ntry: check --dead-letter-url: /m,
    ],
  ])("is refused before anything is received if %s", async (_name, args, message) => {
    await world.server.send(queueUrl, ["no json"]);
    const run = await world.etl(queueUrl, ["drain", ...args()]);
    expect(run.exitCode).toBe(78);
    expect(run.stderr).toMatch(message);
    expect(run.stderr).toMatch(/\ntry: /);
    expect(world.server.depth(queueUrl)).toEqual(visible(1));
  });

  test("is refused if one of the two queues is a FIFO queue", async () => {
    const fifo = await world.server.createQueue("letters.fifo", { FifoQueue: true });
    const run = await world.etl(queueUrl, ["drain", ...deadLetter(fifo)]);
    expect(run.exitCode).toBe(78);
    expect(run.stderr).toContain("FIFO");
  });
});

test("a message that another run stores while its copy waits is a duplicate, and not a dead letter too", async () => {
  await world.database.sql.unsafe("alter table user_logins add constraint nobody check (user_id <> 'bot')");
  const proxy = await startQueueProxy(world.server.endpoint, { chance: createChance(1) });
  const short = await world.newQueue({ VisibilityTimeout: 1 });
  await world.server.send(short, [loginEvent({ user_id: "bot" })]);
  // The run loses its hold on the message.
  proxy.hanging = ["ChangeMessageVisibilityBatch"];
  proxy.onRequest = ({ action }) => proxy.set(["error 500"], action === "SendMessageBatch" ? 1 : 0);
  const args = ["drain", "--json", "--wait-seconds", "1", ...deadLetter(proxy.urlOf(deadLetterUrl))];
  const run = world.spawn(short, args, { AWS_ENDPOINT_URL_SQS: proxy.endpoint });
  await run.stderr.until(/send to the dead-letter queue fails and is tried again/);
  await world.database.sql.unsafe("alter table user_logins drop constraint nobody");
  const other = await drainJson(world, short, ["--wait-seconds", "2"]);
  expect(other.receipt).toMatchObject({ inserted: 1, deleted: 1 });
  proxy.onRequest = () => proxy.set([], 0);
  proxy.hanging = [];
  const { exitCode, receipt } = readJson(await run.finished);
  await proxy.stop();
  expect(exitCode).toBe(0);
  expect(receipt).toMatchObject({ received: 1, duplicates: 1, rejected: 0 });
  expect(world.server.depth(deadLetterUrl)).toEqual(noMessages);
}, 40_000);
