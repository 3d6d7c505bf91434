import { beforeEach, describe, expect, test } from "bun:test";
import { endOf } from "../support/binary.ts";
import { drainJson } from "../support/json-drain.ts";
import { fileWorld, loginEvent } from "../support/world.ts";

let queueUrl: string;
const world = await fileWorld("never");
beforeEach(async () => {
  await world.emptyTable();
  queueUrl = await world.newQueue();
});

const status = (args: readonly string[] = [], env: Readonly<Record<string, string | undefined>> = {}) =>
  world.etl(queueUrl, ["status", ...args], env);

async function statusJson(env: Readonly<Record<string, string | undefined>> = {}) {
  const run = await status(["--json"], env);
  return { ...run, status: JSON.parse(run.stdout).status };
}

const unreachable = "postgres://nobody@127.0.0.1:1/nothing?sslmode=disable";

describe("etl status", () => {
  test("tells of queue, table, runs and rejections after two drains", async () => {
    await world.server.send(queueUrl, [loginEvent(), loginEvent(), "no json", loginEvent({ ip: 7 })]);
    expect((await drainJson(world, queueUrl)).exitCode).toBe(65);
    await world.server.send(queueUrl, [loginEvent()]);
    const second = await drainJson(world, queueUrl);
    await world.server.send(queueUrl, [loginEvent(), loginEvent()]);

    const run = await statusJson();
    expect(run.exitCode).toBe(0);
    expect(run.stderr).toBe("");
    expect(run.status.queue).toMatchObject({ visible: 2, inFlight: 2, delayed: 0, deadLetters: [] });
    expect(run.status.table).toMatchObject({
      name: "public.user_logins",
      ledger: { entries: 3, bytes: expect.any(Number) },
      records: {
        rowsToday: 3,
        runs: [
          { outcome: "drained", received: 1, inserted: 1, requests: second.receipt.requests, rejections: {} },
          { outcome: "drained", received: 4, inserted: 2, rejected: 2, deleted: 2 },
        ],
        rejections: [
          { reason: "body_not_json", messages: 1, loadedSince: 0 },
          { reason: "field_not_text", messages: 1, loadedSince: 0 },
        ],
      },
    });
    expect(run.status.table.records.runs[1].rejections).toEqual({ body_not_json: 1, field_not_text: 1 });
    expect(run.status.missing).toEqual([]);

    const { lines, exitCode } = await endOf(world.spawnInTerminal(queueUrl, ["status"], 80));
    expect(exitCode).toBe(0);
    const text = lines.join("\n");
    expect(text).toContain("waiting       2");
    expect(text).toMatch(/ledger +3 {2}entries, \d+ kB/);
    expect(text).toMatch(/rows today +3 {2}since 00:00 UTC/);
    expect(text).toMatch(
      /\d{4}-\d\d-\d\d \d\d:\d\dZ, [\d.]+ s: drained\n {4}received 4 = inserted 2 \+ rejected 2\n/,
    );
    expect(text).toMatch(/body_not_json +1 +0/);
  });

  test("counts the dead letters of the redrive policy and of the settings", async () => {
    const [redrive, own] = [await world.newQueue(), await world.newQueue()];
    const name = (url: string) => url.slice(url.lastIndexOf("/") + 1);
    const policy = (arn: string) => JSON.stringify({ deadLetterTargetArn: arn, maxReceiveCount: 3 });
    queueUrl = await world.newQueue({
      RedrivePolicy: policy(`arn:aws:sqs:us-east-1:123456789012:${name(redrive)}`),
    });
    await world.server.send(redrive, ["a", "b"]);
    await world.server.send(own, ["c"]);
    const toml = `${world.folder}/status.toml`;
    await Bun.write(toml, `[rejects]\ndead_letter_url = "${own}"\n`);
    const run = await status(["--json", "--config", toml]);
    expect(run.exitCode).toBe(0);
    expect(JSON.parse(run.stdout).status.queue.deadLetters).toEqual([
      { name: name(redrive), visible: 2, inFlight: 0 },
      { name: name(own), visible: 1, inFlight: 0 },
    ]);
    const { stdout } = await status(["--config", toml]);
    expect(stdout).toContain(`dead letters  2  in ${name(redrive)}\n`);
  });

  test("without the tables of runs and rejections tells the rest, and how to have them", async () => {
    await world.database.sql`drop table etl_run, etl_rejection`;
    await world.server.send(queueUrl, [loginEvent(), "no json"]);
    const drained = await drainJson(world, queueUrl);
    expect(drained.exitCode).toBe(65);
    expect(drained.stderr.match(/not recorded/g)).toHaveLength(1);
    const { stdout, exitCode } = await status();
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/ledger +1 {2}entries/);
    expect(stdout).toContain("Try: etl migrate");
  });

  test("shows the queue and ends with 69 if the database cannot be reached", async () => {
    await world.server.send(queueUrl, [loginEvent()]);
    const run = await statusJson({ DATABASE_URL: unreachable });
    expect(run.exitCode).toBe(69);
    expect(run.status.queue.visible).toBe(1);
    expect(run.status.table).toBeNull();
    expect(run.status.missing).toMatchObject([{ kind: "unavailable" }]);
    expect(run.stderr).toMatch(/^error: .*127\.0\.0\.1.*\ntry: /);
    expect((await status([], { DATABASE_URL: unreachable })).stdout).toContain("Table: not reached");
  });

  test("shows the table, found by the queue's name, and ends with 69 if the queue cannot be reached", async () => {
    await world.server.send(queueUrl, [loginEvent()]);
    await drainJson(world, queueUrl);
    const run = await statusJson({ AWS_ENDPOINT_URL_SQS: "http://127.0.0.1:1" });
    expect(run.exitCode).toBe(69);
    expect(run.status.queue).toBeNull();
    expect(run.status.table.records.runs).toMatchObject([{ inserted: 1 }]);
  });

  test("if neither queue nor database can be reached, says so of both", async () => {
    const run = await statusJson({ AWS_ENDPOINT_URL_SQS: "http://127.0.0.1:1", DATABASE_URL: unreachable });
    expect(run.exitCode).toBe(69);
    expect(run.status.missing).toHaveLength(2);
    expect(run.stderr).toMatch(/warn .*\n?error: /s);
  });
});
