import { beforeEach, describe, expect, test } from "bun:test";
import manifest from "../../../package.json" with { type: "json" };
import { userLogins } from "../../../src/message/mapping.ts";
import { readTable } from "../../../src/postgres/catalog.ts";
import { loadGrantStatements, registerQueue } from "../../../src/postgres/ledger.ts";
import { migrate, migrationSql } from "../../../src/postgres/migrate.ts";
import { failureOf, loginQueue, openLoginLoader, openUrl } from "../../support/postgres-database.ts";
import { emptyDatabase, usage, withRole } from "../../support/postgres-file.ts";
import { loginMessages } from "../../support/postgres-messages.ts";
import { openLoader } from "../../support/postgres-readings.ts";

const { testDatabase, database } = await emptyDatabase();
const run = (statement: string) => testDatabase.sql.unsafe(statement);
const make = (table = "user_logins", schema?: string) => migrate(database, userLogins, table, schema);
const { arn } = loginQueue;
const target = { schema: "public", sqlName: "public.user_logins" };
const register = (sqlName = target.sqlName, home = target, user = database) =>
  registerQueue(user, home, loginQueue, { ...target, sqlName });

const own = ["etl_queue", "etl_ledger", "etl_run", "etl_rejection", "etl_migration"];
const inSchema = (schema: string, names = own) => names.map((name) => `${schema}.${name}`);
const everyMigration = ["1 (ledger)", "2 (records)", "3 (tables)"];

beforeEach(async () => {
  await run("drop schema if exists sales cascade; drop schema if exists etl cascade");
});

describe("migrating", () => {
  test("makes everything once, finds it the second time, and records what it did", async () => {
    const names = inSchema("public", ["user_logins", ...own]);
    expect(await make()).toEqual({ created: names, found: [], applied: everyMigration });
    expect(await make()).toEqual({ created: [], found: names, applied: [] });
    const recorded = await run(
      "select number, name, version, applied_at <= now() as past from etl_migration order by 1",
    );
    const { version } = manifest;
    const migrations = ["ledger", "records", "tables"];
    expect(JSON.parse(JSON.stringify(recorded))).toEqual(
      migrations.map((name, index) => ({ number: index + 1, name, version, past: true })),
    );
  });

  test("what it prints makes the same, and may run twice", async () => {
    for (const schema of [undefined, "etl"]) {
      await run(migrationSql(userLogins, "user_logins", schema));
      await run(migrationSql(userLogins, "user_logins", schema));
      expect(await make("user_logins", schema)).toMatchObject({ created: [], applied: [] });
    }
  });

  test("leaves a table that is there as it is, and puts the ledger beside it", async () => {
    await run("create schema sales; create table sales.logins (a int)");
    expect(await make("sales.logins")).toEqual({
      ...{ created: inSchema("sales"), found: ["sales.logins"], applied: everyMigration },
    });
    expect((await readTable(database, "sales.logins")).columns.map(({ name }) => name)).toEqual(["a"]);
  });

  test("takes names that need quotes", async () => {
    const table = '"My ""Own"" \'Table\'"';
    await make(table);
    await run(`drop table ${table}, ${own.join(", ")}`);
    await run(migrationSql(userLogins, table));
    expect((await readTable(database, table)).name).toBe("My \"Own\" 'Table'");
  });

  test("makes a table of etl's own again that was dropped", async () => {
    await make();
    await run("drop table etl_run, etl_rejection");
    const { created, applied } = await make();
    expect({ created, applied }).toEqual({
      created: inSchema("public", ["etl_run", "etl_rejection"]),
      applied: [],
    });
    expect((await make()).created).toEqual([]);
  });

  test("several at once do not disturb each other", async () => {
    const several = Array.from({ length: 4 }, () => openUrl(testDatabase.url));
    const results = await Promise.all(several.map((each) => migrate(each, userLogins, "user_logins", "etl")));
    expect(results.map(({ created }) => created.length).sort()).toEqual([0, 0, 0, 6]);
    for (const each of several) each.close();
  });

  test("a schema that is not there is named as what is wrong, unless it was named for the ledger", async () => {
    const expected = { kind: "config", code: "3F000" };
    expect(await failureOf(make("nowhere.user_logins"))).toMatchObject(expected);
    expect((await make("user_logins", "etl")).created).toEqual(["public.user_logins", ...inSchema("etl")]);
  });

  test("a user who may not create is told what to do, and needs nothing if all is there", async () => {
    await withRole(testDatabase, usage, async ({ asRole }) => {
      const failure = await failureOf(migrate(asRole, userLogins, "user_logins"));
      expect(failure).toMatchObject({ kind: "permission", code: "42501" });
      expect(failure.hint).toContain("etl migrate --print");
      await make();
      expect((await migrate(asRole, userLogins, "user_logins")).created).toEqual([]);
    });
  });

  test("a newer etl's tables are refused, by a drain too", async () => {
    await make();
    await run("insert into etl_migration values (4, 'later', now(), '9.9.9')");
    for (const work of [make(), register()]) {
      const expected = { kind: "config", code: "ledger_newer", hint: "upgrade etl" };
      expect(await failureOf(work)).toMatchObject(expected);
    }
  });
});

