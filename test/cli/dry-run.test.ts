import { describe, expect, test } from "bun:test";
import { expectFailure } from "../support/failed-run.ts";
import { drainJson, type JsonDrain, readJson } from "../support/json-drain.ts";
import { listen } from "../support/postgres-proxy.ts";
import { receiveCountsIn } from "../support/sqs-server.ts";
import { type EnvChanges, fileWorld, loginEvent, loginEvents, visible } from "../support/world.ts";

const world = await fileWorld("each test");

const dryRun = (url: string, args: readonly string[] = [], env: EnvChanges = {}) =>
  drainJson(world, url, ["--dry-run", ...args], env);

/** What a table holds, each row as JSON with its columns in order. */
async function stored(table = "user_logins"): Promise<unknown[]> {
  const rows = await world.database.sql.unsafe(`select row_to_json(t)::text as json from ${table} t`);
  return rows.map((row) => JSON.parse(row.json as string));
}

const shownRows = (run: JsonDrain) => run.lines.flatMap(({ row }) => (row === undefined ? [] : [row]));
const sorted = (rows: readonly unknown[]) => rows.map((row) => JSON.stringify(row)).sort();

describe("what a dry run shows", () => {
  const awkward = [
    loginEvent({ locale: null }),
    loginEvent({ locale: undefined, app_version: "0.96" }),
    loginEvent({ user_id: `<&>"'\\ \u202e\u001b[31m\u{10ffff}\r\n\t`, ip: "2001:DB8::1" }),
    loginEvent({ user_id: "", device_id: "  ", app_version: "32767.255.255" }),
    ...loginEvents(4),
  ];

  test("as JSON is what a drain then writes, value for value", async () => {
    const { url, ids } = await world.queueWith(awkward);
    const look = await dryRun(url);
    expect(look.exitCode).toBe(0);
    expect(look.receipt).toMatchObject({ dryRun: true, received: 8, released: 8, inserted: 0, deleted: 0 });
    expect(look.lines.slice(0, -1).map((line) => Object.keys(line))).toEqual(
      ids.map(() => ["messageId", "row"]),
    );
    expect(new Set(look.lines.flatMap(({ messageId }) => messageId ?? []))).toEqual(new Set(ids));
    expect(await stored()).toEqual([]);

    expect((await drainJson(world, url)).receipt).toMatchObject({ inserted: 8, outcome: "drained" });
    expect(sorted(await stored())).toEqual(sorted(shownRows(look)));
  });

  test("in a pipe is a table with every value whole", async () => {
    const { url } = await world.queueWith(loginEvents(3));
    const args = ["drain", "--dry-run", "--wait-seconds", "0"];
    const run = await world.etl(url, args);
    expect(run.exitCode).toBe(0);
    const lines = run.stdout.split("\n");
    const start = lines.findIndex((line) => line.startsWith("user_id"));
    const cells = lines.slice(start + 2, start + 5).map((line) => line.trim().split(/ {2,}/));
    await drainJson(world, url);
    const written = (await stored()).map((row) => Object.values(row as object).map(String));
    expect(sorted(cells)).toEqual(sorted(written));
    expect(lines[start]?.trim().split(/ {2,}/)).toEqual(Object.keys((await stored())[0] as object));
  });

  test("includes what a drain would reject, and why", async () => {
    const { url, ids } = await world.queueWith([
      "no json",
      loginEvent({ device_type: "x".repeat(33) }),
      loginEvent(),
    ]);
    const run = await dryRun(url);
    expect(run.exitCode).toBe(65);
    expect(run.lines.flatMap(({ rejection }) => rejection ?? [])).toEqual([
      { messageId: ids[0] ?? "", reason: "body_not_json", path: "" },
      { messageId: ids[1] ?? "", reason: "text_too_long", path: "device_type", column: "device_type" },
    ]);
    expect(run.receipt).toMatchObject({ received: 3, rejected: 2, released: 1 });
    expect(run.stderr).toContain(`would be rejected: message ${ids[0]}: body_not_json`);
    expect(world.server.depth(url)).toEqual(visible(3));
    expect((await drainJson(world, url)).receipt.rejections).toEqual(run.receipt.rejections);
  });

  test("includes a null that the live table does not take", async () => {
    await world.database.sql`alter table user_logins alter locale set not null`;
    const { url, ids } = await world.queueWith([loginEvent({ locale: null })]);
    const run = await dryRun(url);
    expect(run.exitCode).toBe(65);
    expect(run.lines[0]?.rejection).toMatchObject({
      messageId: ids[0],
      reason: "null_not_allowed",
      column: "locale",
    });
    expect(run.stderr).toContain("rows are checked against the live table\n");
  });
});

