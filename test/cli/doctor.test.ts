import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { runEtl } from "../support/binary.ts";
import { type DoctorRun, differences, runDoctor } from "../support/doctor-run.ts";
import { type DenyingProxy, startDenyingProxy } from "../support/sqs-denying-proxy.ts";
import { startVerifyingProxy } from "../support/sqs-verifying-proxy.ts";
import { loginEvent, openWorld, type World } from "../support/world.ts";

let world: World;
let proxy: DenyingProxy;
let dead: string;
let queueUrl: string;
let good: DoctorRun;
/** Who may do no more than a drain needs. */
let loader: string;

const day = 24 * 60 * 60;
const arnOf = (url: string) => `arn:aws:sqs:us-east-1:123456789012:${url.split("/").at(-1)}`;
const redriveTo = (url: string, maxReceiveCount = 5) =>
  JSON.stringify({ maxReceiveCount, deadLetterTargetArn: arnOf(url) });

beforeAll(async () => {
  world = await openWorld();
  await world.emptyTable();
  proxy = await startDenyingProxy(world.server.endpoint);
  dead = await world.newQueue({ MessageRetentionPeriod: 14 * day });
  queueUrl = await world.newQueue({ RedrivePolicy: redriveTo(dead) });
  await world.server.send(queueUrl, [loginEvent(), loginEvent()]);
  loader = `loader_${world.database.name}`;
  const { exitCode, stdout } = await runEtl(["doctor", "--grants"], {
    env: envAs(loader),
    cwd: world.folder,
  });
  expect(exitCode).toBe(0);
  await world.database.sql.unsafe(`create role ${loader} login password 'loader-canary'; ${stdout}`);
  good = await diagnose();
});
afterAll(async () => {
  await world.database.sql.unsafe(`drop owned by ${loader}; drop role ${loader}`);
  await Promise.all([proxy.stop(), world.close()]);
});

type Changes = Readonly<Record<string, string | undefined>>;

function envAs(user: string, changes: Changes = {}): Record<string, string> {
  const url = new URL(world.database.url);
  url.username = user;
  url.password = "loader-canary";
  return world.env(queueUrl, { AWS_ENDPOINT_URL_SQS: proxy.endpoint, DATABASE_URL: url.href, ...changes });
}

/** Calls the queue server as it is, past the proxy. */
async function ask(url: string, parameters: Readonly<Record<string, string>>): Promise<string> {
  const query = new URLSearchParams({ Version: "2012-11-05", QueueUrl: url, ...parameters });
  return (await fetch(url, { method: "POST", body: query.toString() })).text();
}

/** As {@link loader}, who has not been given more than a drain needs. */
function diagnose(changes: Changes = {}, args: readonly string[] = []): Promise<DoctorRun> {
  return runDoctor(args, { env: envAs(loader, changes), cwd: world.folder });
}

/** Expects that exactly these lines are other ones than in a world in which all is well. */
async function finds(lines: readonly RegExp[], changes: Changes = {}, args: readonly string[] = []) {
  const run = await diagnose(changes, args);
  const different = differences(run, good);
  expect(different.length, different.join("\n")).toBe(lines.length);
  for (const [index, pattern] of lines.entries()) expect(different[index]).toMatch(pattern);
  return run;
}

test("all is well with the grants that it prints, and the one warning is of the test server's fsync", () => {
  const wrong = good.findings.filter(({ status }) => status !== "ok");
  expect(wrong.map(({ check }) => check)).toEqual(["durability"]);
  expect(good.exitCode).toBe(0);
});

