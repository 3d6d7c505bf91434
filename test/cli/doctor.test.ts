import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type DoctorRun, expectDifferences, runDoctor } from "../support/doctor-run.ts";
import { startQueueProxy } from "../support/sqs-proxy.ts";
import { receiveCountsIn } from "../support/sqs-server.ts";
import { fileWorld, loginEvents, maskKey, noMessages, visible, worldSigner } from "../support/world.ts";

const day = 24 * 60 * 60;
const arnOf = (url: string) => `arn:aws:sqs:us-east-1:123456789012:${url.split("/").at(-1)}`;
const redriveTo = (url: string, maxReceiveCount = 5) =>
  JSON.stringify({ maxReceiveCount, deadLetterTargetArn: arnOf(url) });

const world = await fileWorld("once");
const proxy = await startQueueProxy(world.server.endpoint);
const dead = await world.newQueue({ MessageRetentionPeriod: 14 * day });
const { url: queueUrl } = await world.queueWith(loginEvents(2), { RedrivePolicy: redriveTo(dead) });
/** May do no more than a drain needs. */
const loader = await world.newUser();
const { stdout: grants } = await world.etl(queueUrl, ["doctor", "--grants"], { DATABASE_URL: loader.url });
await world.database.sql.unsafe(grants);
const good = await diagnose();
afterAll(() => proxy.stop());

type Changes = Readonly<Record<string, string | undefined>>;

/** As {@link loader}, who has not been given more than a drain needs. */
function diagnose(changes: Changes = {}, args: readonly string[] = []): Promise<DoctorRun> {
  return runDoctor(args, {
    env: world.env(queueUrl, {
      AWS_ENDPOINT_URL_SQS: proxy.endpoint,
      DATABASE_URL: loader.url,
      ...changes,
    }),
    cwd: world.folder,
  });
}

/** Expects that exactly these lines are other ones than in a world in which all is well. */
async function finds(lines: readonly RegExp[], changes: Changes = {}, args: readonly string[] = []) {
  const run = await diagnose(changes, args);
  expectDifferences(run, good, lines);
  return run;
}

const sendingTo = (url: string) => ["--on-reject", "dead-letter", "--dead-letter-url", url];

test("all is well with the grants that it prints, and the one warning is of the test server's fsync", () => {
  const wrong = good.findings.filter(({ status }) => status !== "ok");
  expect(wrong.map(({ check }) => check)).toEqual(["durability"]);
  expect(good.exitCode).toBe(0);
});

test("it changes nothing: attributes, receive counts, table and ledger are as before", async () => {
  const { url: still } = await world.queueWith(loginEvents(2), { RedrivePolicy: redriveTo(dead) });
  const attributes = async () => {
    const text = await world.server.call(still, { Action: "GetQueueAttributes", "AttributeName.1": "All" });
    return text.replace(/<RequestId>.*<\/RequestId>/s, "");
  };
  const rows = async () =>
    await world.database.sql.unsafe(
      `select (select json_agg(t) from user_logins t), (select json_agg(l) from etl_ledger l),
        (select json_agg(q) from etl_queue q), (select json_agg(r) from etl_run r),
        (select json_agg(c.relname order by c.oid) from pg_class c where relnamespace = 'public'::regnamespace)`,
    );
  // The server takes a moment to say of a message that it is not delayed.
  while (!/Delayed<\/Name>\s*<Value>0</.test(await attributes())) await Bun.sleep(5);
  const before = [await attributes(), JSON.stringify(await rows())];
  const from = proxy.actions.length;
  await diagnose({ ETL_QUEUE_URL: still }, sendingTo(dead));
  expect([await attributes(), JSON.stringify(await rows())]).toEqual(before);
  // The first is no action: it asks for the time.
  expect(proxy.actions.slice(from).sort()).toEqual([
    "",
    "ChangeMessageVisibilityBatch",
    "DeleteMessageBatch",
    ...Array.from({ length: 3 }, () => "GetQueueAttributes"),
    "ReceiveMessage",
    "SendMessageBatch",
  ]);
  expect(world.server.depth(still)).toEqual(visible(2));
  expect(world.server.depth(dead)).toEqual(noMessages);
  // The first receive of each is this one.
  expect(receiveCountsIn(await world.server.takeAll(still))).toEqual([1, 1]);
});

