import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runEtl } from "../support/binary.ts";
import { drainJson, readJson } from "../support/json-drain.ts";
import { startForwardProxy } from "../support/sqs-forward-proxy.ts";
import { startQueueProxy } from "../support/sqs-proxy.ts";
import { fileWorld } from "../support/world.ts";

const world = await fileWorld("once");
const queueUrl = await world.newQueue();
const proxy = await startQueueProxy(world.server.endpoint, {
  signer: {
    accessKeyId: "profile-key",
    secretAccessKey: "profile-secret",
    sessionToken: "profile-token",
    region: "eu-west-1",
  },
});
const folder = mkdtempSync(join(world.folder, "own-"));
afterAll(() => proxy.stop());

test("the table comes from the flag, else from the file, else from the default", async () => {
  const config = join(folder, "etl.toml");
  writeFileSync(config, '[table]\nname = "from_file"\n');
  const dry = async (...args: string[]) =>
    (await drainJson(world, queueUrl, ["--dry-run", ...args])).receipt.table;
  expect(await dry("--config", config, "--table", "from_flag")).toBe("from_flag");
  expect(await dry("--config", config)).toBe("from_file");
  expect(await dry()).toBe("user_logins");
});

describe("the way to the queue", () => {
  test("goes through the proxy that is named, and past it if NO_PROXY says so", async () => {
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
    const run = await world.etl(queueUrl, ["drain"], { ...env, AWS_PROFILE: "nobody" });
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
