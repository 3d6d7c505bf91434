import { beforeEach, describe, expect, test } from "bun:test";
import { executable, spawnEtl } from "../support/binary.ts";
import { closeGate, type Gate } from "../support/gate.ts";
import { drainJson, readJson } from "../support/json-drain.ts";
import { serverPort } from "../support/postgres.ts";
import { listen, startPostgresProxy } from "../support/postgres-proxy.ts";
import { startFaultyServer } from "../support/sqs-faults.ts";
import { startQueueProxy } from "../support/sqs-proxy.ts";
import { fileWorld, loginEvents, noMessages, visible } from "../support/world.ts";

let gate: Gate;
let queueUrl: string;
const total = 60;

const world = await fileWorld("never");
beforeEach(async () => {
  await world.emptyTable();
  gate = await closeGate(world.database);
  queueUrl = await world.newQueue({ VisibilityTimeout: 1 });
  await world.server.send(queueUrl, loginEvents(total));
});

const signals: readonly (readonly [signal: NodeJS.Signals, exitCode: number])[] = [
  ["SIGTERM", 143],
  ["SIGINT", 130],
  ...(process.platform === "linux" ? ([["SIGHUP", 129]] as const) : []),
];

/** A drain whose first load waits at the gate. */
async function drainInFlight() {
  const args = ["drain", "--json", "--batch-size", "10", "--wait-seconds", "1"];
  const run = world.spawn(queueUrl, args);
  await gate.reached(run);
  return run;
}

/** Drains what is left, once all of it can be received again: then each message has its one row. */
async function expectNothingLostOrDoubled(): Promise<void> {
  // A poll that was cut off may be handed messages a moment later: they come back by their time-out.
  do {
    while (world.server.depth(queueUrl).inFlight > 0) await Bun.sleep(10);
    const rest = await drainJson(world, queueUrl);
    expect(rest.exitCode).toBe(0);
  } while (!Bun.deepEquals(world.server.depth(queueUrl), noMessages));
  const [rows] = await world.database.sql`
    select count(*)::int as rows, count(distinct user_id)::int as users from user_logins`;
  expect(rows).toEqual({ rows: total, users: total });
}

describe("a signal in the middle of a drain", () => {
  test.each(signals)(
    "%s: what is in flight is settled, and the rest stays in the queue",
    async (signal, code) => {
      const run = await drainInFlight();
      run.kill(signal);
      await run.stderr.until(/stopping: .*\n/);
      await gate.open();
      const { exitCode, receipt } = readJson(await run.finished);
      expect(exitCode).toBe(code);
      expect(receipt).toMatchObject({ outcome: "stopped", unsettled: 0, rejected: 0 });
      expect(receipt.inserted).toBeGreaterThan(0);
      expect(receipt.deleted).toBe(receipt.inserted + receipt.duplicates);
      await expectNothingLostOrDoubled();
    },
  );

  test("a second SIGTERM ends the drain at once, and what is of unknown fate is counted as unsettled", async () => {
    const run = await drainInFlight();
    run.kill("SIGTERM");
    await run.stderr.until(/stopping: .*\n/);
    run.kill("SIGTERM");
    const { exitCode, receipt } = readJson(await run.finished);
    expect(exitCode).toBe(143);
    expect(receipt).toMatchObject({ outcome: "stopped", inserted: 0 });
    expect(receipt.unsettled).toBeGreaterThan(0);
    await gate.open();
    await expectNothingLostOrDoubled();
  });
});

test("a database that falls silent does not keep a drain beyond its grace, its record included", async () => {
  const proxy = await startPostgresProxy(await serverPort());
  const DATABASE_URL = world.databaseUrl({ port: String(proxy.port) });
  const graceSeconds = 3;
  const args = ["drain", "--json", "--wait-seconds", "1", "--grace-seconds", String(graceSeconds)];
  const run = world.spawn(queueUrl, args, { DATABASE_URL });
  await gate.reached(run);
  proxy.mode = "black hole";
  const since = performance.now();
  run.kill("SIGTERM");
  const { exitCode, receipt } = readJson(await run.finished);
  // Half a second for the receipt, and as much for a busy machine.
  expect(performance.now() - since).toBeLessThan(graceSeconds * 1000 + 1_000);
  expect(exitCode).toBe(143);
  expect(receipt).toMatchObject({ outcome: "stopped", inserted: 0, deleted: 0 });
  expect(receipt.unsettled).toBeGreaterThan(0);
  await proxy.stop();
  await gate.open();
  await expectNothingLostOrDoubled();
}, 20_000);
test("a SIGTERM while the answer to the very first poll is on its way leaves nothing hidden, however slow it is", async () => {
  await gate.open();
  const proxy = await startQueueProxy(world.server.endpoint);
  const args = ["drain", "--json", "--wait-seconds", "0"];
  const run = world.spawn(queueUrl, args, { AWS_ENDPOINT_URL_SQS: proxy.endpoint });
  proxy.onAnswer = async ({ action }) => {
    if (action !== "ReceiveMessage") return;
    run.kill("SIGTERM");
    await run.stderr.until(/stopping: .*\n/);
    // Longer than such a poll takes by itself.
    await Bun.sleep(3_000);
  };
  const { exitCode, receipt } = readJson(await run.finished);
  await proxy.stop();
  expect(exitCode).toBe(143);
  expect(receipt).toMatchObject({ received: 10, inserted: 10, deleted: 10, unsettled: 0 });
  expect(world.server.depth(queueUrl)).toEqual(visible(total - 10));
}, 30_000);

describe("a signal during the start", () => {
  beforeEach(() => gate.open());

  test.each(signals)("%s ends the drain though the queue does not answer", async (signal, code) => {
    const server = await startFaultyServer(["hang"]);
    const env = world.env(queueUrl, { AWS_ENDPOINT_URL_SQS: server.endpoint });
    const run = spawnEtl(["drain"], { env, cwd: world.folder, timeoutMillis: 4_000 });
    while (server.bodies.length === 0) await Bun.sleep(5);
    run.kill(signal);
    expect(await run.finished).toMatchObject({ exitCode: code, stdout: "" });
    await server.stop();
  });

  test.each(signals)("%s ends the drain though the database does not answer", async (signal, code) => {
    const silent = await listen(() => {});
    const DATABASE_URL = `postgres://etl@127.0.0.1:${silent.port}/x`;
    const run = spawnEtl(["drain"], { env: world.env(queueUrl, { DATABASE_URL }), timeoutMillis: 4_000 });
    while (silent.connections() === 0) await Bun.sleep(5);
    run.kill(signal);
    expect(await run.finished).toMatchObject({ exitCode: code, stdout: "" });
    expect(world.server.depth(queueUrl)).toEqual(visible(total));
    await silent.stop();
  });
});

test.skipIf(process.platform !== "linux")("under nohup, SIGHUP does not end a drain", async () => {
  const nohup = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh"];
  const run = Bun.spawn([...nohup, executable, "drain", "--json", "--wait-seconds", "1"], {
    env: world.env(queueUrl),
    cwd: world.folder,
    stdin: "ignore",
    stderr: "ignore",
  });
  while (world.server.depth(queueUrl).inFlight === 0) await Bun.sleep(5);
  run.kill("SIGHUP");
  await gate.open();
  const { exitCode, receipt } = readJson({
    stdout: await run.stdout.text(),
    exitCode: await run.exited,
    stderr: "",
    signal: null,
  });
  expect(exitCode).toBe(0);
  expect(receipt).toMatchObject({ outcome: "drained", inserted: total });
});
