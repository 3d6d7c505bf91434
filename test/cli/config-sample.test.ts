import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { column, writeJob } from "../support/mapped-job.ts";
import { receiveCountsIn } from "../support/sqs-server.ts";
import { fileWorld, visible } from "../support/world.ts";

const world = await fileWorld("never");

const job = (...columns: readonly string[]) => `[table]\nname = "orders"\n${columns.join("\n")}`;
const wrong = job(
  column("sku", 'from = "line.0.sku"'),
  column("email", 'from = "Customer.email"', 'mask = "hmac"'),
  column("city", 'from = "address.city"'),
  column("nick", 'from = "nick"', "required = true"),
  column("kind", 'from = "$attributes.kind"'),
);
const body = (nick: object) =>
  JSON.stringify({
    line: [{ sku: "canary" }],
    customer: { email: "canary@example.com", address: { city: "canary" } },
    "canary@example.com": 1,
    ...nick,
  });
const bodies = [body({ nick: "canary" }), body({ nickname: "canary" }), "no json", body({ nick: null })];

const check = (args: readonly string[], queueUrl = "http://127.0.0.1/1/unused", toml = wrong) =>
  world.etl(queueUrl, ["config", "check", ...args], writeJob(world, toml));

/** A line of a table, without what aligns it. */
const squeezed = (line: string) => line.replaceAll(/[ -]+/g, " ").trim();

function sampleFile(text: string): string {
  const path = join(world.folder, `bodies-${Bun.hash(text)}.jsonl`);
  writeFileSync(path, text);
  return path;
}

describe("etl config check --sample", () => {
  test("tells of each column how many messages have it, and what would be rejected, without a value", async () => {
    const run = await check(["--sample", sampleFile(`${bodies.join("\n\n")}\n`)]);
    expect(run.exitCode).toBe(65);
    const [ok, ...lines] = run.stdout.trimEnd().split("\n");
    expect(ok).toMatch(/ is ok: 5 columns into orders$/);
    expect(lines.map(squeezed)).toEqual(
      [
        "column from in 4",
        "",
        "sku line.0.sku 3",
        "email Customer.email 0 did you mean customer.email?",
        "city address.city 0 did you mean customer.address.city?",
        "nick nick 2",
        "kind $attributes.kind 0",
        "1 message would be rejected: field_missing at nick; line 3",
        "1 message would be rejected: body_not_json; line 5",
        "1 message would be rejected: field_null at nick; line 7",
        "No column takes: customer (in 1), other names (in 1)",
        "The live table was not asked: etl drain --dry-run holds the rows against it.",
      ].map(squeezed),
    );
    expect(run.stdout + run.stderr).not.toContain("canary");
  });

  test("is ok with a mapping that fits, and needs no queue", async () => {
    const fitting = job(column("sku", 'from = "sku"'));
    const run = await world.etl("", ["config", "check", "--sample", sampleFile('{"sku":"a"}')], {
      ...writeJob(world, fitting),
      ETL_QUEUE_URL: undefined,
    });
    expect(run.exitCode).toBe(0);
    expect(run.stdout).toContain("\nsku     sku      1\n");
  });

  test.each([
    ["none.jsonl", "none.jsonl does not exist", "name a file of message bodies, one a line"],
    [sampleFile("\n \n"), "holds no message", "put message bodies into it, one a line"],
  ])("%s is refused: %s", async (path, error, hint) => {
    const run = await check(["--sample", path]);
    expect(run.exitCode).toBe(78);
    expect(run.stderr).toContain(error);
    expect(run.stderr).toContain(`try: ${hint}\n`);
  });

  test("does not go with --queue, nor --max with it", async () => {
    expect(await check(["--sample", "a", "--queue"])).toMatchObject({ exitCode: 64, stdout: "" });
    expect(await check(["--sample", "a", "--max", "5"])).toMatchObject({ exitCode: 64, stdout: "" });
  });

  test("is not looked at if the settings are wrong", async () => {
    const run = await check(["--sample", "none.jsonl"], undefined, job(column("a", 'from = "a[0]"')));
    expect(run).toMatchObject({ exitCode: 78, stderr: "" });
    expect(run.stdout).toContain("must have the index of an array as a name of its own, such as a.0;");
  });
});

describe("etl config check --queue", () => {
  test("tells it of messages of the queue, and gives all of them back", async () => {
    const url = await world.newQueue();
    const attributes = { kind: { DataType: "String", StringValue: "order" } };
    await world.server.send(url, bodies, { attributes });
    const run = await check(["--queue"], url);
    expect(run.exitCode).toBe(65);
    expect(run.stdout).toMatch(/^sku +line\.0\.sku +3$/m);
    expect(run.stdout).toMatch(/^kind +\$attributes\.kind +3$/m);
    expect(run.stdout).toContain("1 message would be rejected: body_not_json; message ");
    expect(run.stdout + run.stderr).not.toContain("canary");
    expect(world.server.depth(url)).toEqual(visible(4));
    expect(receiveCountsIn(await world.server.takeAll(url))).toEqual([2, 2, 2, 2]);
  });

  test("looks at --max messages, 10 by default", async () => {
    const { url } = await world.queueWith(Array.from({ length: 30 }, () => body({ nick: "n" })));
    expect((await check(["--queue"], url)).stdout).toContain("in 10");
    expect((await check(["--queue", "--max", "25"], url)).stdout).toContain("in 25");
    expect(world.server.depth(url)).toEqual(visible(30));
  });

  test("ends with 78 if the queue gives none", async () => {
    const run = await check(["--queue"], await world.newQueue(), `[drain]\nwait_seconds = 0\n${wrong}`);
    expect(run.exitCode).toBe(78);
    expect(run.stderr).toContain("try: etl config check --sample FILE");
  });
});
