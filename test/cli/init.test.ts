import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { executable } from "../support/binary.ts";
import { keys, openPseudoTerminal } from "../support/pseudo-terminal.ts";
import { type EnvChanges, openWorld, visible } from "../support/world.ts";

// Most of their time these tests wait, and they wait together.
setDefaultTimeout(20_000);

const canary = "canary-0815";

function order(id: number): string {
  return JSON.stringify({
    orderId: id,
    user: { email: `${canary}@example.com` },
    ip: "203.0.113.7",
    total: 12.5,
  });
}

/** An empty database, a queue and an empty folder for one test alone, as these tests run at the same time. */
async function openPlace() {
  const world = await openWorld();
  const { folder, database } = world;
  const { url: queueUrl } = await world.queueWith([1, 2, 3].map(order));
  rmSync(join(folder, "etl-mask.key"));
  /** Leads to the database and leaves the queue to be told; the key is yet to be made. */
  const unset = (changes: EnvChanges): EnvChanges => ({
    ...{ ETL_MASK_KEY_FILE: undefined, ETL_QUEUE_URL: undefined },
    ...changes,
  });
  const etl = (args: readonly string[], changes: EnvChanges = {}) =>
    world.etl(queueUrl, args, unset(changes));
  const flags = ["--yes", "--queue-url", queueUrl, "--table", "orders"];
  const tables = async () => {
    const rows = await database.sql.unsafe(
      "select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace",
    );
    return rows.map(({ name }) => name as string);
  };
  return {
    ...{ world, folder, queueUrl, etl, tables },
    init: (args: readonly string[] = [], changes: EnvChanges = {}) =>
      etl(["init", ...flags, ...args], changes),
    again: (changes: EnvChanges = {}) => etl(["init", "--yes"], changes),
    read: (file: string) => readFileSync(join(folder, file), "utf8"),
    open: (columns = 80, changes: EnvChanges = { ETL_QUEUE_URL: queueUrl }) =>
      openPseudoTerminal([executable, "init"], {
        env: world.env(queueUrl, unset(changes)),
        cwd: folder,
        columns,
      }),
    /** Nothing in the folder, no table, and every message to be had. */
    async expectNothingDone(): Promise<void> {
      expect(readdirSync(folder)).toEqual([]);
      expect(await tables()).toEqual([]);
      expect(world.server.depth(queueUrl)).toEqual(visible(3));
    },
    [Symbol.asyncDispose]: () => world.close(),
  };
}

