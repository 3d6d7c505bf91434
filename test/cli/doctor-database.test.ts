import { describe, expect, test } from "bun:test";
import { type DoctorRun, expectDifferences, runDoctor } from "../support/doctor-run.ts";
import { createDatabase, startServer } from "../support/postgres.ts";
import { listen } from "../support/postgres-proxy.ts";
import { fileWorld } from "../support/world.ts";

const world = await fileWorld("once");
const queueUrl = await world.newQueue();
/** May do what a test says, and is not the table's owner. */
const clerk = await world.newUser();
const good = await diagnose();
test("all is well in the world that the tests of this file change", () => expect(good.exitCode).toBe(0));
const silence = await listen(() => {});
// It takes ten seconds: the other tests run meanwhile.
const unanswered = diagnose({
  DATABASE_URL: world.databaseUrl({ port: String(silence.port) }),
  AWS_ENDPOINT_URL_SQS: `http://127.0.0.1:${silence.port}`,
});

type Changes = Readonly<Record<string, string | undefined>>;

function diagnose(changes: Changes = {}, args: readonly string[] = []): Promise<DoctorRun> {
  return runDoctor(args, { env: world.env(queueUrl, changes), cwd: world.folder, timeoutMillis: 15_000 });
}

/** Expects that exactly these lines are other ones than in a world in which all is well. */
async function finds(lines: readonly RegExp[], changes: Changes = {}, args: readonly string[] = []) {
  const run = await diagnose(changes, args);
  expectDifferences(run, good, lines);
  return run;
}

const url = world.databaseUrl;

test("a wrong password is told, and not shown", async () => {
  const DATABASE_URL = url({ password: "wr0ng-canary" });
  const run = await finds([/^failed \| database \| .*refused the password.* 77$/], { DATABASE_URL });
  expect(run.text).not.toContain("canary");
});

