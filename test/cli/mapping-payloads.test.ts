import { describe, expect, test } from "bun:test";
import { systemClock } from "../../src/commands/system-clock.ts";
import { createSqsSource } from "../../src/sqs/source.ts";
import { drainJson, readJson } from "../support/json-drain.ts";
import { column, makeTable, shownRows, textRows, writeJob } from "../support/mapped-job.ts";
import { s3Error, s3Signer, startS3Server } from "../support/s3-server.ts";
import { startQueueProxy } from "../support/sqs-proxy.ts";
import { type EnvChanges, noMessages, openWorld, visible } from "../support/world.ts";

const settings = `
[queue]
extended_payloads = true

[table]
name = "orders"

${[
  column("id", 'from = "order.id"', 'type = "bigint"', "required = true"),
  column("document", 'from = "order"', 'type = "jsonb"'),
  column("receives", 'from = "$receive_count"'),
].join("\n")}`;

/** A world with S3 in it for one test alone, as these tests wait at the same time. */
async function openPlace(VisibilityTimeout = 30) {
  const world = await openWorld();
  const s3 = await startS3Server();
  const way = await startQueueProxy(world.server.endpoint);
  const job = writeJob(world, settings);
  await makeTable(world, job);
  const queueUrl = await world.newQueue({ VisibilityTimeout });
  /** Leads to the job and to S3, whose signatures are checked. */
  const env = {
    ...job,
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    AWS_ACCESS_KEY_ID: s3Signer.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3Signer.secretAccessKey,
  };
  const { sql } = world.database;
  const storedIds = async () =>
    (await sql`select id::integer as id from orders order by 1`).map(({ id }) => id);
  const depth = () => world.server.depth(queueUrl);
  return {
    ...{ world, s3, way, job, env, queueUrl, storedIds, depth },
    drain: (args: readonly string[] = [], changes: EnvChanges = {}) =>
      drainJson(world, queueUrl, args, { ...env, ...changes }),
    /** Starts a drain on a way on which its requests can be seen. */
    spawn: (args: readonly string[]) =>
      world.spawn(way.urlOf(queueUrl), ["drain", "--json", "--wait-seconds", "0", ...args], env),
    /** Sends payloads as the library does: the order in S3, in the message what leads there. */
    async send(count: number): Promise<void> {
      for (const id of all(count)) s3.objects.set(`/payloads/order%20${id}`, { body: order(id) });
      const attributes = { ExtendedPayloadSize: { DataType: "Number", StringValue: "300000" } };
      await world.server.send(
        queueUrl,
        all(count).map((id) => pointer(`order ${id}`)),
        { attributes },
      );
    },
    /** Drains what is left, once it can be received: then each message has its one row. */
    async expectNothingLost(count: number): Promise<void> {
      s3.answer = () => false;
      do {
        while (depth().inFlight > 0) await Bun.sleep(10);
        expect((await drainJson(world, queueUrl, [], env)).exitCode).toBe(0);
      } while (!Bun.deepEquals(depth(), noMessages));
      expect(await storedIds()).toEqual(all(count));
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([s3.stop(), way.stop()]);
      await world.close();
    },
  };
}

const pointer = (key: string, bucket = "payloads") =>
  JSON.stringify([
    "software.amazon.payloadoffloading.PayloadS3Pointer",
    { s3BucketName: bucket, s3Key: key },
  ]);

const order = (id: number | bigint) => `{"order": {"id": ${id}, "total": 1.10}}`;

const all = (count: number) => Array.from({ length: count }, (_, index) => index);