describe.concurrent("etl init --yes", () => {
  test("writes the file and the key for their owner alone, makes the table, and the next commands work", async () => {
    await using at = await openPlace();
    const { folder, world } = at;
    const { exitCode, stdout, stderr } = await at.init();
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect(readdirSync(folder).sort()).toEqual(["etl-mask.key", "etl.toml"]);
    for (const file of readdirSync(folder)) expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600);
    expect(await at.tables()).toContain("orders");
    expect(world.server.depth(at.queueUrl)).toEqual(visible(3));
    expect(stdout).toEndWith("etl drain --dry-run\netl drain\n");
    const toml = at.read("etl.toml");
    for (const text of [stdout, stderr, toml]) {
      expect(text).not.toContain(canary);
      expect(text).not.toContain("203.0.113.7");
    }
    expect(toml).toContain('url = "env:DATABASE_URL"');
    expect((await at.etl(["drain", "--wait-seconds", "0"])).exitCode).toBe(0);
    const rows = await world.database.sql.unsafe("select * from orders order by order_id");
    expect(rows.length).toBe(3);
    expect(rows[0]).toMatchObject({ order_id: "1", total: "12.5" });
    expect(rows[0]?.masked_user_email).toMatch(/^hmac:/);
  });

  test("puts a password into a file of its own, and it works from there", async () => {
    await using at = await openPlace();
    const url = new URL(at.world.database.url);
    const run = await at.init(["--database-url", url.href], { DATABASE_URL: undefined });
    expect(run.exitCode).toBe(0);
    expect(statSync(join(at.folder, "etl-database.password")).mode & 0o777).toBe(0o600);
    expect(at.read("etl-database.password")).toBe(`${decodeURIComponent(url.password)}\n`);
    const toml = at.read("etl.toml");
    expect(toml).toContain('password_file = "etl-database.password"');
    expect(toml).not.toContain(`:${url.password}@`);
    const drained = await at.etl(["drain", "--wait-seconds", "0"], { DATABASE_URL: undefined });
    expect(drained.exitCode).toBe(0);
  });

  test("with --print prints the file and writes nothing", async () => {
    await using at = await openPlace();
    const { exitCode, stdout } = await at.init(["--print"]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^# Settings of etl/);
    expect(stdout).toContain('name = "masked_user_email"');
    await at.expectNothingDone();
  });

  test("starts from the file in a second run, never overwrites the key, and makes no new one if it is gone", async () => {
    await using at = await openPlace();
    await at.init();
    const key = at.read("etl-mask.key");
    const first = at.read("etl.toml");
    const changed = first
      .replace(/(from = "total"\ntype = )"numeric"/, '$1"text"')
      .replace("required = true", "required = false");
    writeFileSync(join(at.folder, "etl.toml"), changed);
    // The table has a numeric column: the file is no longer right, and stays as it is.
    expect((await at.again()).exitCode).toBe(78);
    expect(at.read("etl.toml")).toBe(changed);
    writeFileSync(join(at.folder, "etl.toml"), first.replace("#batch_size = 500", "batch_size = 7"));
    expect((await at.again()).exitCode).toBe(0);
    expect(at.read("etl.toml")).toContain("\nbatch_size = 7\n");
    expect(at.read("etl-mask.key")).toBe(key);
    rmSync(join(at.folder, "etl-mask.key"));
    const { exitCode, stderr } = await at.again();
    expect(exitCode).toBe(78);
    expect(stderr).toContain("does not exist");
    expect(readdirSync(at.folder)).toEqual(["etl.toml"]);
  });

  test("moves a password that an old file holds into a file of its own", async () => {
    await using at = await openPlace();
    await at.init();
    const url = new URL(at.world.database.url);
    const old = at.read("etl.toml").replace('"env:DATABASE_URL"', JSON.stringify(url.href));
    writeFileSync(join(at.folder, "etl.toml"), old);
    expect((await at.again({ DATABASE_URL: undefined })).exitCode).toBe(0);
    expect(at.read("etl.toml")).not.toContain(`:${url.password}@`);
    expect(at.read("etl-database.password").trim()).toBe(decodeURIComponent(url.password));
  });

  test("leaves a table that this user may not create to another, with the files for it", async () => {
    await using at = await openPlace();
    const { url: DATABASE_URL } = await at.world.newUser();
    const { exitCode, stdout, stderr } = await at.init([], { DATABASE_URL });
    expect(exitCode).toBe(77);
    expect(stderr).toContain("etl migrate --print");
    expect(stdout).toContain("etl migrate --print\n");
    expect(readdirSync(at.folder).sort()).toEqual(["etl-mask.key", "etl.toml"]);
  });

  test("stores amounts and moments as they are in a table with rows, once the table is changed as it says", async () => {
    await using at = await openPlace();
    const { sql } = at.world.database;
    await sql.unsafe(
      "create table paid (id bigint primary key, amount_value numeric(12,2), created_at timestamp(3), placed_at timestamp)",
    );
    await sql.unsafe("insert into paid values (7, 1, null, '2026-01-01 10:00')");
    const amount = { value: "849.90" };
    const card = { brand: "visa" };
    const { url } = await at.world.queueWith(
      [1, 2, 3].map((id) =>
        JSON.stringify({ id, amount, placed_at: "2026-01-02T10:00:00+02:00", card: id === 1 ? card : null }),
      ),
    );
    const flags = ["--queue-url", url, "--table", "paid"];
    const refused = await at.etl(["init", "--yes", ...flags]);
    expect(refused.exitCode).toBe(78);
    const [, statement = ""] = /^try: (alter table .*)$/m.exec(refused.stderr) ?? [];
    await sql.unsafe(`set timezone = 'America/New_York'; ${statement}; reset timezone`);
    const { exitCode, stdout } = await at.etl(["init", "--yes", ...flags]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/amount_value +amount\.value +words +numeric +reject/);
    expect((await at.etl(["drain", ...flags, "--wait-seconds", "0"])).exitCode).toBe(0);
    const rows = await sql.unsafe("select id, amount_value, created_at, placed_at from paid order by id");
    const row = (id: string, amount_value: string, time: string) => ({
      ...{ id, amount_value, created_at: null },
      placed_at: new Date(time),
    });
    expect(rows.map((each) => ({ ...each })) as unknown[]).toEqual([
      ...["1", "2", "3"].map((id) => row(id, "849.90", "2026-01-02T08:00:00Z")),
      row("7", "1.00", "2026-01-01T10:00:00Z"),
    ]);
  });

  test("reads messages with and without an envelope, and so does the drain after it", async () => {
    await using at = await openPlace();
    const envelope = { Type: "Notification", MessageId: "m", TopicArn: "arn:aws:sns:us-east-1:1:orders" };
    const event = { id: "e", "detail-type": "Order", source: "shop", detail: JSON.parse(order(5)) };
    const wrapped = [{ ...envelope, Message: order(4) }, event];
    await at.world.server.send(
      at.queueUrl,
      wrapped.map((body) => JSON.stringify(body)),
    );
    const { exitCode, stderr } = await at.init();
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect(stderr.replaceAll(/\s+/g, " ")).toContain(
      "The bodies are SNS notifications (1), EventBridge events (1) and JSON without an envelope (3); etl tells them apart",
    );
    expect(at.read("etl.toml")).toContain('envelope = "auto"');
    expect((await at.etl(["drain", "--wait-seconds", "0"])).exitCode).toBe(0);
    const rows = await at.world.database.sql.unsafe("select order_id::int from orders order by 1");
    expect(rows.map(({ order_id }) => order_id as number)).toEqual([1, 2, 3, 4, 5]);
  });

  test("ends with 78 and writes nothing if it has to guess, or the table does not fit", async () => {
    await using at = await openPlace();
    await at.world.database.sql.unsafe(
      "create table orders (order_id bigint, total integer, created_at timestamptz, note text not null)",
    );
    const { exitCode, stderr } = await at.init();
    expect(exitCode).toBe(78);
    expect(stderr).toContain("to fill created_at from $sent_at is a guess by the names");
    expect(stderr).toContain("column total of public.orders is of type integer, expected is numeric");
    expect(stderr).toContain("column note of public.orders must not be null");
    expect(readdirSync(at.folder)).toEqual([]);
    // What it says to type mends all but the guess.
    for (const [, statement = ""] of stderr.matchAll(/try: (alter table .*)/g))
      await at.world.database.sql.unsafe(statement);
    expect((await at.init(["--accept-guesses"])).exitCode).toBe(0);
    expect(at.read("etl.toml")).toContain('from = "$sent_at"');
  });

  test("tells of variables that come before the file, and how to put them away", async () => {
    await using at = await openPlace();
    const ETL_QUEUE_URL = await at.world.newQueue();
    const { exitCode, stdout, stderr } = await at.init([], { ETL_QUEUE_URL });
    expect(exitCode).toBe(0);
    expect(stderr).toContain("ETL_QUEUE_URL is set, names something else, and comes before etl.toml");
    expect(stdout).toContain("unset ETL_QUEUE_URL\n");
  });
});

