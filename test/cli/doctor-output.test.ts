import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { runEtl, runEtlInTerminal } from "../support/binary.ts";
import { expectFailure } from "../support/failed-run.ts";
import { listen } from "../support/postgres-proxy.ts";
import { openWorld, type World } from "../support/world.ts";

let world: World;
let queueUrl: string;

beforeAll(async () => {
  world = await openWorld();
  await world.emptyTable();
  queueUrl = await world.newQueue();
});
afterAll(() => world.close());

type Changes = Readonly<Record<string, string | undefined>>;
const surroundings = (changes: Changes = {}) => ({ env: world.env(queueUrl, changes), cwd: world.folder });

describe("on a terminal of 80 columns", () => {
  test("lines fit but for what is to be copied, and statuses have colours", async () => {
    const { exitCode, lines, output } = await runEtlInTerminal(["doctor"], {
      ...surroundings(),
      columns: 80,
    });
    expect(exitCode).toBe(0);
    expect(output).toContain("\u001b[32mok\u001b[0m       settings");
    expect(output).toContain("asking the queue and the database");
    const written = Bun.stripANSI(output).split(/\r?\n/);
    expect(
      written.filter((line) => line.length > 80 && !/^ {9}try: /.test(line) && !line.includes("\r")),
    ).toEqual([]);
    expect(lines.some((line) => line.includes("asking"))).toBe(false);
    expect(lines.findLast((line) => line !== "") ?? "").toMatch(/^Ready: 2 warnings\.$/);
  });
});

test("in a pipe there is no escape, and the exit code is the first failure's", async () => {
  const run = await runEtl(["doctor"], surroundings({ DATABASE_URL: `${world.database.url}x` }));
  expect(run.exitCode).toBe(78);
  expect(run.stdout).not.toContain("\u001b");
  expect(run.stdout).toMatch(/^failed {3}database {13}there is no database$/m);
  expect(run.stdout).toMatch(/^ {9}try: .*createdb /m);
  expect(run.stdout).toMatch(/^skipped {2}database TLS, server version, /m);
  expect(run.stdout).toMatch(/\n\nNot ready: 1 failed, 1 warning, \d+ not checked\.\n$/);
  expect(run.stderr).toBe("");
});

describe("--policy", () => {
  const arn = (url: string) => `arn:aws:sqs:us-east-1:123456789012:${url.split("/").at(-1)}`;

  test("names the queues by their ARNs, with their keys and the payloads' bucket", async () => {
    const drained = await world.newQueue({ KmsMasterKeyId: "1234abcd-12ab-34cd-56ef-1234567890ab" });
    await Bun.write(`${world.folder}/s3.toml`, "[queue]\nextended_payloads = true\n");
    const args = ["--config", "s3.toml", "--on-reject", "dead-letter", "--dead-letter-url", queueUrl];
    const env = world.env(drained);
    const run = await runEtl(["doctor", "--policy", ...args], { env, cwd: world.folder });
    expect(run.exitCode).toBe(0);
    expect(run.stderr).toContain("BUCKET-OF-THE-PAYLOADS");
    const { Statement } = JSON.parse(run.stdout);
    const resources = Statement.map((one: { Sid: string; Resource: string }) => [one.Sid, one.Resource]);
    expect(resources).toEqual([
      ["EtlDrain", arn(drained)],
      ["EtlDecrypt", "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"],
      ["EtlDeadLetters", arn(queueUrl)],
      ["EtlPayloads", "arn:aws:s3:::BUCKET-OF-THE-PAYLOADS/*"],
    ]);
  });

  test("needs no answer, and no credentials", async () => {
    const gone = await listen(() => {});
    await gone.stop();
    const changes = {
      ETL_QUEUE_URL: "https://sqs.eu-west-1.amazonaws.com/123456789012/logins",
      AWS_ENDPOINT_URL_SQS: `http://127.0.0.1:${gone.port}`,
      AWS_ACCESS_KEY_ID: undefined,
      AWS_SECRET_ACCESS_KEY: undefined,
      AWS_EC2_METADATA_DISABLED: "true",
    };
    const run = await runEtl(["doctor", "--policy", "--json"], surroundings(changes));
    expect(run.exitCode).toBe(0);
    expect(run.stderr).toContain("logins could not be asked");
    const { policy } = JSON.parse(run.stdout);
    expect(policy.Statement[0].Resource).toBe("arn:aws:sqs:eu-west-1:123456789012:logins");
  });
});

describe("--grants", () => {
  test("asks where the table is", async () => {
    await world.database.sql.unsafe("create schema apart; create table apart.logins (like user_logins)");
    const url = new URL(world.database.url);
    await world.database.sql.unsafe(`alter database ${world.database.name} set search_path = apart, public`);
    url.username = "postgres";
    const run = await runEtl(
      ["doctor", "--grants", "--table", "logins"],
      surroundings({ DATABASE_URL: url.href }),
    );
    await world.database.sql.unsafe(`alter database ${world.database.name} reset search_path`);
    expect(run).toMatchObject({ exitCode: 0, stderr: "" });
    expect(run.stdout).toMatch(
      /^grant usage on schema apart to postgres;\ngrant insert on apart\.logins to postgres;\n/,
    );
  });

  test("needs no answer, and names the user of the settings", async () => {
    const gone = await listen(() => {});
    await gone.stop();
    const DATABASE_URL = `postgres://loader@127.0.0.1:${gone.port}/warehouse`;
    const run = await runEtl(["doctor", "--grants", "--json"], surroundings({ DATABASE_URL }));
    expect(run.exitCode).toBe(0);
    expect(run.stderr).toContain("the database could not be asked");
    const { grants } = JSON.parse(run.stdout);
    expect(grants.slice(0, 3)).toEqual([
      "grant usage on schema public to loader",
      "grant insert on public.user_logins to loader",
      "grant select, insert, delete on public.etl_ledger to loader",
    ]);
  });
});

test("--policy and --grants are for two people", async () => {
  const { env, cwd } = surroundings();
  const run = await runEtl(["doctor", "--policy", "--grants"], { env, cwd });
  expectFailure(run, { exitCode: 64, error: "give one of them", hint: "etl doctor --policy" }, env);
});
