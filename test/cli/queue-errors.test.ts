import { afterAll, describe, expect, test } from "bun:test";
import { exitCodes } from "../../src/errors.ts";
import { runEtl } from "../support/binary.ts";
import { expectFailure } from "../support/failed-run.ts";
import { listen } from "../support/postgres-proxy.ts";
import { errorAnswer, type Fault, startFaultyServer } from "../support/sqs-faults.ts";
import { startQueueProxy } from "../support/sqs-proxy.ts";
import { fileWorld, loginEvents, visible, worldSigner } from "../support/world.ts";

const world = await fileWorld("once");
const { url: queueUrl } = await world.queueWith(loginEvents(2));
const proxy = await startQueueProxy(world.server.endpoint, { signer: worldSigner });
afterAll(() => proxy.stop());

type Changes = Readonly<Record<string, string | undefined>>;

/** What may pass is otherwise waited for. */
const oneTry = ["--give-up-after", "0"];

/** Runs a drain that must fail before it receives: the queue keeps its two messages, untouched. */
async function fails(
  exitCode: number,
  error: string,
  hint: string,
  changes: Changes,
  args: string[] = [],
  timeoutMillis = 10_000,
) {
  const env = world.env(queueUrl, changes);
  const run = await runEtl(["drain", "--wait-seconds", "0", ...args], {
    env,
    cwd: world.folder,
    timeoutMillis,
  });
  expectFailure(run, { exitCode, error, hint }, env);
  expect(run.stdout).toBe("");
  expect(world.server.depth(queueUrl)).toEqual(visible(2));
}

test("a drain of an empty queue ends with 0, with right credentials", async () => {
  const spare = await world.newQueue();
  const env = world.env(spare, { AWS_ENDPOINT_URL_SQS: proxy.endpoint });
  const run = await runEtl(["drain", "--wait-seconds", "0"], { env, cwd: world.folder });
  expect(run.exitCode).toBe(0);
  expect(proxy.rejected).toBe(0);
});

describe.concurrent("a drain without a good queue URL ends with an error before it receives: the URL", () => {
  // What else is wrong with a URL is in test/sqs/queue-url.test.ts.
  test.each<[name: string, url: string | undefined, error: string, hint: string]>([
    ["is not set", undefined, "no queue is named", "ETL_QUEUE_URL"],
    ["is set to nothing", "", "no queue is named", "ETL_QUEUE_URL"],
    ["is an ARN", "arn:aws:sqs:eu-west-1:123456789012:q", "as an ARN", "amazonaws.com/123456789012/q"],
    ["holds a password", "https://u:test-secret@sqs.example/1/q", "a password", "--queue-url https://sqs."],
  ])("%s", async (_, url, error, hint) => {
    await fails(exitCodes.config, error, hint, { ETL_QUEUE_URL: url });
  });

  test("leads to no queue", async () => {
    const missing = `${queueUrl}-of-nobody`;
    await fails(exitCodes.config, "the queue does not exist", "check the queue URL", {
      ETL_QUEUE_URL: missing,
    });
  });

  test("leads nowhere", async () => {
    const server = await startFaultyServer(["hang"]);
    await server.stop();
    const changes = { ETL_QUEUE_URL: `${server.endpoint}/123456789012/login-queue` };
    await fails(exitCodes.temporary, "nothing listens at 127.0.0.1", "the network", changes, oneTry);
  });
});

describe.concurrent("a drain ends with an error if the queue answers", () => {
  const html = { status: 200, body: "<!doctype html><title>Sign in</title>" };
  const throttled = { status: 403, body: errorAnswer("RequestThrottled") };
  const broken = { status: 503, body: "<html>canary</html>" };

  test.each<[what: string, fault: Fault, exitCode: number, error: string, hint: string, args: string[]]>([
    ["with a web page", html, exitCodes.protocol, "the queue's answer", "queue URL", []],
    ["with throttles only", throttled, exitCodes.temporary, "fewer requests", "fewer --receivers", oneTry],
    ["with errors of its own", broken, exitCodes.temporary, "HTTP 503", "run it again", oneTry],
    ["by closing the connection", "close", exitCodes.temporary, "the connection to", "the network", oneTry],
  ])("%s", async (_, fault, exitCode, error, hint, args) => {
    const server = await startFaultyServer([fault]);
    await fails(exitCode, error, hint, { AWS_ENDPOINT_URL_SQS: server.endpoint }, args);
    expect(server.bodies.every((body) => body.includes("Action=GetQueueAttributes"))).toBe(true);
    expect(server.bodies.length).toBeGreaterThan(0);
    await server.stop();
  });
});

describe.concurrent("a drain without good credentials ends with an error before it receives", () => {
  test.each<[what: string, env: Changes, exitCode: number, error: string, hint: string]>([
    [
      "a wrong secret",
      { AWS_SECRET_ACCESS_KEY: "another-secret" },
      exitCodes.permission,
      "does not accept the request's signature",
      "AWS_SECRET_ACCESS_KEY",
    ],
    [
      "half of a pair",
      { AWS_SECRET_ACCESS_KEY: undefined },
      exitCodes.config,
      "AWS_SECRET_ACCESS_KEY is not set",
      "set AWS_SECRET_ACCESS_KEY too",
    ],
    [
      "none at all",
      {
        AWS_ACCESS_KEY_ID: undefined,
        AWS_SECRET_ACCESS_KEY: undefined,
        AWS_EC2_METADATA_DISABLED: "true",
      },
      exitCodes.config,
      "no AWS credentials were found",
      "AWS_PROFILE",
    ],
  ])("%s", async (_, changes, exitCode, error, hint) => {
    await fails(exitCode, error, hint, { AWS_ENDPOINT_URL_SQS: proxy.endpoint, ...changes });
  });
});

describe("an error ends a drain at once", () => {
  test("though the database is still being asked", async () => {
    const silent = await listen(() => {});
    const changes = {
      ETL_QUEUE_URL: `${queueUrl}-of-nobody`,
      DATABASE_URL: `postgres://etl@127.0.0.1:${silent.port}/x`,
    };
    for (const args of [[], ["--dry-run"]]) {
      await fails(exitCodes.config, "the queue does not exist", "check the queue URL", changes, args, 4_000);
    }
    await silent.stop();
  });

  test("though the queue does not answer", async () => {
    const server = await startFaultyServer(["hang"]);
    const changes = { AWS_ENDPOINT_URL_SQS: server.endpoint };
    await fails(exitCodes.config, "no table nowhere", "etl migrate", changes, ["--table", "nowhere"], 4_000);
    await server.stop();
  });
});