describe.concurrent("etl init at a terminal", () => {
  const questions = [
    /queue's URL|Which queue/,
    /Which Postgres/,
    /new table|Into which table/,
    /Which are personal/,
    /Is this right/,
  ];

  test.each([60, 80])("sets it up by Enter alone, on %d columns", async (columns) => {
    await using at = await openPlace();
    await using terminal = at.open(columns);
    for (const question of questions) await terminal.answer(question, keys.enter);
    expect(await terminal.ended).toBe(0);
    expect(terminal.screen.wraps).toBe(0);
    expect(readdirSync(at.folder).sort()).toEqual(["etl-mask.key", "etl.toml"]);
    expect((await at.tables()).length).toBeGreaterThan(1);
    expect(terminal.output).not.toContain(canary);
    expect(terminal.screen.text).toEndWith("etl drain --dry-run\netl drain\n");
  });

  test.each(questions.map((question, index) => [question.source, index] as const))(
    "leaves nothing, and every message in the queue, if one backs out at %s",
    async (source, index) => {
      await using at = await openPlace();
      await using terminal = at.open();
      for (const earlier of questions.slice(0, index)) await terminal.answer(earlier, keys.enter);
      await terminal.question(new RegExp(source));
      // Before the first question there is none to go back to.
      terminal.type(index === 0 ? keys.escape : index % 2 === 0 ? keys.ctrlD : keys.ctrlC);
      expect(await terminal.ended).toBe(130);
      expect(terminal.screen.text).toContain("Cancelled: nothing was written.");
      expect(terminal.screen.cursorShown).toBe(true);
      await at.expectNothingDone();
    },
  );

  test("goes one question back with Esc, as far as one likes, and on again", async () => {
    await using at = await openPlace();
    await using terminal = at.open();
    for (const question of questions.slice(0, 4)) await terminal.answer(question, keys.enter);
    for (const question of questions.slice(1).toReversed()) await terminal.answer(question, keys.escape);
    for (const question of questions) await terminal.answer(question, keys.enter);
    expect(await terminal.ended).toBe(0);
    expect(readdirSync(at.folder).sort()).toEqual(["etl-mask.key", "etl.toml"]);
    expect(at.world.server.depth(at.queueUrl)).toEqual(visible(3));
  });

  test("leaves nothing after SIGTERM, which ends it with 143", async () => {
    await using at = await openPlace();
    await using terminal = at.open();
    await terminal.answer(/Which queue/, keys.enter);
    await terminal.question(/Which Postgres/);
    process.kill(terminal.pid, "SIGTERM");
    expect(await terminal.ended).toBe(143);
    await at.expectNothingDone();
  });

  test("proposes what the file says if it is run again", async () => {
    await using at = await openPlace();
    await at.init();
    await using terminal = at.open(100, {});
    for (const question of [/Which queue/, /Which Postgres/, /Into which table/, /Is this right/]) {
      await terminal.answer(question, keys.enter);
    }
    expect(await terminal.ended).toBe(0);
    expect(terminal.screen.text).not.toContain("Which are personal");
    expect(terminal.screen.text).not.toContain("new mask key");
  });
});