/** As etl 0.1.0 makes them. */
const firstRelease = `
  create table if not exists user_logins (
    user_id varchar(128), device_type varchar(32), masked_ip varchar(256), masked_device_id varchar(256),
    locale varchar(32), app_version integer, create_date date
  );
  create table if not exists etl_queue (
    queue_id integer generated always as identity primary key,
    arn      text not null unique
  );
  create table if not exists etl_ledger (
    sent_at    timestamptz not null,
    message_id uuid not null,
    queue_id   integer not null,
    primary key (sent_at, message_id, queue_id)
  );
  create table if not exists etl_run (
    queue_id integer not null, run_id uuid not null, table_name text not null, started_at timestamptz not null,
    ended_at timestamptz not null, outcome text not null, received bigint not null, inserted bigint not null,
    inserted_before bigint not null, duplicates bigint not null, rejected bigint not null, released bigint not null,
    unsettled bigint not null, deleted bigint not null, requests bigint not null, rejections jsonb not null,
    limited_by text, version text not null,
    primary key (queue_id, run_id)
  );
  create table if not exists etl_rejection (
    sent_at timestamptz not null, message_key uuid not null, queue_id integer not null, message_id text not null,
    reason text not null, path text not null, column_name text, constraint_name text, times integer not null,
    first_at timestamptz not null, last_at timestamptz not null,
    primary key (sent_at, message_key, queue_id)
  );`;

describe("a database that 0.1.0 made", () => {
  const messages = loginMessages(3);
  const [stored] = messages;

  /** A message that was stored, a run, a rejection, and two more queues of which one has no run. */
  async function asLeft() {
    await run(`${firstRelease}
      insert into etl_queue (arn) values ('${arn}'), ('arn:other'), ('arn:silent');
      insert into user_logins (user_id) values ('user-0');
      insert into etl_ledger values (to_timestamp(${stored?.ref.sentAtMillis} / 1000.0), '${stored?.ref.messageId}', 1);
      insert into etl_run select queue_id, gen_random_uuid(), table_name, now() - age, now() - age, 'drained',
        1, 1, 0, 0, 0, 0, 0, 1, 3, '{}', null, '0.1.0'
        from (values (1, 'public.user_logins', interval '1 h'), (2, 'public.gone', '2 h'), (2, 'public.others', '1 h'))
          as ran (queue_id, table_name, age);
      insert into etl_rejection values (now(), gen_random_uuid(), 1, 'm', 'text_nul', '', null, null, 1, now(), now())`);
  }
  const everything = async () => {
    const columns = {
      user_logins: "user_id",
      etl_queue: "queue_id, arn",
      etl_ledger: "*",
      etl_run: "run_id, queue_id, table_name, ended_at, inserted",
      etl_rejection: "*",
    };
    const lists = Object.entries(columns).map(([name, list]) =>
      run(`select ${list} from ${name} order by 1`),
    );
    return (await Promise.all(lists)).map((rows) => [...rows]);
  };

  test.each([
    ["etl migrate", () => make()],
    ["what etl migrate --print prints", () => run(migrationSql(userLogins, "user_logins"))],
  ])("is brought along by %s, with every row that is in it", async (_, bring) => {
    await asLeft();
    const before = await everything();
    await bring();
    await bring();
    expect(await everything()).toEqual(before);
    expect((await make()).applied).toEqual([]);
    // The queue keeps its number, so that the message that is stored is known.
    const loader = await openLoginLoader(database, arn);
    expect(await loader.load(messages)).toMatchObject({ inserted: 2, duplicates: 1 });
    const queues = await run("select table_name from etl_queue order by queue_id");
    expect(queues.map(({ table_name }) => table_name)).toEqual([
      ...["public.user_logins", "public.others", "public.user_logins"],
    ]);
  });

  test("is not drained into until it is, and migrate says what it did", async () => {
    await asLeft();
    const failure = await failureOf(register());
    expect(failure).toMatchObject({ kind: "config", code: "ledger_older" });
    expect(failure.hint).toBe("etl migrate --table public.user_logins");
    expect(await make()).toEqual({
      created: ["public.etl_migration"],
      found: inSchema("public", ["user_logins", ...own.slice(0, 4)]),
      applied: everyMigration,
    });
    expect(await register()).toBe(1);
  });
});

