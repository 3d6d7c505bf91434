import { describe, expect, test } from "bun:test";
import { endOf } from "../support/binary.ts";
import { expectFailure } from "../support/failed-run.ts";
import { type EnvChanges, fileWorld } from "../support/world.ts";

const world = await fileWorld("once");
const queueUrl = await world.newQueue();

const etl = (args: readonly string[], changes: EnvChanges = {}) => world.etl(queueUrl, args, changes);

test("on a terminal of 80 columns lines fit but for what is to be copied, and statuses have colours", async () => {
  const { exitCode, lines, output } = await endOf(world.spawnInTerminal(queueUrl, ["doctor"], 80));
  expect(exitCode).toBe(0);
  expect(output).toContain("\u001b[32mok\u001b[0m       settings");
  expect(output).toContain("asking the queue and the database");
  const written = Bun.stripANSI(output).split(/\r?\n/);
  const long = written.filter((line) => line.length > 80 && !/^ {9}try: /.test(line) && !line.includes("\r"));
  expect(long).toEqual([]);
  expect(lines.some((line) => line.includes("asking"))).toBe(false);
  expect(lines.findLast((line) => line !== "") ?? "").toMatch(/^Ready: 2 warnings\.$/);
});

test("in a pipe there is no escape, and the exit code is the first failure's", async () => {
  const run = await etl(["doctor"], { DATABASE_URL: `${world.database.url}x` });
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
    const run = await world.etl(drained, ["doctor", "--policy", ...args]);
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
    const changes = {
      ETL_QUEUE_URL: "https://sqs.eu-west-1.amazonaws.com/123456789012/logins",
      AWS_ENDPOINT_URL_SQS: "http://127.0.0.1:1",
      AWS_ACCESS_KEY_ID: undefined,
      AWS_SECRET_ACCESS_KEY: undefined,
      AWS_EC2_METADATA_DISABLED: "true",
    };
    const run = await etl(["doctor", "--policy", "--json"], changes);
    expect(run.exitCode).toBe(0);
    expect(run.stderr).toContain("logins could not be asked");
    const { policy } = JSON.parse(run.stdout);
    expect(policy.Statement[0].Resource).toBe("arn:aws:sqs:eu-west-1:123456789012:logins");
  });
});

describe("--grants", () => {
  test("asks where the table is", async () => {
    await world.database.sql.unsafe("create schema apart; create table apart.logins (like user_logins)");
    await world.database.sql.unsafe(`alter database ${world.database.name} set search_path = apart, public`);
    const run = await etl(["doctor", "--grants", "--table", "logins"]);
    await world.database.sql.unsafe(`alter database ${world.database.name} reset search_path`);
    expect(run).toMatchObject({ exitCode: 0, stderr: "" });
    expect(run.stdout).toMatch(
      /^grant usage on schema apart to postgres;\ngrant insert on apart\.logins to postgres;\n/,
    );
  });

  test("needs no answer, and names the user of the settings", async () => {
    const DATABASE_URL = "postgres://loader@127.0.0.1:1/warehouse";
    const run = await etl(["doctor", "--grants", "--json"], { DATABASE_URL });
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
  const run = await etl(["doctor", "--policy", "--grants"]);
  const expected = { exitCode: 64, error: "give one of them", hint: "etl doctor --policy" };
  expectFailure(run, expected, world.env(queueUrl));
});