describe("a dry run leaves the queue as it was", () => {
  test("every message can be received at once, having been received once", async () => {
    const { url } = await world.queueWith(loginEvents(9));
    await dryRun(url);
    expect(world.server.depth(url)).toEqual(visible(9));
    expect(receiveCountsIn(await world.server.takeAll(url))).toEqual(Array(9).fill(2));
    // Nobody says how many: ten.
    const { url: longer } = await world.queueWith(loginEvents(12));
    expect((await dryRun(longer)).receipt).toMatchObject({ received: 10, outcome: "limit" });
  });

  test("more than one call's worth is held until the last has come, each shown once", async () => {
    const { url } = await world.queueWith(loginEvents(40));
    const run = await dryRun(url, ["--max-messages", "35"]);
    expect(run.receipt).toMatchObject({ received: 35, released: 35, outcome: "limit" });
    expect(new Set(shownRows(run).map((row) => row.user_id)).size).toBe(35);
    expect(world.server.depth(url)).toEqual(visible(40));
  });

  test("nothing is received if a drain would not begin, because no dead-letter queue is named", async () => {
    const { url } = await world.queueWith(loginEvents(1));
    const look = await world.etl(url, ["drain", "--dry-run", "--on-reject", "dead-letter"]);
    expect(look).toMatchObject({ exitCode: 78, stdout: "" });
    expect(look.stderr).toContain("no dead-letter queue is named");
    expect(world.server.depth(url)).toEqual(visible(1));
  });

  test("a redrive policy whose maxReceiveCount a dry run may reach is warned of", async () => {
    const dead = await world.newQueue();
    const deadLetterTargetArn = `arn:aws:sqs:us-east-1:123456789012:${dead.split("/").at(-1)}`;
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 2 });
    const { url } = await world.queueWith(loginEvents(1), { RedrivePolicy });
    const run = await dryRun(url);
    expect(run.stderr).toContain("after 2 receives, and a dry run is one of them");
  });

  test("Ctrl-C gives everything back", async () => {
    const { url } = await world.queueWith(loginEvents(20));
    const args = ["drain", "--dry-run", "--json", "--max-messages", "100", "--wait-seconds", "20"];
    const run = world.spawn(url, args);
    await run.stdout.until(/(?:.*\n){20}/);
    expect(world.server.depth(url)).toEqual({ visible: 0, inFlight: 20 });
    run.kill("SIGINT");
    const { exitCode, receipt } = readJson(await run.finished);
    expect(exitCode).toBe(130);
    expect(receipt).toMatchObject({ received: 20, released: 20, outcome: "stopped" });
    expect(world.server.depth(url)).toEqual(visible(20));
  });
});