test("it changes nothing: attributes, receive counts, table and ledger are as before", async () => {
  const still = await world.newQueue({ RedrivePolicy: redriveTo(dead) });
  await world.server.send(still, [loginEvent(), loginEvent()]);
  const attributes = async () => {
    const text = await ask(still, { Action: "GetQueueAttributes", "AttributeName.1": "All" });
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
  const letters = ["--on-reject", "dead-letter", "--dead-letter-url", dead];
  await diagnose({ ETL_QUEUE_URL: still }, letters);
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
  expect(world.server.depth(still)).toEqual({ visible: 2, inFlight: 0 });
  expect(world.server.depth(dead)).toEqual({ visible: 0, inFlight: 0 });
  const receive = { Action: "ReceiveMessage", MaxNumberOfMessages: "10", "AttributeName.1": "All" };
  const counts = (await ask(still, receive)).matchAll(/ApproximateReceiveCount<\/Name>\s*<Value>(\d+)/g);
  expect([...counts].map(([, count]) => count)).toEqual(["1", "1"]);
});

describe("settings and key", () => {
  test("a line of the settings file: nothing else can be known", async () => {
    const path = join(world.folder, "broken.toml");
    writeFileSync(path, '[queue]\nurrl = "x"\n');
    const run = await diagnose({}, ["--config", path]);
    const [first, ...rest] = run.findings;
    expect(first).toMatchObject({ check: "settings", status: "failed", exitCode: 78 });
    expect(first?.message).toContain(`${path} line 2`);
    expect(
      rest.every(({ status, message }) => status === "skipped" && message === "needs the settings"),
    ).toBe(true);
  });
});

describe("the queue", () => {
  test("there are no credentials", async () => {
    const none = {
      AWS_ACCESS_KEY_ID: undefined,
      AWS_SECRET_ACCESS_KEY: undefined,
      AWS_EC2_METADATA_DISABLED: "true",
    };
    const run = await finds([/^failed \| identity \| .* 78$/], none);
    expect(run.findings.find(({ check }) => check === "database")?.status).toBe("ok");
  });

  test("a clock that is far off: signatures are mended, and the clock is told", async () => {
    const verifying = await startVerifyingProxy({
      upstream: world.server.endpoint,
      accessKeyId: "test-key",
      secretAccessKey: "test-secret",
      region: "us-east-1",
      now: () => Date.now() - 600_000,
    });
    const changes = { AWS_ENDPOINT_URL_SQS: verifying.endpoint };
    await finds(
      [/^warning \| clock \| this machine's clock is (599|60\d) s ahead of .* timedatectl/],
      changes,
    );
    await verifying.stop();
  });

  test.each([
    [
      "GetQueueAttributes",
      [/^ok \| queue \| \S+ answers/, /^failed \| read attributes \| .*sqs:GetQueueAttributes .* 77$/],
    ],
    ["ReceiveMessage", [/^failed \| receive \| .*sqs:ReceiveMessage .* 77$/]],
    ["DeleteMessageBatch", [/^failed \| delete \| .*sqs:DeleteMessage .* 77$/]],
    [
      "ChangeMessageVisibilityBatch",
      [/^failed \| change visibility \| .*sqs:ChangeMessageVisibility .* 77$/],
    ],
  ])("%s is denied", async (action, lines) => {
    proxy.denied = [action];
    await finds(lines);
    proxy.denied = [];
  });

  test("its attributes are judged", async () => {
    const settings = { VisibilityTimeout: 5, SqsManagedSseEnabled: false, RedrivePolicy: redriveTo(dead, 2) };
    const lines = [
      /^ok \| queue \| /,
      /^warning \| visibility time-out \| 5 s: /,
      /^warning \| redrive policy \| after 2 receives /,
      /^warning \| queue encryption \| .* in clear /,
    ];
    await finds(lines, { ETL_QUEUE_URL: await world.newQueue(settings) });
    const RedrivePolicy = redriveTo(dead);
    const kms = await world.newQueue({ KmsMasterKeyId: "alias/ours", RedrivePolicy });
    const encrypted = /^ok \| queue encryption \| .* KMS key alias\/ours/;
    await finds([/^ok \| queue \| /, encrypted], { ETL_QUEUE_URL: kms });
  });

  test("a redrive to a queue that forgets first, and is then deleted", async () => {
    const short = await world.newQueue({ MessageRetentionPeriod: day });
    const ETL_QUEUE_URL = await world.newQueue({ RedrivePolicy: redriveTo(short) });
    const others = [/^ok \| queue \| /, /^ok \| redrive policy/];
    await finds([...others, /^warning \| redrive target \| .*no longer than/], { ETL_QUEUE_URL });
    await ask(short, { Action: "DeleteQueue" });
    await finds([...others, /^failed \| redrive target \| .* does not exist .* 78$/], { ETL_QUEUE_URL });
  });
});

describe("where rejected messages are sent", () => {
  const args = (url: string) => ["--on-reject", "dead-letter", "--dead-letter-url", url];
  const stored = /^ok \| rejects encryption /;

  test("all is well", async () => {
    await finds([/^ok \| rejects queue /, /^ok \| rejects sending \| .*not denied/, stored], {}, args(dead));
  });

  test("sending is denied", async () => {
    proxy.denied = ["SendMessageBatch"];
    await finds(
      [/^ok \| rejects queue /, /^failed \| rejects sending \| .*sqs:SendMessage .* 77$/, stored],
      {},
      args(dead),
    );
    proxy.denied = [];
  });
});