describe.concurrent("payloads in S3", () => {
  test("become rows beside messages that have none, and look so in a dry run", async () => {
    await using at = await openPlace();
    const { s3, world } = at;
    s3.objects.set("/payloads/a%20key/%C3%A9", { body: order(9_007_199_254_740_993n) });
    s3.objects.set("/payloads/big", { body: order(2).replace("{", `{"filler": "${"x".repeat(400_000)}", `) });
    await world.server.send(at.queueUrl, [pointer("a key/é"), order(1), pointer("big")]);
    const dry = await at.drain(["--dry-run"]);
    expect(dry).toMatchObject({ exitCode: 0, receipt: { released: 3 } });
    expect(at.depth()).toEqual(visible(3));
    const run = await at.drain();
    expect(run).toMatchObject({ exitCode: 0, receipt: { inserted: 3, deleted: 3 } });
    const rows = await textRows(world, "orders", ["receives"]);
    expect(rows.map(({ id }) => id)).toEqual(["1", "2", "9007199254740993"]);
    expect(rows[2]?.document).toBe('{"id": 9007199254740993, "total": 1.10}');
    expect(rows).toEqual(await shownRows(world, "orders", dry, ["receives"]));
    expect(s3.refusals).toEqual([]);
    expect(s3.objects.size).toBe(2);
  });

  test("that can never be had are rejections; the dead-letter queue gets what the message held, the pointer", async () => {
    await using at = await openPlace();
    const { s3, world } = at;
    const deadLetterUrl = await world.newQueue();
    s3.objects.set("/payloads/CANARY-bytes", { body: Uint8Array.of(0xff) });
    s3.objects.set("/payloads/CANARY-wrong", { body: '{"order": {"id": "CANARY"}}' });
    const bad = ["CANARY-gone", "CANARY-bytes", "CANARY-wrong"].map((key) => pointer(key));
    await world.server.send(at.queueUrl, [...bad, pointer("CANARY", "No Bucket"), order(0)]);
    const toDeadLetters = ["--on-reject", "dead-letter", "--dead-letter-url", deadLetterUrl];
    const run = await at.drain(toDeadLetters);
    expect(run).toMatchObject({ exitCode: 65, receipt: { inserted: 1, rejected: 4, deleted: 5 } });
    expect(run.receipt.rejections).toEqual({
      payload_missing: 2,
      payload_not_text: 1,
      field_not_integer: 1,
    } as typeof run.receipt.rejections);
    expect((run.stdout + run.stderr).toLowerCase()).not.toContain("canary");
    expect(await at.storedIds()).toEqual([0]);
    expect(at.depth()).toEqual(noMessages);
    const letters = await createSqsSource({
      queue: { url: deadLetterUrl },
      env: world.env(deadLetterUrl),
      clock: systemClock,
      now: Date.now,
      random: Math.random,
    }).receive({ maxMessages: 10, waitSeconds: 1, signal: new AbortController().signal });
    expect(letters.map(({ body }) => body).toSorted()).toEqual(
      [...bad, pointer("CANARY", "No Bucket")].toSorted(),
    );
  });

  test("without extended_payloads a pointer is no object, and S3 is not asked", async () => {
    await using at = await openPlace();
    const { s3, world } = at;
    const plain = writeJob(world, settings.replace("extended_payloads = true", ""));
    await at.send(1);
    const run = await at.drain([], plain);
    expect(run.receipt.rejections).toEqual({ body_not_object: 1 } as typeof run.receipt.rejections);
    expect(s3.targets).toEqual([]);
  });
});

