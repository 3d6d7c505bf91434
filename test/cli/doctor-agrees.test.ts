import { describe, expect, test } from "bun:test";
import type { Finding } from "../../src/doctor/check.ts";
import { drainJson } from "../support/json-drain.ts";
import { fileWorld, loginEvents, visible } from "../support/world.ts";

const world = await fileWorld("each test");
const { sql } = world.database;

/** What breaks a world in which a user who is not the owner may drain. */
type Break = (user: string) => string;

const trigger = (body: string, more = "") => `
  create function note() returns trigger language plpgsql ${more} as $$ begin ${body}; return null; end $$;
  create trigger note after insert on user_logins for each row execute function note();`;

const partitioned = (by: string, ...partitions: readonly string[]) => `
  alter table user_logins rename to old;
  create table user_logins (like old) partition by ${by};
  drop table old; ${partitions.join(";")}`;

const cases: readonly [what: string, breaking: Break, check: string, message: RegExp, exitCode: number][] = [
  [
    "a key from a sequence without the right to use it",
    () => "alter table user_logins add id bigserial primary key",
    "table permission",
    /lacks usage on sequence public\.user_logins_id_seq \(default of id\)/,
    77,
  ],
  [
    "a default that calls a function that nobody may execute",
    () => `
      create sequence ids;
      create function next_id() returns bigint language sql as $$ select nextval('ids') $$;
      revoke execute on function next_id() from public;
      alter table user_logins add id bigint; alter table user_logins alter id set default next_id()`,
    "table permission",
    /lacks execute on function public\.next_id\(\) \(default of id\), usage on sequence public\.ids/,
    77,
  ],
  [
    "a check constraint, a generated column and an index over functions that nobody may execute",
    () => `
      create function fine(text) returns boolean language plpgsql immutable as 'begin return true; end';
      alter table user_logins add constraint fine check (fine(user_id)),
        add is_fine boolean generated always as (fine(locale)) stored;
      create index on user_logins (fine(device_type));
      revoke execute on function fine(text) from public`,
    "table permission",
    /lacks execute on function public\.fine\(text\)/,
    77,
  ],
  [
    "a trigger whose table, in a schema of its own, takes rows from its owner only",
    () => `drop schema if exists audit cascade; create schema audit; create table audit.log (id bigserial, who text);
      ${trigger("insert into audit.log (who) values (new.user_id)")}`,
    "table permission",
    /lacks insert on audit\.log \(trigger note\), usage on schema audit \(trigger note\), usage on sequence audit\.log_id_seq/,
    77,
  ],
  [
    "a trigger that finds its table on a path of its own, behind a function",
    (
      user,
    ) => `drop schema if exists audit cascade; create schema audit; create table audit.log (who text primary key);
      grant usage on schema audit to ${user};
      create function remember(text) returns void language plpgsql set search_path = audit as
        $$ begin update log set who = $1 where who = $1; end $$;
      ${trigger("perform remember(new.user_id)")}`,
    "table permission",
    /lacks select on audit\.log \(trigger note\), update on audit\.log \(trigger note\)$/,
    77,
  ],
  [
    "a type in a schema that the user may not look into",
    () => `create schema types; create type types.kind as enum ('android', 'ios');
      alter table user_logins alter device_type type types.kind using device_type::types.kind`,
    "table permission",
    /lacks usage on schema types \(type of device_type\)/,
    77,
  ],
  [
    "row level security without a policy for the user",
    () => "alter table user_logins enable row level security",
    "triggers",
    /no policy that lets the user insert a row/,
    77,
  ],
  [
    "a partitioned table without a partition",
    () => partitioned("range (create_date)"),
    "partitions",
    /is partitioned, and has no partition/,
    78,
  ],
  [
    "a partitioned table by a list, without a partition",
    () => partitioned("list (device_type)"),
    "partitions",
    /is partitioned, and has no partition/,
    78,
  ],
  [
    "no partition for the present",
    () =>
      partitioned(
        "range (create_date)",
        "create table old_ones partition of user_logins for values from ('2020-01-01') to ('2021-01-01')",
      ),
    "partitions",
    /has no partition for the present \(by create_date\)/,
    78,
  ],
  [
    "a list of queues without its key",
    () => "drop index etl_queue_arn_table_name",
    "ledger",
    /etl_queue has not its key/,
    78,
  ],
  [
    "a queue that was drained into a table that is gone",
    () =>
      `insert into etl_queue (arn, table_name) values ('arn:aws:sqs:us-east-1:123456789012:' || current_setting('test.queue'), 'public.gone')`,
    "ledger",
    /was drained into public\.gone, which is gone/,
    78,
  ],
];