describe("the server", () => {
  test("that is read only by its settings is told to be so", async () => {
    const { sql, name } = world.database;
    await sql.unsafe(`alter database ${name} set default_transaction_read_only = on`);
    await finds([/^failed \| writable \| .*read only.*default_transaction_read_only.* 69$/]);
    await sql.unsafe("set default_transaction_read_only = off");
    await sql.unsafe(`alter database ${name} reset default_transaction_read_only`);
  });

  test("that is a standby is told to be one, and fsync = on is no warning", async () => {
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
  async function withSchema(change: (schema: string) => string): Promise<readonly string[]> {
    schemas += 1;
    const schema = `s${schemas}`;
    const tables = ["user_logins", "etl_queue", "etl_ledger", "etl_run", "etl_rejection", "etl_migration"];
    const copies = tables.map(
      (name) => `create table ${schema}.${name} (like public.${name} including all);`,
    );
    await world.database.sql.unsafe(`create schema ${schema}; ${copies.join("")}
      insert into ${schema}.etl_migration select * from public.etl_migration;
      grant select on ${schema}.etl_migration to public; ${change(schema)}`);
    return ["--table", `${schema}.user_logins`];
  }

  /** Lines that name the table or ledger, and so its schema. */
  const named = {
    table: /^ok \| table \| s\d+\./,
    ledger: /^ok \| ledger \| s\d+\./,
    settings: /^ok \| settings/,
  };
  const permitted = /^ok \| table permission/;

  test.each<[what: string, change: (schema: string) => string, lines: readonly RegExp[]]>([
    [
      "table and ledger unlogged, a column missing, a trigger, the queue registered, no records",
      (schema) => `
        alter table ${schema}.user_logins set unlogged;
        alter table ${schema}.user_logins drop column locale;
        create function ${schema}.f() returns trigger language plpgsql as 'begin return null; end';
        create trigger picky before insert on ${schema}.user_logins for each row execute function ${schema}.f();
        create trigger late after insert on ${schema}.user_logins for each row execute function ${schema}.f();
        create trigger off before insert on ${schema}.user_logins for each row execute function ${schema}.f();
        alter table ${schema}.user_logins disable trigger off;
        alter table ${schema}.etl_ledger set unlogged;
        insert into ${schema}.etl_queue (queue_id, arn, table_name) overriding system value
          values (7, 'arn:aws:sqs:us-east-1:123456789012:login-queue-1', '${schema}.user_logins');
        drop table ${schema}.etl_run`,
      [
        /^failed \| table \| s\d+.user_logins is unlogged.*set logged \| 78$/,
        /^failed \| columns \| .*no column locale \| alter table .* 78$/,
        permitted,
        /^warning \| triggers \| picky of s\d+.user_logins may leave rows out/,
        /^failed \| ledger \| .*unlogged.* 78$/,
        /^ok \| queue in ledger \| registered as number 7/,
        /^warning \| records \| s\d+.etl_run does not exist.* etl migrate/,
      ],
    ],
    [
      "a column of another type, a rule that leads elsewhere, a ledger without its key",
      (schema) => `
        alter table ${schema}.user_logins alter column app_version type text;
        create rule away as on insert to ${schema}.user_logins do instead nothing;
        alter table ${schema}.etl_ledger drop constraint etl_ledger_pkey`,
      [
        named.table,
        /^failed \| columns \| column app_version .* 78$/,
        permitted,
        /^failed \| triggers \| .*rule on insert \(away\).* 78$/,
        /^failed \| ledger \| .*the columns or the key.* 78$/,
      ],
    ],
    [
      "a ledger that lost what a run stored",
      (schema) => `
        insert into ${schema}.etl_queue (queue_id, arn, table_name) overriding system value
          values (7, 'arn:aws:sqs:us-east-1:123456789012:login-queue-1', '${schema}.user_logins');
        insert into ${schema}.etl_run select 7, gen_random_uuid(), 't', now(), now(), 'drained',
          1, 1, 0, 0, 0, 0, 0, 1, 3, '{}', null, '0', array[now()], 345600`,
      [
        named.table,
        permitted,
        /^failed \| ledger \| s\d+.etl_ledger has lost entries .* set forgotten_at .* queue_id = 7 \| 78$/,
        /^ok \| queue in ledger \| registered as number 7/,
      ],
    ],
    ["nothing wrong", () => "", [named.table, permitted, named.ledger]],
    [
      "no ledger",
      (schema) => `drop table ${schema}.etl_ledger`,
      [
        named.table,
        permitted,
        /^failed \| ledger \| s\d+.etl_ledger does not exist.* etl migrate --table .* 78$/,
      ],
    ],
  ])("a schema with %s", async (_, change, lines) => {
    await finds([named.settings, ...lines], {}, await withSchema(change));
  });

  describe("a user who lacks something", () => {
    const asClerk = { DATABASE_URL: clerk.url };
    const user = /^ok \| database \| /;
    const grants = (schema: string, statements: readonly string[]) =>
      [
        `grant usage on schema ${schema} to ${clerk.name}`,
        ...statements.map((text) => `${text} to ${clerk.name}`),
      ].join(";");

    test("the schema", async () => {
      const args = await withSchema(() => "");
      const line = /^failed \| table \| .* \| etl doctor --grants, and .* 77$/;
      await finds([named.settings, user, line], asClerk, args);
    });

    const unread = /^ok \| masked rows \| not checked: the user may not read them, and does not need to/;

    test("everything but the schema", async () => {
      const args = await withSchema((schema) => grants(schema, []));
      const lines = [
        /^failed \| table permission \| the user lacks insert on s\d+.user_logins \| etl doctor --grants.* 77$/,
        unread,
        named.ledger,
        /^failed \| ledger permission \| the user lacks select on s\d+.etl_ledger, insert on .*, delete on .*, select on s\d+.etl_queue, insert on s\d+.etl_queue \| .* 77$/,
        /^warning \| records \| the user lacks select on s\d+.etl_run, .*--grants/,
      ];
      await finds([named.settings, user, named.table, ...lines], asClerk, args);
    });

    test("the pruning", async () => {
      const args = await withSchema((schema) =>
        grants(schema, [
          `grant insert (user_id, device_type, masked_ip, masked_device_id, locale, app_version, create_date) on ${schema}.user_logins`,
          `grant select, insert on ${schema}.etl_ledger, ${schema}.etl_queue`,
          `grant all on ${schema}.etl_run, ${schema}.etl_rejection`,
        ]),
      );
      const line = /^failed \| ledger permission \| the user lacks delete on s\d+.etl_ledger \| .* 77$/;
      await finds([named.settings, user, named.table, permitted, unread, named.ledger, line], asClerk, args);
    });
  });
});

test("a queue and a database that never answer are given up after 10 s, both at the same time", async () => {
  const run = await unanswered;
  expectDifferences(run, good, [
    /^skipped \| clock/,
    /^failed \| queue \| .*within 10 s.* 69$/,
    /^failed \| database \| .*(in time|within 10 s).* 69$/,
  ]);
  expect(run.exitCode).toBe(69);
  await silence.stop();
}, 15_000);
