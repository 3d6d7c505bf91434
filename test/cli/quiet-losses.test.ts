import { beforeEach, describe, expect, test } from "bun:test";
import { runDoctor } from "../support/doctor-run.ts";
import { drainJson, type JsonDrain, readJson } from "../support/json-drain.ts";
import { column, makeTable, textRows, writeJob } from "../support/mapped-job.ts";
import { fileWorld, noMessages, visible } from "../support/world.ts";

const world = await fileWorld("never");

const orders = (...columns: readonly string[]) => `
[table]
name = "orders"

${[column("received_at", 'from = "$received_at"'), ...columns].join("\n")}`;

const job = orders(
  column("sku", 'from = "line.sku"'),
  column("email", 'from = "customer.email"', 'mask = "hmac"'),
  column("nick", 'from = "nick"'),
);

const order = (index: number) => ({
  line: { sku: `sku-${index}` },
  customer: { email: `canary-${index}@example.com` },
  nick: `nick-${index}`,
});

let queueUrl: string;
beforeEach(async () => {
  await makeTable(world, writeJob(world, job));
  queueUrl = await world.newQueue();
});

const bodies = (count: number, body: (index: number) => unknown) =>
  Array.from({ length: count }, (_, index) => JSON.stringify(body(index)));

const sns = (message: string) =>
  JSON.stringify({
    Type: "Notification",
    MessageId: "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
    TopicArn: "arn:aws:sns:us-east-1:123456789012:orders",
    Message: message,
  });

const event = (detail: unknown) => ({
  version: "0",
  id: "17793124-05d4-b198-2fde-7ededc63b103",
  "detail-type": "Order",
  source: "shop",
  detail,
});

const upperCase = (index: number) =>
  Object.fromEntries(Object.entries(order(index)).map(([name, value]) => [name.toUpperCase(), value]));

describe("bodies of which no column takes anything", () => {
  const shapes: readonly [name: string, body: (index: number) => unknown, says: string][] = [
    ["without fields", () => ({}), "nothing_mapped (the body is empty)"],
    [
      "in an envelope of SNS",
      (index) => JSON.parse(sns(JSON.stringify(order(index)))),
      "nothing_mapped (the body looks like an SNS notification; it has Type, MessageId, TopicArn, Message)",
    ],
    [
      "in an envelope of EventBridge",
      (index) => event(order(index)),
      "nothing_mapped (the body looks like an EventBridge event; it has version, id, detail-type, source, detail)",
    ],
    ["with upper-case names", upperCase, "nothing_mapped (the body has LINE, CUSTOMER, NICK)"],
    ["one level deeper", (index) => ({ data: order(index) }), "nothing_mapped (the body has data)"],
    [
      "that point to S3",
      () => ({ s3BucketName: "b", s3Key: "k" }),
      "nothing_mapped (the body has s3BucketName, s3Key)",
    ],
  ];

  test.each(shapes)("are rejected, and stay in the queue: %s", async (_, body, says) => {
    const { url, ids } = await world.queueWith(bodies(43, body));
    const run = await drainJson(world, url, [], writeJob(world, job));
    expect(run.exitCode).toBe(65);
    expect(run.receipt).toMatchObject({ inserted: 0, deleted: 0, rejections: { nothing_mapped: 43 } });
    expect(run.stderr).toContain(`message ${ids[0]}: ${says}\n`);
    expect(world.server.depth(url)).toEqual({ visible: 0, inFlight: 43 });
    expect(run.stdout + run.stderr).not.toContain("canary");
  });

  test.each(shapes)("are given back if they are 60, and the run exits 78: %s", async (_, body, says) => {
    const { url } = await world.queueWith(bodies(60, body));
    const run = await drainJson(world, url, [], writeJob(world, job));
    expect(run.exitCode).toBe(78);
    expect(run.receipt).toMatchObject({ inserted: 0, rejected: 0, deleted: 0 });
    expect(run.stderr).toContain(says);
    expect(world.server.depth(url)).toEqual(visible(60));
  });

  test("are loaded if the mapping takes nothing of the body at all", async () => {
    const envelope = writeJob(world, orders(column("origin", 'from = { constant = "shop" }')));
    await makeTable(world, envelope);
    await world.server.send(
      queueUrl,
      bodies(3, () => ({ anything: 1 })),
    );
    const run = await drainJson(world, queueUrl, [], envelope);
    expect(run).toMatchObject({ exitCode: 0, receipt: { inserted: 3 } });
  });

  test("are loaded if a field is there and null", async () => {
    await world.server.send(
      queueUrl,
      bodies(1, () => ({ nick: null })),
    );
    const run = await drainJson(world, queueUrl, [], writeJob(world, job));
    expect(run).toMatchObject({ exitCode: 0, receipt: { inserted: 1 } });
  });

  test("name nothing that does not look like the name of a field", async () => {
    const personal = {
      "ann@example.com": 1,
      "Ann Canary": 2,
      "+49 30 1234": 3,
      "1990-01-31": 4,
      ["x".repeat(65)]: 5,
    };
    await world.server.send(
      queueUrl,
      bodies(1, () => ({ ...personal, kind: 1 })),
    );
    const run = await drainJson(world, queueUrl, [], writeJob(world, job));
    expect(run.stderr).toContain("nothing_mapped (the body has kind, and 5 other names)");
    expect(run.lines[0]?.rejection).toMatchObject({ fields: ["kind"], otherFields: 5 });
    for (const name of Object.keys(personal)) expect(run.stdout + run.stderr).not.toContain(name);
  });
});