describe("the doctor and a drain agree, and what the doctor prints mends", () => {
  for (const [what, breaking, check, message, exitCode] of cases) {
    test(what, async () => {
      const user = await world.newUser();
      const env = { DATABASE_URL: user.url };
      const { url } = await world.queueWith(loginEvents(3));
      await sql.unsafe(`set test.queue = '${url.split("/").at(-1)}'; ${breaking(user.name)}`);
      // What everybody is told to grant, so that only the rest is missing.
      await sql.unsafe(`grant usage on schema public to ${user.name}; grant insert on user_logins to ${user.name};
        grant all on etl_ledger, etl_queue, etl_run, etl_rejection to ${user.name}`);
      const doctor = async () => {
        const run = await world.etl(url, ["doctor", "--json"], env);
        const lines = run.stdout.trim().split("\n");
        const found = lines.flatMap((line): Finding[] => JSON.parse(line).finding ?? []);
        return { ...run, failed: found.filter(({ status }) => status === "failed") };
      };
      const sick = await doctor();
      expect(sick.exitCode).toBe(exitCode);
      expect(sick.failed.map((finding) => finding.check)).toEqual([check]);
      expect(sick.failed[0]?.message).toMatch(message);

      const failed = await world.etl(url, ["drain", "--wait-seconds", "0"], env);
      expect(failed.exitCode).toBe(exitCode);
      expect(world.server.depth(url)).toEqual(visible(3));

      const hint = sick.failed[0]?.hint ?? "";
      const grants = await world.etl(url, ["doctor", "--grants"], env);
      await sql.unsafe(hint.startsWith("etl doctor --grants") ? grants.stdout : hint);
      expect((await doctor()).failed).toEqual([]);
      expect((await drainJson(world, url, [], env)).receipt).toMatchObject({ inserted: 3, deleted: 3 });
    });
  }
});

test("a trigger that runs with its owner's rights needs nothing of the user", async () => {
  const user = await world.newUser();
  await sql.unsafe(`drop schema if exists audit cascade; create schema audit; create table audit.log (who text);
    ${trigger("insert into audit.log (who) values (new.user_id)", "security definer")}`);
  const { url } = await world.queueWith(loginEvents(1));
  const env = { DATABASE_URL: user.url };
  const { stdout } = await world.etl(url, ["doctor", "--grants"], env);
  expect(stdout).not.toContain("audit");
  await sql.unsafe(stdout);
  expect((await world.etl(url, ["doctor"], env)).exitCode).toBe(0);
  expect((await drainJson(world, url, [], env)).receipt).toMatchObject({ inserted: 1 });
});

test("a partition for the present and none for what the queue may still hold is a warning, and its hint mends", async () => {
  await sql.unsafe(`${partitioned("range (create_date)")} do $$ begin execute format(
    'create table today partition of user_logins for values from (%L) to (%L)', current_date, current_date + 2); end $$`);
  const { url } = await world.queueWith(loginEvents(1));
  const partitions = async () => {
    const { stdout } = await world.etl(url, ["doctor", "--json"]);
    const lines = stdout.trim().split("\n");
    return lines
      .map((line) => JSON.parse(line).finding as Finding)
      .find(({ check }) => check === "partitions");
  };
  const found = await partitions();
  expect(found).toMatchObject({ status: "warning" });
  await sql.unsafe(found?.hint ?? "");
  expect(await partitions()).toMatchObject({ status: "ok" });
});