describe.concurrent("where S3 fails", () => {
  test("for a while, the messages wait for it, and are stored once", async () => {
    await using at = await openPlace();
    const { s3 } = at;
    await at.send(25);
    let down = true;
    s3.answer = ({ response }) => {
      if (down) response.socket?.destroy();
      return down;
    };
    const run = at.spawn(["--follow"]);
    await run.stderr.until(/read payload fails and is tried again: /);
    down = false;
    await run.stderr.until(/read payload works again/);
    while ((await at.storedIds()).length < 25) await Bun.sleep(10);
    while (at.depth().inFlight > 0) await Bun.sleep(10);
    run.kill("SIGTERM");
    const { exitCode, receipt } = readJson(await run.finished);
    expect({ exitCode, receipt }).toMatchObject({
      exitCode: 143,
      receipt: { received: 25, inserted: 25, duplicates: 0, rejected: 0, deleted: 25 },
    });
    expect(await at.storedIds()).toEqual(all(25));
  });

  test("for longer than --give-up-after, the run fails with its receipt, and the next one has it all", async () => {
    await using at = await openPlace();
    const { s3 } = at;
    await at.send(12);
    s3.answer = ({ response }) => s3Error(response, 503, "ServiceUnavailable");
    const run = await at.drain(["--give-up-after", "1"]);
    expect(run.exitCode).toBe(75);
    expect(run.receipt).toMatchObject({ outcome: "failed", inserted: 0, rejected: 0, deleted: 0 });
    expect(run.stderr).toMatch(/error: gave up after \d+ s: .*\ntry: /);
    await at.expectNothingLost(12);
  });

  test("for good, as it may not be read, the run ends at once, and every message is given back", async () => {
    await using at = await openPlace();
    const { s3 } = at;
    await at.send(12);
    s3.answer = ({ response }) => s3Error(response, 403, "AccessDenied");
    const run = await at.drain(["--receivers", "1"]);
    expect(run.exitCode).toBe(77);
    expect(run.stderr).toContain("s3:GetObject");
    expect(at.depth()).toEqual(visible(12));
    await at.expectNothingLost(12);
  });
});

describe.concurrent("while S3 is slow", () => {
  test("the messages are kept for longer than their visibility time-out, and delivered once", async () => {
    await using at = await openPlace(2);
    const { s3, world } = at;
    await at.send(10);
    let extended = 0;
    const enough = Promise.withResolvers<boolean>();
    at.way.onRequest = ({ action }) => {
      if (action !== "ChangeMessageVisibilityBatch") return;
      extended += 1;
      // By thirds of the time-out, so this is later than the time-out.
      if (extended === 4) enough.resolve(false);
    };
    s3.answer = () => enough.promise;
    const before = at.way.delivered;
    const { exitCode, receipt } = readJson(await at.spawn([]).finished);
    at.way.onRequest = () => {};
    expect({ exitCode, receipt }).toMatchObject({
      exitCode: 0,
      receipt: { received: 10, inserted: 10, duplicates: 0, deleted: 10 },
    });
    expect(at.way.delivered - before).toBe(10);
    expect(await world.database.sql`select distinct receives from orders`).toMatchObject([{ receives: 1 }]);
  });

  test("SIGTERM ends the run at once, with a receipt, and the messages are given back", async () => {
    await using at = await openPlace();
    const { s3 } = at;
    await at.send(20);
    const asked = Promise.withResolvers<void>();
    const hanging = Promise.withResolvers<boolean>();
    s3.answer = () => {
      asked.resolve();
      return hanging.promise;
    };
    const run = at.spawn(["--receivers", "1"]);
    await asked.promise;
    run.kill("SIGTERM");
    const { exitCode, receipt } = readJson(await run.finished);
    hanging.resolve(true);
    expect({ exitCode, receipt }).toMatchObject({
      exitCode: 143,
      receipt: { outcome: "stopped", inserted: 0, rejected: 0, unsettled: 0, deleted: 0 },
    });
    expect(at.depth()).toEqual(visible(20));
    await at.expectNothingLost(20);
  });

  test("a stop while S3 is down gives back what waits for it", async () => {
    await using at = await openPlace();
    const { s3 } = at;
    await at.send(20);
    s3.answer = ({ response }) => s3Error(response, 500, "InternalError");
    const run = at.spawn(["--receivers", "2"]);
    await run.stderr.until(/read payload fails and is tried again/);
    run.kill("SIGTERM");
    expect(readJson(await run.finished)).toMatchObject({
      exitCode: 143,
      receipt: { outcome: "stopped", received: 0, unsettled: 0, deleted: 0 },
    });
    expect(at.depth()).toEqual(visible(20));
    await at.expectNothingLost(20);
  });
});
