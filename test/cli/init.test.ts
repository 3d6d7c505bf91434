import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { executable, runEtl } from "../support/binary.ts";
import { keys, openPseudoTerminal } from "../support/pseudo-terminal.ts";
import { openWorld, type World } from "../support/world.ts";

let world: World;
let folder: string;
let queueUrl: string;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "etl-init-"));
  queueUrl = await world.newQueue();
  await world.server.send(queueUrl, [1, 2, 3].map(order));
  await world.database.sql.unsafe("drop schema public cascade; create schema public");
});
afterEach(() => rmSync(folder, { recursive: true }));

const canary = "canary-0815";

function order(id: number): string {
  return JSON.stringify({
    orderId: id,
    user: { email: `${canary}@example.com` },
    ip: "203.0.113.7",
    total: 12.5,
  });
}

/** An environment that leads to the database and leaves the queue to be told; the key is yet to be made. */
function env(changes: Readonly<Record<string, string | undefined>> = {}): Record<string, string> {
  return world.env(queueUrl, { ETL_MASK_KEY_FILE: undefined, ETL_QUEUE_URL: undefined, ...changes });
}

const flags = () => ["init", "--yes", "--queue-url", queueUrl, "--table", "orders"];

async function tables(): Promise<string[]> {
  const rows = await world.database.sql.unsafe(
    "select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1",
  );
  return rows.map(({ name }) => name as string);
}

/** Nothing in the folder, no table, and every message to be had. */
async function expectNothingDone(): Promise<void> {
  expect(readdirSync(folder)).toEqual([]);
  expect(await tables()).toEqual([]);
  expect(world.server.depth(queueUrl)).toEqual({ visible: 3, inFlight: 0 });
}

describe("with --yes", () => {
  test("writes the file and the key for their owner alone, makes the table, and the next commands work", async () => {
    const { exitCode, stdout, stderr } = await runEtl(flags(), { env: env(), cwd: folder });
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect(readdirSync(folder).sort()).toEqual(["etl-mask.key", "etl.toml"]);
    for (const file of readdirSync(folder)) expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600);
    expect(await tables()).toContain("orders");
    expect(world.server.depth(queueUrl)).toEqual({ visible: 3, inFlight: 0 });
    expect(stdout).toEndWith("etl drain --dry-run\netl drain\n");
    const toml = readFileSync(join(folder, "etl.toml"), "utf8");
    for (const text of [stdout, stderr, toml]) {
      expect(text).not.toContain(canary);
      expect(text).not.toContain("203.0.113.7");
    }
    expect(toml).toContain('url = "env:DATABASE_URL"');
    const drained = await runEtl(["drain", "--wait-seconds", "0"], { env: env(), cwd: folder });
    expect(drained.exitCode).toBe(0);
    const rows = await world.database.sql.unsafe("select * from orders order by order_id");
    expect(rows.length).toBe(3);
    expect(rows[0]).toMatchObject({ order_id: "1", total: "12.5" });
    expect(rows[0]?.masked_user_email).toMatch(/^hmac:/);
  });

  test("a password goes into a file of its own, and works from there", async () => {
    const url = new URL(world.database.url);
    url.password ||= "not-needed";
    const run = await runEtl([...flags(), "--database-url", url.href], {
      env: env({ DATABASE_URL: undefined }),
      cwd: folder,
    });
    expect(run.exitCode).toBe(0);
    const file = join(folder, "etl-database.password");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, "utf8")).toBe(`${decodeURIComponent(url.password)}\n`);
    const toml = readFileSync(join(folder, "etl.toml"), "utf8");
    expect(toml).toContain('password_file = "etl-database.password"');
    expect(toml).not.toContain(`:${url.password}@`);
    const drained = await runEtl(["drain", "--wait-seconds", "0"], {
      env: env({ DATABASE_URL: undefined }),
      cwd: folder,
    });
    expect(drained.exitCode).toBe(0);
  });

  test("without an answer it says which flag gives it, and does nothing", async () => {
    const { exitCode, stderr } = await runEtl(["init"], {
      env: env({ DATABASE_URL: undefined }),
      cwd: folder,
    });
    expect(exitCode).toBe(64);
    expect(stderr).toContain("try: give --queue-url URL and --database-url URL and --table NAME");
    await expectNothingDone();
  });

  test("--print prints the file and writes nothing", async () => {
    const { exitCode, stdout } = await runEtl([...flags(), "--print"], { env: env(), cwd: folder });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^# Settings of etl/);
    expect(stdout).toContain('name = "masked_user_email"');
    await expectNothingDone();
  });

  test("a second run starts from the file, and never overwrites the key", async () => {
    await runEtl(flags(), { env: env(), cwd: folder });
    const key = readFileSync(join(folder, "etl-mask.key"), "utf8");
    const first = readFileSync(join(folder, "etl.toml"), "utf8");
    const changed = first
      .replace(/(from = "total"\ntype = )"numeric"/, '$1"text"')
      .replace("required = true", "required = false");
    writeFileSync(join(folder, "etl.toml"), changed);
    const again = await runEtl(["init", "--yes"], { env: env(), cwd: folder });
    // The table has a numeric column: the file is no longer right, and stays as it is.
    expect(again.exitCode).toBe(78);
    expect(readFileSync(join(folder, "etl.toml"), "utf8")).toBe(changed);
    writeFileSync(join(folder, "etl.toml"), first.replace("#batch_size = 500", "batch_size = 7"));
    const third = await runEtl(["init", "--yes"], { env: env(), cwd: folder });
    expect(third.exitCode).toBe(0);
    expect(readFileSync(join(folder, "etl.toml"), "utf8")).toContain("\nbatch_size = 7\n");
    expect(readFileSync(join(folder, "etl-mask.key"), "utf8")).toBe(key);
  });

  test("a password that an old file holds moves into a file of its own", async () => {
    await runEtl(flags(), { env: env(), cwd: folder });
    const path = join(folder, "etl.toml");
    const url = new URL(world.database.url);
    url.password ||= "not-needed";
    const old = readFileSync(path, "utf8").replace('"env:DATABASE_URL"', JSON.stringify(url.href));
    writeFileSync(path, old);
    const { exitCode } = await runEtl(["init", "--yes"], {
      env: env({ DATABASE_URL: undefined }),
      cwd: folder,
    });
    expect(exitCode).toBe(0);
    expect(readFileSync(path, "utf8")).not.toContain(`:${url.password}@`);
    expect(readFileSync(join(folder, "etl-database.password"), "utf8").trim()).toBe(
      decodeURIComponent(url.password),
    );
  });

  test("a table that this user may not create is left to another, with the files for it", async () => {
    const role = `etl_reader_${crypto.randomUUID().slice(0, 8)}`;
    await world.database.sql.unsafe(`create role ${role} login password 'reader'`);
    try {
      const url = new URL(world.database.url);
      url.username = role;
      url.password = "reader";
      const { exitCode, stdout, stderr } = await runEtl(flags(), {
        env: env({ DATABASE_URL: url.href }),
        cwd: folder,
      });
      expect(exitCode).toBe(77);
      expect(stderr).toContain("etl migrate --print");
      expect(stdout).toContain("etl migrate --print\n");
      expect(readdirSync(folder).sort()).toEqual(["etl-mask.key", "etl.toml"]);
    } finally {
      await world.database.sql.unsafe(`drop role ${role}`);
    }
  });

  test("a key that the file names and that is gone is not replaced by a new one", async () => {
    await runEtl(flags(), { env: env(), cwd: folder });
    rmSync(join(folder, "etl-mask.key"));
    const { exitCode, stderr } = await runEtl(["init", "--yes"], { env: env(), cwd: folder });
    expect(exitCode).toBe(78);
    expect(stderr).toContain("does not exist");
    expect(readdirSync(folder)).toEqual(["etl.toml"]);
  });

  test("variables that come before the file are told of, and the next commands put them away", async () => {
    const elsewhere = env({ ETL_QUEUE_URL: await world.newQueue() });
    const { exitCode, stdout, stderr } = await runEtl(flags(), { env: elsewhere, cwd: folder });
    expect(exitCode).toBe(0);
    expect(stderr).toContain("ETL_QUEUE_URL is set, names something else, and comes before etl.toml");
    expect(stdout).toContain("unset ETL_QUEUE_URL\n");
  });
});

