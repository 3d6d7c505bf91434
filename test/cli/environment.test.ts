import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runEtl } from "../support/binary.ts";
import { drainJson, readJson } from "../support/json-drain.ts";
import { startForwardProxy } from "../support/sqs-forward-proxy.ts";
import { startVerifyingProxy, type VerifyingProxy } from "../support/sqs-verifying-proxy.ts";
import { openWorld, type World } from "../support/world.ts";

let world: World;
let queueUrl: string;
let proxy: VerifyingProxy;
let folder: string;

beforeAll(async () => {
  world = await openWorld();
  await world.emptyTable();
  queueUrl = await world.newQueue();
  proxy = await startVerifyingProxy({
    upstream: world.server.endpoint,
    accessKeyId: "profile-key",
    secretAccessKey: "profile-secret",
    sessionToken: "profile-token",
    region: "eu-west-1",
  });
  folder = mkdtempSync(join(tmpdir(), "etl-environment-"));
});
afterAll(async () => {
  await proxy.stop();
  await world.close();
  rmSync(folder, { recursive: true });
});

describe("a variable that would open what passes through is refused before anything else", () => {
  test.each([
    ["BUN_CONFIG_VERBOSE_FETCH", "curl"],
    ["BUN_OPTIONS", "--smol"],
    ["BUN_INSPECT_CONNECT_TO", "ws+unix:///nonexistent/etl.sock"],
    ["PGDEBUG", "1"],
    ["NODE_TLS_REJECT_UNAUTHORIZED", "0"],
  ])("%s=%s", async (name, value) => {
    const env = world.env(queueUrl, { AWS_ENDPOINT_URL_SQS: proxy.endpoint, [name]: value });
    const before = proxy.requests;
    const run = await runEtl(["drain"], { env, cwd: world.folder });
    expect(run.exitCode).toBe(78);
    expect(run.stderr).toContain(`error: ${name} is set`);
    expect(run.stderr).toEndWith(`try: unset ${name}\n`);
    expect(proxy.requests).toBe(before);
  });
});

describe("a setting is taken from the flag, else the environment, else etl.toml, else the default", () => {
  const file = () => {
    const path = join(folder, "etl.toml");
    writeFileSync(
      path,
      `[queue]\nurl = "${queueUrl}-file"\n[table]\nname = "from_file"\n[drain]\nmax_messages = 1\n`,
    );
    return path;
  };
  const named = (name: string) => `http://127.0.0.1:1/123456789012/${name}`;

  test("the queue: from each place in turn", async () => {
    const look = async (args: readonly string[], env: Record<string, string | undefined>) =>
      (await runEtl(["drain", ...args], { env: world.env(queueUrl, env), cwd: folder })).stderr;
    const config = file();
    const noFile = join(folder, "empty.toml");
    writeFileSync(noFile, "");
    const arn = (name: string) => `arn:aws:sqs:eu-west-1:123456789012:${name}`;
    // Each is refused with a hint that names the queue it was taken from.
    writeFileSync(config, `[queue]\nurl = "${arn("file")}"\n`);
    const all = { ETL_QUEUE_URL: arn("environment"), ETL_CONFIG: config };
    expect(await look(["--queue-url", arn("flag")], all)).toContain("123456789012/flag");
    expect(await look([], all)).toContain("123456789012/environment");
    expect(await look([], { ...all, ETL_QUEUE_URL: undefined })).toContain("123456789012/file");
    expect(await look(["--config", noFile], { ...all, ETL_QUEUE_URL: undefined })).toContain(
      "no queue is named",
    );
    // etl.toml of the current folder is read where none is named.
    expect(await look([], { ETL_QUEUE_URL: undefined })).toContain("123456789012/file");
  });

  test("the table: from the flag, else the file", async () => {
    const config = file();
    const dry = async (...args: string[]) => {
      const run = await drainJson(world, queueUrl, ["--dry-run", "--config", config, ...args]);
      return run.receipt.table;
    };
    expect(await dry("--table", "from_flag")).toBe("from_flag");
    expect(await dry()).toBe("from_file");
    expect((await drainJson(world, queueUrl, ["--dry-run"])).receipt.table).toBe("user_logins");
  });

  test("the database: from the flag, else DATABASE_URL, else PG*", async () => {
    const look = async (args: readonly string[], env: Record<string, string | undefined>) =>
      (await runEtl(["migrate", ...args], { env: world.env(named("x"), env), cwd: world.folder })).stderr;
    const variables = { DATABASE_URL: "postgres://x@127.0.0.1:2/x", PGHOST: "127.0.0.1", PGPORT: "3" };
    expect(await look(["--database-url", "postgres://x@127.0.0.1:1/x"], variables)).toContain("127.0.0.1:1 ");
    expect(await look([], variables)).toContain("127.0.0.1:2 ");
    expect(await look([], { ...variables, DATABASE_URL: undefined })).toContain("127.0.0.1:3 ");
  });
});

