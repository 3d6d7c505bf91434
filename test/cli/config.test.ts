import { describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runEtl } from "../support/binary.ts";
import { fileFolder } from "../support/folder.ts";

const folder = fileFolder();

async function etl(words: readonly string[], env: Record<string, string> = {}) {
  const { exitCode, stdout, stderr } = await runEtl(words, { env, cwd: folder });
  return { exitCode, stdout, stderr };
}

/** A file of the folder, which its owner alone may read. */
function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, 0o600);
  return path;
}

const key = Buffer.from(Uint8Array.from({ length: 32 }, (_, index) => index * 7)).toString("base64");
const canary = "hunter2canary";

describe("etl config example", () => {
  test("is right as soon as its mask key is there", async () => {
    const { exitCode, stdout, stderr } = await etl(["config", "example"]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const path = write("example.toml", stdout);
    const keyPath = join(folder, "etl-mask.key");
    expect(await etl(["config", "check", path])).toEqual({
      exitCode: 78,
      stdout: `error: the mask key file ${keyPath} does not exist\ntry: put it back from its backup, or for a first key: etl keys generate ${keyPath}\n`,
      stderr: "",
    });
    await etl(["keys", "generate"]);
    expect(await etl(["config", "check", path])).toEqual({
      exitCode: 0,
      stdout: `${path} is ok: 7 columns into user_logins\n`,
      stderr: "",
    });
  });
});

describe("etl config check", () => {
  test("tells all that is wrong in the file, in the order of its lines", async () => {
    const text = [
      "[table]",
      'name = "t"',
      'conflict = "update"',
      "[[table.columns]]",
      'name = "a"',
      'from = "x..y"',
      "[[table.columns]]",
      'name = "a"',
      'from = "z"',
      'mask = "truncate"',
      'type = "text"',
    ].join("\n");
    write("wrong.toml", text);
    const { exitCode, stdout } = await etl(["config", "check", "wrong.toml"]);
    expect(exitCode).toBe(78);
    expect(stdout.split("\n").filter((line) => line.startsWith("error: "))).toEqual([
      'error: wrong.toml line 1: table.key is missing: with conflict = "update" it lists the columns that tell rows apart',
      'error: wrong.toml line 1: table.newest_by is missing: with conflict = "update" it is the column that says which row is newer',
      expect.stringContaining("error: wrong.toml line 6: table.columns.from must be names with dots"),
      "error: wrong.toml line 8: table.columns.name is the name of another column above",
      'error: wrong.toml line 11: table.columns.type must be inet with mask = "truncate", which takes an IP address; found "text"',
    ]);
  });

  test("tells all that is wrong around it, too, and no secret", async () => {
    write("secret.key", canary);
    write("open.password", canary);
    chmodSync(join(folder, "open.password"), 0o644);
    const text = [
      'queue.url = "https://sqs.eu-west-1.amazonaws.com/login-queue"',
      'database.password = "file:open.password"',
      'mask.key = "file:secret.key"',
      'table.name = "a b"',
      'rejects.action = "dead-letter"',
    ].join("\n");
    write("around.toml", text);
    const { exitCode, stdout, stderr } = await etl(["config", "check"], { ETL_CONFIG: "around.toml" });
    expect(exitCode).toBe(78);
    expect(stdout.split("\n").filter((line) => line.startsWith("error: "))).toEqual([
      "error: the queue URL does not end with a queue's name",
      'error: rejects.action is "dead-letter", and no dead-letter queue is named',
      `error: ${folder}/open.password holds the database's password, and others than its owner may read or change it`,
      'error: "a b" is not a table\'s name',
      `error: ${folder}/secret.key is not a key in base64`,
    ]);
    expect(stdout + stderr).not.toContain(canary);
  });

  test("without a file checks what the environment says", async () => {
    const cwd = mkdtempSync(join(folder, "empty-"));
    const checked = await runEtl(["config", "check"], { env: { ETL_MASK_KEY: key }, cwd });
    expect(checked).toMatchObject({
      exitCode: 0,
      stdout: "there is no etl.toml; environment and defaults are ok: 7 columns into user_logins\n",
    });
    expect(checked.stderr).toContain("warn no queue is named");
    const env = { ETL_MASK_KEY: key, ETL_CONNECTIONS: "9", ETL_LEDGER_SCHEMA: `a ${"b".repeat(62)}` };
    expect((await runEtl(["config", "check"], { env, cwd })).stdout.split("\n").slice(0, 3)).toEqual([
      'error: ETL_CONNECTIONS must be a whole number from 1 to 8; found "9"',
      "try: unset ETL_CONNECTIONS",
      expect.stringMatching(/^error: "\\"a b+\\".etl_ledger" is not a table's name$/),
    ]);
    const stdout =
      "error: none.toml does not exist\ntry: name another file, or make one: etl config example > etl.toml\n";
    expect(await runEtl(["config", "check", "none.toml"], { cwd })).toMatchObject({ exitCode: 78, stdout });
    // No column needs a key.
    write("plain.toml", '[table]\nname = "t"\n[[table.columns]]\nname = "a"\nfrom = "b"\nmask = "redact"');
    expect(await etl(["config", "check", "plain.toml"])).toMatchObject({
      ...{ exitCode: 0, stdout: "plain.toml is ok: 1 column into t\n" },
    });
  });
});

describe("etl config show", () => {
  interface Line {
    readonly setting: string;
    readonly value: unknown;
    readonly source: object;
  }

  async function shown(words: readonly string[], env: Record<string, string>) {
    const { stdout } = await etl(["config", "show", "--json", ...words], env);
    const lines = stdout.trimEnd().split("\n");
    return new Map(lines.map((line) => JSON.parse(line) as Line).map((line) => [line.setting, line]));
  }

  test("shows a person each setting with its source", async () => {
    write("show.toml", '[drain]\nbatch_size = 7\n[table]\nname = "t"');
    const words = ["config", "show", "--config", "show.toml", "--receivers", "3"];
    const { exitCode, stdout, stderr } = await etl(words, { AWS_REGION: "eu-west-1", ETL_MASK_KEY: canary });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const lines = stdout.split("\n").map((line) => line.trimEnd().replaceAll(/ {2,}/g, " | "));
    for (const line of [
      "setting | value | source",
      "queue.region | eu-west-1 | AWS_REGION",
      "drain.batch_size | 7 | show.toml:2",
      "drain.receivers | 3 | --receivers",
      "drain.max_messages | (all; 10 in a dry run) | default",
      "mask.key | (hidden) | ETL_MASK_KEY",
      'table.columns.create_date | { from = "$sent_at", type = "date" } | default',
    ]) {
      expect(lines).toContain(line);
    }
    expect(stdout).not.toContain(canary);
  });

  test("takes a database URL apart: one from outside comes before the PG variables, one from the file after", async () => {
    const url = `postgres://bob:${canary}@h:5/x`;
    const outside = await shown([], { DATABASE_URL: url, PGHOST: "g", PGSSLMODE: "disable" });
    const fromUrl = { from: "environment", name: "DATABASE_URL" };
    expect(outside.get("database.host")).toMatchObject({ value: "h", source: fromUrl });
    expect(outside.get("database.port")).toMatchObject({ value: "5", source: fromUrl });
    expect(outside.get("database.password")).toMatchObject({ value: null, hidden: true, source: fromUrl });
    expect(outside.get("database.sslmode")).toMatchObject({
      value: "disable",
      source: { name: "PGSSLMODE" },
    });

    write("url.toml", `database.url = "${url}"`);
    const inside = await shown(["--config", "url.toml"], { PGHOST: "g" });
    expect(inside.get("database.host")).toMatchObject({ value: "g", source: { name: "PGHOST" } });
    expect(inside.get("database.name")).toMatchObject({ value: "x", source: { from: "file", line: 1 } });
    expect(JSON.stringify([...outside.values(), ...inside.values()])).not.toContain(canary);

    write("named.toml", 'database.url = "env:WHERE"');
    const named = await shown(["--config", "named.toml"], { WHERE: url });
    expect(named.get("database.url")).toMatchObject({ value: "env:WHERE", source: { from: "file" } });
    expect(named.get("database.host")).toMatchObject({ value: null });
  });

  test("refuses a file that is wrong, as every command does", async () => {
    write("bad.toml", "drian = 1");
    expect(await etl(["config", "show", "--config", "bad.toml"])).toMatchObject({
      exitCode: 78,
      stdout: "",
      stderr: expect.stringContaining(
        'error: bad.toml line 1: there is no key "drian"; did you mean "drain"?',
      ),
    });
  });
});