describe("at a terminal", () => {
  /** What is asked, and the keys that take what is proposed. */
  const script = (): readonly (readonly [RegExp, readonly string[]])[] => [
    [/queue's URL|Which queue/, []],
    [/Which Postgres/, []],
    [/new table|Into which table/, []],
    [/Which are personal/, []],
    [/Is this right/, []],
  ];

  function open(columns = 80) {
    return openPseudoTerminal([executable, "init"], {
      env: env({ ETL_QUEUE_URL: queueUrl }),
      cwd: folder,
      columns,
    });
  }

  test("Enter alone sets it up, on 60 columns", async () => {
    await using terminal = open(60);
    for (const [question, typed] of script()) await terminal.answer(question, ...typed, keys.enter);
    expect(await terminal.ended).toBe(0);
    expect(terminal.screen.wraps).toBe(0);
    expect(readdirSync(folder).sort()).toEqual(["etl-mask.key", "etl.toml"]);
    expect((await tables()).length).toBeGreaterThan(1);
    expect(terminal.output).not.toContain(canary);
    expect(terminal.screen.text).toEndWith("etl drain --dry-run\netl drain\n");
  });

  test("backing out at any question leaves nothing, and every message in the queue", async () => {
    const questions = script();
    const ways = [keys.escape, keys.ctrlC, keys.ctrlD];
    for (const [index, [question]] of questions.entries()) {
      await using terminal = open();
      for (const [earlier, typed] of questions.slice(0, index)) {
        await terminal.answer(earlier, ...typed, keys.enter);
      }
      await terminal.question(question);
      terminal.type(ways[index % ways.length] ?? keys.escape);
      expect(await terminal.ended).toBe(130);
      expect(terminal.screen.text).toContain("Cancelled: nothing was written.");
      expect(terminal.screen.cursorShown).toBe(true);
      await expectNothingDone();
    }
  });

  test("SIGTERM backs out, too", async () => {
    await using terminal = open();
    await terminal.answer(/Which queue/, keys.enter);
    await terminal.question(/Which Postgres/);
    process.kill(terminal.pid, "SIGTERM");
    expect(await terminal.ended).toBe(143);
    await expectNothingDone();
  });
});