describe("the way to the queue", () => {
  test("goes through the proxy that is named, and past it where NO_PROXY says so", async () => {
    const forward = await startForwardProxy();
    const through = await drainJson(world, queueUrl, [], { HTTP_PROXY: forward.url });
    expect(through.exitCode).toBe(0);
    const { length } = forward.targets;
    expect(length).toBe(through.receipt.requests);
    const past = await drainJson(world, queueUrl, [], { HTTP_PROXY: forward.url, NO_PROXY: "127.0.0.1" });
    expect(past.exitCode).toBe(0);
    expect(forward.targets.length).toBe(length);
    await forward.stop();
  });

  test("is signed with a profile of the shared credentials file, in the profile's session", async () => {
    const credentials = join(folder, "credentials");
    writeFileSync(
      credentials,
      "[analyst]\naws_access_key_id = profile-key\naws_secret_access_key = profile-secret\naws_session_token = profile-token\n",
    );
    const env = {
      AWS_ENDPOINT_URL_SQS: proxy.endpoint,
      AWS_ACCESS_KEY_ID: undefined,
      AWS_SECRET_ACCESS_KEY: undefined,
      AWS_REGION: "eu-west-1",
      AWS_EC2_METADATA_DISABLED: "true",
      AWS_SHARED_CREDENTIALS_FILE: credentials,
      AWS_CONFIG_FILE: join(folder, "none"),
      AWS_PROFILE: "analyst",
    };
    expect((await drainJson(world, queueUrl, [], env)).exitCode).toBe(0);
    expect(proxy.requests).toBeGreaterThan(0);
    expect(proxy.rejected).toBe(0);
    const run = await runEtl(["drain"], { env: world.env(queueUrl, { ...env, AWS_PROFILE: "nobody" }) });
    expect(run.exitCode).toBe(78);
    expect(run.stderr).toContain("try: aws sso login --profile nobody\n");
  });
});

test("neither .env nor bunfig.toml of the current folder has a say", async () => {
  const work = mkdtempSync(join(folder, "work-"));
  const trace = join(work, "trace");
  writeFileSync(
    join(work, ".env"),
    "ETL_QUEUE_URL=http://127.0.0.1:1/1/from-dotenv\nPGDEBUG=1\nETL_CONFIG=absent.toml\n",
  );
  writeFileSync(join(work, "bunfig.toml"), 'preload = ["./preload.ts"]\n');
  writeFileSync(join(work, "preload.ts"), `await Bun.write(${JSON.stringify(trace)}, "loaded");\n`);
  const args = ["drain", "--json", "--wait-seconds", "0"];
  const run = await runEtl(args, { env: world.env(queueUrl), cwd: work });
  expect(run).toMatchObject({ exitCode: 0 });
  expect(readJson(run).receipt.queue).toBe(queueUrl.split("/").at(-1) ?? "");
  expect(await Bun.file(trace).exists()).toBe(false);
  const bare = await runEtl(args, { env: world.env(queueUrl, { ETL_QUEUE_URL: undefined }), cwd: work });
  expect(bare.stderr).toContain("no queue is named");
});