describe("one ledger for several tables", () => {
  const home = { ...target, schema: "etl" };

  test("a message of one queue is stored once in each table", async () => {
    await make("user_logins");
    await make("sales_logins");
    const loadInto = async (name: string) =>
      (await openLoader(database, userLogins, name)).load(loginMessages(3));
    for (const name of ["user_logins", "sales_logins"]) {
      expect(await loadInto(name)).toMatchObject({ inserted: 3, duplicates: 0 });
      expect(await loadInto(name)).toMatchObject({ inserted: 0, duplicates: 3 });
    }
  });

  test("a user's grants name the schema of the table and that of the ledger", async () => {
    await make("user_logins", "etl");
    const noGrants = () => "";
    await withRole(testDatabase, noGrants, async ({ role, asRole }) => {
      const failure = await failureOf(register(target.sqlName, home, asRole));
      expect(failure.hint).toStartWith("etl doctor --grants --table public.user_logins,");
      const grants = loadGrantStatements(home, role, { table: target });
      expect(grants).toEqual([
        `grant usage on schema public to ${role}`,
        `grant usage on schema etl to ${role}`,
        `grant insert on public.user_logins to ${role}`,
        `grant select, insert, delete on etl.etl_ledger to ${role}`,
        `grant select, insert on etl.etl_queue to ${role}`,
      ]);
      await run(grants.join(";"));
      expect(await register(target.sqlName, home, asRole)).toBe(1);
    });
  });

  test("a table that was renamed is told of, and the hint makes its messages known again", async () => {
    await make();
    const number = await register();
    await run(`alter table user_logins rename to "Joe's logins"`);
    await make(`"Joe's logins"`);
    const renamed = () => register(`public."Joe's logins"`);
    const failure = await failureOf(renamed());
    expect(failure).toMatchObject({ kind: "config", code: "ledger_other_table" });
    await run(failure.hint ?? "");
    expect(await renamed()).toBe(number);
  });

  test.each([
    ["that 0.1.0 made", firstRelease],
    ["of this version", ""],
  ])(
    "a ledger %s beside the table is told of before another schema's is used, and the hint takes its entries along",
    async (_, first) => {
      await run(first);
      if (first === "") await make();
      await make("user_logins", "etl");
      const tableName = first === "" ? ", table_name" : "";
      await run(
        `insert into public.etl_queue (arn${tableName}) values ('${arn}'${tableName && ", 'public.user_logins'"})`,
      );
      await run(
        "insert into public.etl_ledger values (now(), gen_random_uuid(), 1), (now(), gen_random_uuid(), 2)",
      );
      const failure = await failureOf(register(target.sqlName, home));
      expect(failure).toMatchObject({ kind: "config", code: "ledger_elsewhere" });
      await run(failure.hint ?? "");
      const queueId = await register(target.sqlName, home);
      const entries = await run("select queue_id from etl.etl_ledger");
      expect(entries.map(({ queue_id }) => queue_id)).toEqual([queueId]);
    },
  );
});
