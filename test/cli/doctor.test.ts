import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runEtl } from "../support/binary.ts";
import { type DoctorRun, expectDifferences, runDoctor } from "../support/doctor-run.ts";
import { listen } from "../support/postgres-proxy.ts";
import { type DenyingProxy, startDenyingProxy } from "../support/sqs-denying-proxy.ts";
import { startVerifyingProxy } from "../support/sqs-verifying-proxy.ts";
import { loginEvent, maskKey, openWorld, type World } from "../support/world.ts";

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
  expectDifferences(run, good, lines);
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
    expect(rest.every(({ status, message }) => status === "skipped" && message === 'needs "settings"')).toBe(
      true,
    );
  });

  test("a key file that others may read", async () => {
    const path = join(world.folder, "open.key");
    writeFileSync(path, `${maskKey}\n`);
    chmodSync(path, 0o644);
    await finds([/^failed \| mask key \| .*others than its owner.* \| chmod 600 .*open\.key \| 78$/], {
      ETL_MASK_KEY_FILE: path,
    });
  });

  test("a key that is too short", async () => {
    const changes = { ETL_MASK_KEY_FILE: undefined, ETL_MASK_KEY: Buffer.alloc(16, 7).toString("base64") };
    await finds([/^failed \| mask key \| ETL_MASK_KEY holds fewer than 32 bytes .* 78$/], changes);
  });
});

describe("the queue", () => {
  test("no queue is named", async () => {
    await finds([/^failed \| queue \| no queue is named \| .* 78$/], { ETL_QUEUE_URL: undefined });
  });

  test("it does not exist", async () => {
    await finds([/^failed \| queue \| the queue does not exist \| .* 78$/], {
      ETL_QUEUE_URL: `${queueUrl}x`,
    });
  });

  test("nothing listens", async () => {
    const gone = await listen(() => {});
    await gone.stop();
    const AWS_ENDPOINT_URL_SQS = `http://127.0.0.1:${gone.port}`;
    await finds([/^skipped \| clock/, /^failed \| queue \| nothing listens at .* 69$/], {
      AWS_ENDPOINT_URL_SQS,
    });
  });

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

  test.each<[what: string, settings: Parameters<World["newQueue"]>[0], line: RegExp]>([
    ["a short visibility time-out", { VisibilityTimeout: 5 }, /^warning \| visibility time-out \| 5 s: /],
    ["messages in clear", { SqsManagedSseEnabled: false }, /^warning \| queue encryption \| .* in clear /],
    ["a key of KMS", { KmsMasterKeyId: "alias/ours" }, /^ok \| queue encryption \| .* KMS key alias\/ours/],
  ])("%s", async (_, settings, line) => {
    const ETL_QUEUE_URL = await world.newQueue({ RedrivePolicy: redriveTo(dead), ...settings });
    await finds([/^ok \| queue \| /, line], { ETL_QUEUE_URL });
  });

  test("a redrive after few receives", async () => {
    const ETL_QUEUE_URL = await world.newQueue({ RedrivePolicy: redriveTo(dead, 2) });
    await finds([/^ok \| queue \| /, /^warning \| redrive policy \| after 2 receives /], { ETL_QUEUE_URL });
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

  test("none is named; it is the queue itself; it is of another kind; it is not there", async () => {
    await finds([/^failed \| rejects queue \| no dead-letter queue is named .* 78$/], {}, [
      "--on-reject",
      "dead-letter",
    ]);
    await finds([/^failed \| rejects queue \| .* the queue that is drained .* 78$/], {}, args(queueUrl));
    const fifo = await world.server.createQueue("letters.fifo", { FifoQueue: true });
    await finds([/^failed \| rejects queue \| letters.fifo is a FIFO queue.* 78$/], {}, args(fifo));
    await finds(
      [/^failed \| rejects queue \| the dead-letter queue does not exist .* 78$/],
      {},
      args(`${dead}x`),
    );
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
