import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type DoctorRun, differences, runDoctor } from "../support/doctor-run.ts";
import { createDatabase, startServer } from "../support/postgres.ts";
import { listen } from "../support/postgres-proxy.ts";
import { openWorld, type World } from "../support/world.ts";

let world: World;
let queueUrl: string;
let good: DoctorRun;
/** May do what a test says, and is not the table's owner. */
let clerk: string;

beforeAll(async () => {
  world = await openWorld();
  await world.emptyTable();
  queueUrl = await world.newQueue();
  clerk = `clerk_${world.database.name}`;
  await world.database.sql.unsafe(`create role ${clerk} login password 'clerk-canary'`);
  good = await diagnose();
  expect(good.exitCode).toBe(0);
});
afterAll(async () => {
  await world.database.sql.unsafe(`drop owned by ${clerk}; drop role ${clerk}`);
  await world.close();
});

type Changes = Readonly<Record<string, string | undefined>>;

function diagnose(changes: Changes = {}, args: readonly string[] = []): Promise<DoctorRun> {
  return runDoctor(args, { env: world.env(queueUrl, changes), cwd: world.folder, timeoutMillis: 15_000 });
}

/** Expects that exactly these lines are other ones than in a world in which all is well. */
async function finds(lines: readonly RegExp[], changes: Changes = {}, args: readonly string[] = []) {
  const run = await diagnose(changes, args);
  const different = differences(run, good);
  expect(different.length, different.join("\n")).toBe(lines.length);
  for (const [index, pattern] of lines.entries()) expect(different[index]).toMatch(pattern);
  return run;
}

function url(changes: { port?: number; name?: string; user?: string; password?: string }): string {
  const changed = new URL(world.database.url);
  if (changes.port !== undefined) changed.port = String(changes.port);
  if (changes.name !== undefined) changed.pathname = `/${changes.name}`;
  if (changes.user !== undefined) changed.username = changes.user;
  if (changes.password !== undefined) changed.password = changes.password;
  return changed.href;
}

describe("the way to the database", () => {
  test("the URL is none", async () => {
    await finds([/^failed \| database \| .* 78$/], { DATABASE_URL: "mysql://root:hunter2@db/x" });
  });

  test("nothing listens", async () => {
    const gone = await listen(() => {});
    await gone.stop();
    const DATABASE_URL = url({ port: gone.port });
    await finds([/^failed \| database \| .*nothing listens there \| .* 69$/], { DATABASE_URL });
  });

  test("nothing ever answers, neither queue nor database: both are given up at the same time", async () => {
    const silent = await listen(() => {});
    const changes = {
      DATABASE_URL: url({ port: silent.port }),
      AWS_ENDPOINT_URL_SQS: `http://127.0.0.1:${silent.port}`,
    };
    const run = await finds(
      [
        /^skipped \| clock/,
        /^failed \| queue \| .*within 10 s.* 69$/,
        /^failed \| database \| .*(in time|within 10 s).* 69$/,
      ],
      changes,
    );
    expect(run.exitCode).toBe(69);
    await silent.stop();
  }, 15_000);

  test("the password is wrong", async () => {
    const run = await finds([/^failed \| database \| .*refused the password.* 77$/], {
      DATABASE_URL: url({ password: "wr0ng-canary" }),
    });
    expect(run.text).not.toContain("canary");
  });

  test("the database is not there", async () => {
    const line = /^failed \| database \| there is no database nowhere .* createdb nowhere \| 78$/;
    await finds([line], { DATABASE_URL: url({ name: "nowhere" }) });
  });

  test("TLS is asked for and not offered", async () => {
    await finds([/^failed \| database \| .*does not speak TLS.* 78$/], { PGSSLMODE: "require" });
  });
});