describe("the database of a dry run", () => {
  test("needs to permit nothing but to be looked at", async () => {
    const { name, url: DATABASE_URL } = await world.newUser();
    await world.database.sql.unsafe(`grant usage on schema public to ${name}`);
    const { url } = await world.queueWith([loginEvent(), loginEvent({ user_id: "x".repeat(129) })]);
    const run = await dryRun(url, [], { DATABASE_URL });
    expect(run.receipt).toMatchObject({ released: 1, rejections: { text_too_long: 1 } });
  });

  test("needs no ledger, and gets none", async () => {
    await world.database.sql`drop table etl_ledger, etl_queue, etl_run, etl_rejection, etl_migration`;
    const { url } = await world.queueWith(loginEvents(1));
    expect((await dryRun(url)).exitCode).toBe(0);
    const tables = await world.database
      .sql`select relname from pg_class where relkind = 'r' and relname ~ '^(etl|user)_'`;
    expect(tables.map(({ relname }) => relname)).toEqual(["user_logins"]);
  });

  test("without the table: the rows are shown all the same, the table is not made, and 78 says what to do", async () => {
    await world.database.sql`drop table user_logins`;
    const { url } = await world.queueWith(loginEvents(2));
    const run = await dryRun(url);
    const expected = { exitCode: 78, error: "there is no table user_logins", hint: "etl migrate" };
    expectFailure(run, expected, world.env(url));
    expect(run.stderr).toContain("the rows are not checked against the live table");
    expect(shownRows(run).length).toBe(2);
    expect(world.server.depth(url)).toEqual(visible(2));
    const [table] = await world.database.sql`select to_regclass('user_logins') as name`;
    expect(table?.name).toBeNull();
  });

  test("out of reach: the rows are shown all the same, and that they are unchecked is said", async () => {
    const gone = await listen(() => {});
    await gone.stop();
    const { url } = await world.queueWith(loginEvents(2));
    const run = await dryRun(url, [], { DATABASE_URL: `postgres://etl:canary@127.0.0.1:${gone.port}/x` });
    expect(run.exitCode).toBe(0);
    expect(run.stderr).toContain("the rows are not checked against the live table");
    expect(shownRows(run).length).toBe(2);
    expect(run.stdout + run.stderr).not.toContain("canary");
    expect(world.server.depth(url)).toEqual(visible(2));
  });
});

describe("what the table would do with a row is told by a dry run", () => {
  const guarded = `
    create type device as enum ('android', 'ios');
    create domain language as text constraint short check (length(value) = 2);
    create table account (id text primary key);
    insert into account select 'user-' || n from generate_series(0, 9) n;
    alter table user_logins alter device_type type device using device_type::device,
      alter locale type language,
      add constraint of_account foreign key (user_id) references account`;
  const bad = [
    loginEvent({ user_id: "user-1", device_type: "toaster-canary" }),
    loginEvent({ user_id: "user-2", locale: "canary" }),
    loginEvent({ user_id: "canary" }),
  ];
  const reasons = { sqlstate_22P02: 1, sqlstate_23514: 1, sqlstate_23503: 1 };

  test("with the column and the reason, and never with a value, as a drain then rejects it", async () => {
    await world.database.sql.unsafe(guarded);
    const { url, ids } = await world.queueWith([...bad, ...loginEvents(4)]);
    const look = await dryRun(url);
    expect(look.exitCode).toBe(65);
    expect(look.receipt).toMatchObject({ received: 7, released: 4, rejections: reasons });
    expect(look.lines.flatMap(({ rejection }) => rejection ?? [])).toEqual([
      { messageId: ids[0] ?? "", reason: "sqlstate_22P02", path: "", column: "device_type" },
      {
        ...{ messageId: ids[1] ?? "", reason: "sqlstate_23514", path: "" },
        ...{ column: "locale", constraint: "short" },
      },
      {
        ...{ messageId: ids[2] ?? "", reason: "sqlstate_23503", path: "" },
        ...{ column: "user_id", constraint: "of_account" },
      },
    ] as never);
    expect(look.stdout + look.stderr).not.toContain("canary");
    expect(world.server.depth(url)).toEqual(visible(7));
    expect(await stored()).toEqual([]);
    expect((await drainJson(world, url)).receipt).toMatchObject({ inserted: 4, rejections: reasons });
  });

  test("and what a write alone can tell is said once, by name, and tried by --write-check", async () => {
    await world.database.sql.unsafe(`
      create function picky() returns trigger language plpgsql as
        $$ begin if new.user_id = 'user-1' then raise exception 'no %', new.user_id; end if; return new; end $$;
      create trigger picky after insert on user_logins for each row execute function picky()`);
    const { url } = await world.queueWith(loginEvents(3));
    const look = await dryRun(url);
    expect(look.receipt).toMatchObject({ released: 3, rejected: 0 });
    expect(
      look.stderr.match(/what a write alone can tell: trigger picky \(--write-check tries it\)/g)?.length,
    ).toBe(1);

    const check = await dryRun(url, ["--write-check"]);
    expect(check.exitCode).toBe(65);
    expect(check.receipt).toMatchObject({ received: 3, released: 2, rejections: { sqlstate_P0001: 1 } });
    expect(world.server.depth(url)).toEqual(visible(3));
  });
});