describe("an envelope that is not there", () => {
  const wrapped = `[queue]\nenvelope = "sns"\n${job}`;

  async function expectAllBack(run: Promise<JsonDrain>, dead: string): Promise<void> {
    const { exitCode, stderr } = await run;
    expect(exitCode).toBe(78);
    expect(stderr).toContain("envelope_not_sns");
    expect(stderr).toContain('With envelope = "auto" under [queue] etl reads them');
    expect(world.server.depth(dead)).toEqual(noMessages);
    expect(world.server.depth(queueUrl)).toEqual(visible(60));
  }

  test("goes back to the queue and not to the dead letters if 50 messages in a row lack it, after a row", async () => {
    const dead = await world.newQueue();
    await world.server.send(queueUrl, [sns(JSON.stringify(order(0)))]);
    const args = ["drain", "--json", "--follow", "--wait-seconds", "1"];
    const toDead = ["--on-reject", "dead-letter", "--dead-letter-url", dead];
    const following = world.spawn(queueUrl, [...args, ...toDead], writeJob(world, wrapped));
    while ((await textRows(world, "orders")).length === 0) await Bun.sleep(20);
    await world.server.send(queueUrl, bodies(60, order));
    await expectAllBack(following.finished.then(readJson), dead);
  });

  test("does so however often the messages were received: the fourth run is like the first", async () => {
    const dead = await world.newQueue();
    const env = writeJob(world, wrapped);
    await world.server.send(queueUrl, bodies(60, order));
    const toDead = ["--on-reject", "dead-letter", "--dead-letter-url", dead];
    for (let time = 1; time <= 4; time += 1)
      await expectAllBack(drainJson(world, queueUrl, toDead, env), dead);
  });

  test('is not missed with envelope = "auto", which tells for each message', async () => {
    const auto = writeJob(world, `[queue]\nenvelope = "auto"\n${job}`);
    await world.server.send(queueUrl, [
      sns(JSON.stringify(order(0))),
      JSON.stringify(event(order(1))),
      JSON.stringify(order(2)),
    ]);
    const run = await drainJson(world, queueUrl, [], auto);
    expect(run).toMatchObject({ exitCode: 0, receipt: { inserted: 3 } });
    const rows = await textRows(world, "orders", ["received_at", "email"]);
    expect(rows).toEqual([0, 1, 2].map((index) => ({ sku: `sku-${index}`, nick: `nick-${index}` })));
  });
});

