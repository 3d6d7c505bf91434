import { expect, test } from "bun:test";
import { userLogins } from "../../../src/message/mapping.ts";
import type { Database } from "../../../src/postgres/connect.ts";
import { readLoadNeeds } from "../../../src/postgres/load-needs.ts";
import { migratedDatabase, usage, withRole } from "../../support/postgres-file.ts";

const { testDatabase, database } = await migratedDatabase();
const place = { schema: "public", name: "user_logins" };

/** What the user lacks, and why. */
async function lacking(as: Database): Promise<string[]> {
  const needs = await readLoadNeeds(as, place, userLogins, { operation: "read needs" });
  return needs.flatMap(({ grant, lacking, reason }) => (lacking ? [`${grant} (${reason})`] : []));
}

/** What a user lacks who may look into the schema, and nothing else, beside the table itself. */
async function lackingOn(change: string): Promise<string[]> {
  await testDatabase.sql.unsafe(change);
  let found: string[] = [];
  await withRole(testDatabase, usage, async ({ asRole }) => {
    found = await lacking(asRole);
  });
  return found;
}

test("the reference job's table asks for nothing beside itself, and its owner lacks nothing", async () => {
  expect(await lackingOn("")).toEqual([]);
  await testDatabase.sql.unsafe("alter table user_logins add id bigserial");
  expect(await lacking(database)).toEqual([]);
});

test("what the mapping fills asks for no default, and an identity for no sequence", async () => {
  expect(
    await lackingOn(`
      create sequence ids;
      alter table user_logins alter app_version set default nextval('ids'),
        add id bigint generated always as identity`),
  ).toEqual([]);
});

test("triggers that fire each other are followed to their end, once", async () => {
  expect(
    await lackingOn(`
      create table first (id serial, who text); create table second (id serial, who text);
      create function one() returns trigger language plpgsql as $$ begin insert into first (who) values ('x'); return null; end $$;
      create function two() returns trigger language plpgsql as $$ begin insert into second (who) values ('x'); return null; end $$;
      create trigger a after insert on user_logins for each row execute function one();
      create trigger b after insert on first for each row execute function two();
      create trigger c after insert on second for each row execute function one()`),
  ).toEqual([
    "insert on public.first (trigger a)",
    "insert on public.second (trigger a, trigger b)",
    "usage on sequence public.first_id_seq (trigger a, default of id)",
    "usage on sequence public.second_id_seq (trigger a, trigger b, default of id)",
  ]);
});

test("a function in standard SQL is read, and one of a partition's trigger", async () => {
  expect(
    await lackingOn(`
      create sequence ids;
      create function next_id() returns bigint begin atomic select nextval('ids'); end;
      create table log (who text);
      create function note() returns trigger language plpgsql as $$ begin insert into log values ('x'); return null; end $$;
      drop table user_logins;
      create table user_logins (user_id text, id bigint default next_id()) partition by range (user_id);
      create table part partition of user_logins default;
      create trigger of_part after insert on part for each row execute function note()`),
  ).toEqual(["insert on public.log (trigger of_part)", "usage on sequence public.ids (default of id)"]);
});

test("disabled triggers, and those of deletes, ask for nothing", async () => {
  expect(
    await lackingOn(`
      create table log (who text);
      create function note() returns trigger language plpgsql as $$ begin insert into log values ('x'); return null; end $$;
      create trigger gone after delete on user_logins for each row execute function note();
      create trigger off after insert on user_logins for each row execute function note();
      alter table user_logins disable trigger off`),
  ).toEqual([]);
});