test("a settings file that cannot be read: nothing else is checked", async () => {
  const path = join(world.folder, "broken.toml");
  writeFileSync(path, '[queue]\nurrl = "x"\n');
  const [first, ...rest] = (await diagnose({}, ["--config", path])).findings;
  expect(first).toMatchObject({ check: "settings", status: "failed", exitCode: 78 });
  expect(first?.message).toContain(`${path} line 2`);
  expect(rest.map(({ status, message }) => `${status}: ${message}`)).toEqual(
    Array.from(rest, () => 'skipped: needs "settings"'),
  );
});

test("a mask key file that others may read", async () => {
  const path = join(world.folder, "open.key");
  writeFileSync(path, `${maskKey}\n`);
  chmodSync(path, 0o644);
  await finds([/^failed \| mask key \| .*others than its owner.* \| chmod 600 .*open\.key \| 78$/], {
    ETL_MASK_KEY_FILE: path,
  });
});

describe("the queue", () => {
  test("is not named, and neither is that for rejected messages: the database is checked all the same", async () => {
    const lines = [
      /^failed \| queue \| no queue is named \| .* 78$/,
      /^failed \| rejects queue \| no dead-letter queue is named .* 78$/,
    ];
    const run = await finds(lines, { ETL_QUEUE_URL: undefined }, ["--on-reject", "dead-letter"]);
    expect(run.findings.find(({ check }) => check === "database")?.status).toBe("ok");
  });

  test("is not asked without credentials", async () => {
    const none = { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined };
    await finds([/^failed \| identity \| .* 78$/], { ...none, AWS_EC2_METADATA_DISABLED: "true" });
  });

  test("has another time: requests are signed with it, and the clock is a warning", async () => {
    const verifying = await startQueueProxy(world.server.endpoint, {
      signer: worldSigner,
      now: () => Date.now() - 600_000,
    });
    const changes = { AWS_ENDPOINT_URL_SQS: verifying.endpoint };
    const line = /^warning \| clock \| this machine's clock is (599|60\d) s ahead of .* timedatectl/;
    await finds([line], changes);
    await verifying.stop();
  });

  test("is set up badly: each flaw is told, also once the dead-letter queue is gone", async () => {
    const short = await world.newQueue({ MessageRetentionPeriod: day });
    const ETL_QUEUE_URL = await world.newQueue({
      RedrivePolicy: redriveTo(short, 2),
      VisibilityTimeout: 5,
      SqsManagedSseEnabled: false,
    });
    const flaws = (target: RegExp) => [
      /^ok \| queue \| /,
      /^warning \| visibility time-out \| 5 s: /,
      /^warning \| redrive policy \| after 2 receives /,
      target,
      /^warning \| queue encryption \| .* in clear /,
    ];
    await finds(flaws(/^warning \| redrive target \| .*no longer than/), { ETL_QUEUE_URL });
    await world.server.call(short, { Action: "DeleteQueue" });
    await finds(flaws(/^failed \| redrive target \| .* does not exist .* 78$/), { ETL_QUEUE_URL });
  });
});

describe("an action that is denied", () => {
  afterEach(() => {
    proxy.denied = [];
  });

  test("leaves the others their answers", async () => {
    proxy.denied = ["GetQueueAttributes"];
    await finds([
      /^ok \| queue \| \S+ answers/,
      /^failed \| read attributes \| .*sqs:GetQueueAttributes .* 77$/,
    ]);
  });

  test("is told, each by its own line", async () => {
    const actions = ["ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "SendMessage"];
    proxy.denied = [
      "ReceiveMessage",
      "DeleteMessageBatch",
      "ChangeMessageVisibilityBatch",
      "SendMessageBatch",
    ];
    const [receive, remove, change, send] = actions.map(
      (action) => new RegExp(`^failed \\| [a-z ]+ \\| .*sqs:${action} .* 77$`),
    );
    const stored = /^ok \| rejects encryption /;
    const lines = [receive, remove, change, /^ok \| rejects queue /, send, stored].flatMap(
      (line) => line ?? [],
    );
    await finds(lines, {}, sendingTo(dead));
  });
});

describe("the queue for rejected messages", () => {
  test("is in order", async () => {
    const lines = [
      /^ok \| rejects queue /,
      /^ok \| rejects sending \| .*not denied/,
      /^ok \| rejects encryption /,
    ];
    await finds(lines, {}, sendingTo(dead));
  });

  test("does not exist", async () => {
    const line =
      /^failed \| rejects queue \| the dead-letter queue does not exist \| check --dead-letter-url: .* 78$/;
    await finds([line], {}, sendingTo(`${dead}x`));
  });
});