describe("the server", () => {
  test("read only, by its settings", async () => {
    const { sql, name } = world.database;
    await sql.unsafe(`alter database ${name} set default_transaction_read_only = on`);
    await finds([/^failed \| writable \| .*read only.*default_transaction_read_only.* 69$/]);
    await sql.unsafe("set default_transaction_read_only = off");
    await sql.unsafe(`alter database ${name} reset default_transaction_read_only`);
  });

  test("a standby, and one that waits for its disk", async () => {
    const server = await startServer({ settings: { fsync: "on" } });
    const database = await createDatabase(server);
    const place = /^ok \| database \| /;
    const noTable = /^failed \| table \| there is no table user_logins .* 78$/;
    const onDisk = /^ok \| durability \| .*fsync is on/;
    await finds([place, onDisk, noTable], { DATABASE_URL: database.url });
    await server.restart("standby");
    const isStandby = /^failed \| writable \| the server is a standby.* 69$/;
    await finds([place, isStandby, onDisk, noTable], { DATABASE_URL: database.url });
    await server.stop();
  }, 30_000);
});

describe("the table and its ledger", () => {
  /** A schema of its own for each case, with all that a drain needs and one change. */
  let schemas = 0;
  async function withSchema(change: (schema: string) => string): Promise<{ args: string[]; schema: string }> {
    schemas += 1;
    const schema = `s${schemas}`;
    const tables = ["user_logins", "etl_queue", "etl_ledger", "etl_run", "etl_rejection", "etl_migration"];
    const copies = tables.map(
      (name) => `create table ${schema}.${name} (like public.${name} including all);`,
    );
    await world.database.sql.unsafe(`create schema ${schema}; ${copies.join("")}
      insert into ${schema}.etl_migration select * from public.etl_migration;
      grant select on ${schema}.etl_migration to public; ${change(schema)}`);
    return { args: ["--table", `${schema}.user_logins`], schema };
  }

  /** Lines that name the table or ledger, and so its schema. */
  const named = {
    table: /^ok \| table \| s\d+\./,
    ledger: /^ok \| ledger \| s\d+\./,
    settings: /^ok \| settings/,
  };
  const permitted = /^ok \| table permission/;

  test("a schema in which nothing is wrong", async () => {
    const { args } = await withSchema(() => "");
    await finds([named.settings, named.table, permitted, named.ledger], {}, args);
  });

  test.each<[what: string, change: (schema: string) => string, lines: readonly RegExp[]]>([
    [
      "the table is unlogged",
      (schema) => `alter table ${schema}.user_logins set unlogged`,
      [/^failed \| table \| s\d+.user_logins is unlogged.*set logged \| 78$/, permitted, named.ledger],
    ],
    [
      "a column is missing",
      (schema) => `alter table ${schema}.user_logins drop column locale`,
      [
        named.table,
        /^failed \| columns \| .*no column locale \| alter table .* 78$/,
        permitted,
        named.ledger,
      ],
    ],
    [
      "a column has another type",
      (schema) => `alter table ${schema}.user_logins alter column app_version type text`,
      [named.table, /^failed \| columns \| column app_version .* 78$/, permitted, named.ledger],
    ],
    [
      "a trigger may leave rows out",
      (schema) => `
        create function ${schema}.f() returns trigger language plpgsql as 'begin return null; end';
        create trigger picky before insert on ${schema}.user_logins for each row execute function ${schema}.f();
        create trigger late after insert on ${schema}.user_logins for each row execute function ${schema}.f();
        create trigger off before insert on ${schema}.user_logins for each row execute function ${schema}.f();
        alter table ${schema}.user_logins disable trigger off`,
      [
        named.table,
        permitted,
        /^warning \| triggers \| picky of s\d+.user_logins may leave rows out/,
        named.ledger,
      ],
    ],
    [
      "a rule leads elsewhere",
      (schema) => `create rule away as on insert to ${schema}.user_logins do instead nothing`,
      [named.table, permitted, /^failed \| triggers \| .*rule on insert \(away\).* 78$/, named.ledger],
    ],
    [
      "there is no ledger",
      (schema) => `drop table ${schema}.etl_ledger`,
      [
        named.table,
        permitted,
        /^failed \| ledger \| s\d+.etl_ledger is not there.* etl migrate --table .* 78$/,
      ],
    ],
    [
      "the ledger is unlogged",
      (schema) => `alter table ${schema}.etl_ledger set unlogged`,
      [named.table, permitted, /^failed \| ledger \| .*unlogged.* 78$/],
    ],
    [
      "the ledger has lost its key",
      (schema) => `alter table ${schema}.etl_ledger drop constraint etl_ledger_pkey`,
      [named.table, permitted, /^failed \| ledger \| .*the columns or the key.* 78$/],
    ],
    [
      "the queue is known",
      (schema) => `insert into ${schema}.etl_queue (queue_id, arn, table_name) overriding system value
        values (7, 'arn:aws:sqs:us-east-1:123456789012:login-queue-1', '${schema}.user_logins')`,
      [named.table, permitted, named.ledger, /^ok \| queue in ledger \| known, as number 7/],
    ],
    [
      "there are no records",
      (schema) => `drop table ${schema}.etl_run`,
      [
        named.table,
        permitted,
        named.ledger,
        /^warning \| records \| s\d+.etl_run is not there.* etl migrate/,
      ],
    ],
  ])("%s", async (_, change, lines) => {
    const { args } = await withSchema(change);
    await finds([named.settings, ...lines], {}, args);
  });

  test("the table is not there, and is a view", async () => {
    await finds(
      [named.settings, /^failed \| table \| there is no table elsewhere .* etl migrate .* 78$/],
      {},
      ["--table", "elsewhere"],
    );
    await world.database.sql.unsafe("create view seen as select * from user_logins");
    await finds([named.settings, /^failed \| table \| seen is a view.* 78$/], {}, ["--table", "seen"]);
  });

  describe("a user who lacks something", () => {
    const asClerk = () => ({ DATABASE_URL: url({ user: clerk, password: "clerk-canary" }) });
    const user = /^ok \| database \| /;
    const grants = (schema: string, statements: readonly string[]) =>
      [
        `grant usage on schema ${schema} to ${clerk}`,
        ...statements.map((text) => `${text} to ${clerk}`),
      ].join(";");

    test("the schema", async () => {
      const { args } = await withSchema(() => "");
      const line = /^failed \| table \| .* \| etl doctor --grants, and .* 77$/;
      await finds([named.settings, user, line], asClerk(), args);
    });

    const unread = /^ok \| masked rows \| not looked at: the user may not read them, and need not/;

    test("everything but the schema", async () => {
      const { args } = await withSchema((schema) => grants(schema, []));
      const lines = [
        /^failed \| table permission \| the user lacks insert on s\d+.user_logins \| etl doctor --grants.* 77$/,
        unread,
        named.ledger,
        /^failed \| ledger permission \| the user lacks select on s\d+.etl_ledger, insert on .*, delete on .*, select on s\d+.etl_queue, insert on s\d+.etl_queue \| .* 77$/,
        /^warning \| records \| the user lacks select on s\d+.etl_run, .*--grants/,
      ];
      await finds([named.settings, user, named.table, ...lines], asClerk(), args);
    });

    test("the pruning", async () => {
      const { args } = await withSchema((schema) =>
        grants(schema, [
          `grant insert (user_id, device_type, masked_ip, masked_device_id, locale, app_version, create_date) on ${schema}.user_logins`,
          `grant select, insert on ${schema}.etl_ledger, ${schema}.etl_queue`,
          `grant all on ${schema}.etl_run, ${schema}.etl_rejection`,
        ]),
      );
      const line = /^failed \| ledger permission \| the user lacks delete on s\d+.etl_ledger \| .* 77$/;
      await finds(
        [named.settings, user, named.table, permitted, unread, named.ledger, line],
        asClerk(),
        args,
      );
    });
  });
});