describe("a field that was renamed", () => {
  const renamed = (index: number) => {
    const { nick, ...rest } = order(index);
    return index < 10 ? { ...rest, nick } : { ...rest, nickname: nick };
  };

  test("is told of by receipt, log and status", async () => {
    await world.server.send(queueUrl, bodies(100, renamed));
    const env = writeJob(world, job);
    const run = await drainJson(world, queueUrl, [], env);
    expect(run.exitCode).toBe(0);
    expect(run.receipt).toMatchObject({
      ...{ inserted: 100, mapped: 100 },
      ...{ absent: { nick: 90 }, unmapped: { nickname: 90 } },
    });
    expect(run.stderr).toContain("warn no column takes nickname");
    const status = await world.etl(queueUrl, ["status", "--json"], env);
    expect(JSON.parse(status.stdout).status.table.records.runs).toMatchObject([
      { mapped: 100, absent: { nick: 90 }, unmapped: { nickname: 90 } },
    ]);
    expect((await world.etl(queueUrl, ["status"], env)).stdout).toContain(
      "absent nick 90 of 100; no column takes nickname 90",
    );
  });

  test("is warned of by the doctor after the run, until a column takes it", async () => {
    await world.server.send(
      queueUrl,
      bodies(10, (index) => renamed(10 + index)),
    );
    const fields = async (toml: string) => {
      const env = world.env(queueUrl, writeJob(world, toml));
      const { findings } = await runDoctor([], { env, cwd: world.folder });
      return findings.find(({ check }) => check === "fields");
    };
    expect(await fields(job)).toBeUndefined();
    expect((await drainJson(world, queueUrl, [], writeJob(world, job))).exitCode).toBe(0);
    const found = await fields(job);
    expect(found).toMatchObject({
      status: "warning",
      message: expect.stringMatching(
        /^in the last run \(.*Z\): absent nick 10 of 10; no column takes nickname 10$/,
      ),
    });
    await world.server.send(
      queueUrl,
      bodies(10, (index) => renamed(10 + index)),
    );
    const command = found?.hint?.split(",")[0] ?? "";
    const shown = await world.etl(queueUrl, command.split(" ").slice(1), writeJob(world, job));
    expect(shown.stdout).toContain("No column takes: nickname (in 10)");
    expect(await fields(job.replace('from = "nick"', 'from = "nickname"'))).toMatchObject({ status: "ok" });
  });

  test("is told of by a dry run, which also says what no message had", async () => {
    await world.server.send(
      queueUrl,
      bodies(10, (index) => renamed(10 + index)),
    );
    const run = await drainJson(world, queueUrl, ["--dry-run"], writeJob(world, job));
    expect(run.receipt).toMatchObject({ absent: { nick: 10 }, unmapped: { nickname: 10 } });
    expect(run.stderr).toContain("warn none of 10 messages had nick (column nick)");
    expect(run.stderr).toContain("warn no column takes nickname");
  });

  test('rejects the message with --strict, and with unmapped = "reject"', async () => {
    await world.server.send(queueUrl, bodies(20, renamed));
    const run = await drainJson(world, queueUrl, ["--strict"], writeJob(world, job));
    expect(run.exitCode).toBe(65);
    expect(run.receipt).toMatchObject({ inserted: 10, rejections: { field_unmapped: 10 } });
    expect(run.lines[0]?.rejection).toMatchObject({ reason: "field_unmapped", path: "nickname" });
    const url = await world.newQueue();
    await world.server.send(url, bodies(20, renamed));
    const strict = writeJob(world, job.replace('"orders"', '"orders"\nunmapped = "reject"'));
    expect((await drainJson(world, url, [], strict)).receipt.rejections).toEqual({ field_unmapped: 10 });
  });

  test('is not told of with unmapped = "ignore"', async () => {
    await world.server.send(
      queueUrl,
      bodies(1, (index) => renamed(10 + index)),
    );
    const ignoring = writeJob(world, job.replace('"orders"', '"orders"\nunmapped = "ignore"'));
    const run = await drainJson(world, queueUrl, [], ignoring);
    expect(run.receipt.unmapped).toEqual({});
    expect(run.stderr).not.toContain("nickname");
  });
});

describe("a source that no message has", () => {
  const wrong = orders(
    column("nick", 'from = "nick"'),
    column("email", 'from = "Customer.email"', 'mask = "hmac"'),
  );

  test("is told of after 50 messages, and again at the end of the run", async () => {
    const env = writeJob(world, wrong);
    await makeTable(world, env);
    await world.server.send(queueUrl, bodies(60, order));
    const run = await drainJson(world, queueUrl, [], env);
    expect(run.receipt).toMatchObject({ inserted: 60, absent: { "Customer.email": 60 } });
    expect(run.stderr).toMatch(/warn none of the first \d+ messages had Customer\.email \(column email\)/);
    expect(run.stderr).toContain("warn none of 60 messages had Customer.email (column email)");
  });
});

describe("an empty string", () => {
  const empty = (setting: string) =>
    orders(column("nick", 'from = "nick"'), column("email", 'from = "email"', 'mask = "hmac"', setting));
  const run = async (setting: string) => {
    const env = writeJob(world, empty(setting));
    await makeTable(world, env);
    const url = await world.newQueue();
    await world.server.send(
      url,
      bodies(2, (index) => ({ nick: "", email: index === 0 ? "" : "canary@example.com" })),
    );
    const drained = await drainJson(world, url, [], env);
    return { drained, rows: await textRows(world, "orders", ["received_at"]) };
  };

  test("is null where the column is masked, and kept where it is not", async () => {
    const { drained, rows } = await run("");
    expect(drained.exitCode).toBe(0);
    expect(rows).toEqual([
      { nick: "", email: expect.stringContaining("hmac:") },
      { nick: "", email: null },
    ]);
  });

  test('is masked with empty = "keep", and rejects its message with empty = "reject"', async () => {
    expect((await run('empty = "keep"')).rows.filter(({ email }) => email?.startsWith("hmac:"))).toHaveLength(
      2,
    );
    const { drained, rows } = await run('empty = "reject"');
    expect(drained.exitCode).toBe(65);
    expect(drained.lines[0]?.rejection).toMatchObject({ reason: "field_empty", path: "email" });
    expect(rows).toHaveLength(1);
  });
});