describe("--write-check", () => {
  test("tells the fate of each message as the drain that follows, and leaves nothing behind", async () => {
    const { sql } = world.database;
    await sql.unsafe("create unique index of_user on user_logins (user_id)");
    const users = [loginEvent({ user_id: "a", locale: "A" }), loginEvent({ user_id: "b", locale: null })];
    const { url } = await world.queueWith(users);
    await drainJson(world, url);
    await world.server.send(url, [
      loginEvent({ user_id: "b", locale: null }),
      loginEvent({ user_id: "d", locale: null }),
      loginEvent({ user_id: "d", locale: "D" }),
      "no json",
    ]);
    const tables = "etl_ledger l full join etl_queue q using (queue_id) full join user_logins u on false";
    const before = await sql.unsafe(
      `select row_to_json(x)::text from (select * from ${tables}) x order by 1`,
    );
    const check = await dryRun(url, ["--write-check"]);
    expect(
      await sql.unsafe(`select row_to_json(x)::text from (select * from ${tables}) x order by 1`),
    ).toEqual(before);
    expect(check.exitCode).toBe(65);
    expect(check.receipt).toMatchObject({ received: 4, released: 1, rejected: 3, deleted: 0 });
    expect(world.server.depth(url)).toEqual(visible(4));
    const { inserted, rejections } = (await drainJson(world, url)).receipt;
    expect({ inserted, rejections }).toEqual({ inserted: 1, rejections: check.receipt.rejections });
  });

  test("rejects a row over which a trigger raises an error that may pass, as the drain does after its tries", async () => {
    await world.database.sql.unsafe(`
      create function bad_row() returns trigger language plpgsql as $$
        begin raise exception 'odd %', new.user_id using errcode = 'XX000'; end $$;
      create trigger bad_row before insert on user_logins for each row when (new.locale = 'XX') execute function bad_row()`);
    const { url } = await world.queueWith([...loginEvents(3), loginEvent({ locale: "XX" })]);
    const check = await dryRun(url, ["--write-check"]);
    expect(check).toMatchObject({ exitCode: 65, receipt: { released: 3, unsettled: 0 } });
    const { rejections } = (await drainJson(world, url)).receipt;
    expect({ ...check.receipt.rejections }).toEqual({ ...rejections });
    expect(rejections).toEqual({ sqlstate_XX000: 1 });
  });

  test("registers no queue", async () => {
    const { url } = await world.queueWith(loginEvents(2));
    expect((await dryRun(url, ["--write-check"])).receipt).toMatchObject({ released: 2 });
    expect((await world.database.sql`select from etl_queue`).length).toBe(0);
  });

  test("checks what Postgres checks at a commit", async () => {
    await world.database.sql.unsafe(`
      insert into user_logins (user_id, locale) values ('first', 'A');
      alter table user_logins add constraint one unique (locale) deferrable initially deferred`);
    const { url } = await world.queueWith([loginEvent({ locale: "A" }), loginEvent({ locale: "B" })]);
    const { receipt } = await dryRun(url, ["--write-check"]);
    expect(receipt).toMatchObject({ released: 1, rejections: { sqlstate_23505: 1 } });
  });

  test("ends as the drain would for a user who may not write, and the line that it prints mends it", async () => {
    const user = await world.newUser();
    const env = { DATABASE_URL: user.url };
    await world.database.sql.unsafe(`grant usage on schema public to ${user.name}`);
    const { url } = await world.queueWith(loginEvents(2));
    const hint = "etl doctor --grants --table public.user_logins";
    const expected = { exitCode: 77, error: "lacks a permission", hint };
    expectFailure(await dryRun(url, ["--write-check"], env), expected, world.env(url, env));
    const { stdout } = await world.etl(url, hint.split(" ").slice(1), env);
    await world.database.sql.unsafe(stdout);
    expect(await dryRun(url, ["--write-check"], env)).toMatchObject({
      exitCode: 0,
      receipt: { released: 2 },
    });
    expect(world.server.depth(url)).toEqual(visible(2));
  });

  test("is refused without --dry-run, before anything is asked", async () => {
    const run = await world.etl("http://127.0.0.1:1/1/none", ["drain", "--write-check"]);
    expect(run).toMatchObject({ exitCode: 64, stdout: "" });
    expect(run.stderr).toContain("try: etl drain --dry-run --write-check");
  });
});
