import { describe, expect, test } from "bun:test";
import { drainJson, readJson } from "../support/json-drain.ts";
import { loginEvent, loginEvents, openWorld, type World } from "../support/world.ts";

/** A world for one test alone, as these tests wait at the same time. */
async function openPlace(trigger: string) {
  const world = await openWorld();
  await world.emptyTable();
  await world.database.sql.unsafe(`
    create function object() returns trigger language plpgsql as $$ begin ${trigger} return new; end $$;
    create trigger object before insert on user_logins for each row execute function object()`);
  return world;
}

const raise = (code: string) =>
  `if new.user_id like 'bad%' then raise exception 'canary %', new.user_id using errcode = '${code}'; end if;`;

async function countRows({ database }: World): Promise<number> {
  const [found] = await database.sql`select count(*)::int as rows from user_logins`;
  return found?.rows;
}

const events = (good: number, bad: number) => {
  const all = loginEvents(good);
  for (let number = 0; number < bad; number += 1)
    all.splice(number * Math.floor(good / bad) + 7, 0, loginEvent({ user_id: `bad-${number}` }));
  return all;
};

describe.concurrent("one row over which a trigger raises an error that may pass", () => {
  test.each(["XX000", "40001", "57014", "53200", "58000", "08006", "55P03", "25006"])(
    "is rejected, and every other is stored and deleted: %s",
    async (code) => {
      await using world = await openPlace(raise(code));
      const { url } = await world.queueWith(events(299, 1));
      const { exitCode, receipt, stdout, stderr } = await drainJson(world, url);
      expect(exitCode).toBe(65);
      expect(receipt).toMatchObject({ inserted: 299, rejected: 1, released: 0, unsettled: 0, deleted: 299 });
      expect(receipt.rejections).toEqual({ [`sqlstate_${code}`]: 1 });
      expect(await countRows(world)).toBe(299);
      expect(world.server.depth(url)).toEqual({ visible: 0, inFlight: 1 });
      expect(stdout + stderr).not.toContain("canary");
    },
    60_000,
  );

  test("one in ten of them are rejected, too, and each goes to the dead-letter queue", async () => {
    await using world = await openPlace(raise("XX000"));
    const { url } = await world.queueWith(events(450, 50));
    const deadLetters = await world.newQueue();
    const args = ["--on-reject", "dead-letter", "--dead-letter-url", deadLetters];
    const { exitCode, receipt } = await drainJson(world, url, args);
    expect(exitCode).toBe(65);
    expect(receipt).toMatchObject({ inserted: 450, rejected: 50, deleted: 500 });
    expect(world.server.depth(url)).toEqual({ visible: 0, inFlight: 0 });
    expect(world.server.depth(deadLetters).visible).toBe(50);
  }, 60_000);

  test("does not stop a drain that follows, even if it comes alone: it is rejected once others are stored", async () => {
    await using world = await openPlace(raise("XX000"));
    const url = await world.newQueue();
    await world.server.send(url, [loginEvent({ user_id: "bad" })]);
    const run = world.spawn(url, ["drain", "--follow", "--wait-seconds", "1", "--json"]);
    await run.stderr.until(/load fails and is tried again: the database/);
    while (!run.stdout.text.includes("sqlstate_XX000")) {
      await world.server.send(url, loginEvents(1));
      await Bun.sleep(50);
    }
    run.kill("SIGTERM");
    const { receipt } = readJson(await run.finished);
    expect(receipt).toMatchObject({ rejected: 1, duplicates: 0, unsettled: 0 });
    expect(receipt.inserted).toBe(await countRows(world));
    expect(receipt.inserted).toBeGreaterThan(0);
  }, 60_000);
});

describe.concurrent("an error that may pass, of the server", () => {
  test("rejects nothing if it meets every row: the run gives up with 75, and everything is back in the queue", async () => {
    await using world = await openPlace("raise exception using errcode = '53100';");
    const { url } = await world.queueWith(loginEvents(60));
    const { exitCode, receipt } = await drainJson(world, url, ["--give-up-after", "6"]);
    expect(exitCode).toBe(75);
    expect(receipt).toMatchObject({ received: 60, rejected: 0, released: 60, unsettled: 0 });
    expect(world.server.depth(url)).toEqual({ visible: 60, inFlight: 0 });
  }, 60_000);

  test("of its own limits, costs no row that is within them, and rejects none", async () => {
    await using world = await openPlace(`if new.user_id like 'bad%' then
      perform set_config('temp_file_limit', '1', true), set_config('work_mem', '64', true);
      perform count(*) from (select from generate_series(1, 50000) as series (number) order by number) as sorted;
    end if;`);
    const { url } = await world.queueWith(events(99, 1));
    const { exitCode, receipt } = await drainJson(world, url, ["--give-up-after", "6"]);
    expect(exitCode).toBe(75);
    expect(receipt).toMatchObject({ inserted: 99, rejected: 0, released: 1, deleted: 99 });
    expect(world.server.depth(url)).toEqual({ visible: 1, inFlight: 0 });
  }, 60_000);

  test("a table that takes none of the rows while another session locks a row's key takes the others", async () => {
    await using world = await openPlace("");
    await world.database.sql`alter table user_logins add constraint one_user unique (user_id)`;
    const { url } = await world.queueWith(loginEvents(30));
    const [key] = loginEvents(1).map((body) => (JSON.parse(body) as { user_id: string }).user_id);
    const role = await world.newUser();
    await world.database.sql.unsafe(`
      grant usage on schema public to ${role.name}; grant all on all tables in schema public to ${role.name};
      alter role ${role.name} set lock_timeout = '200ms'`);
    await world.database.sql.begin(async (sql) => {
      await sql`insert into user_logins (user_id) values (${key as string})`;
      const args = ["--give-up-after", "5"];
      const { exitCode, receipt } = await drainJson(world, url, args, { DATABASE_URL: role.url });
      expect(exitCode).toBe(75);
      expect(receipt).toMatchObject({ inserted: 29, rejected: 0, released: 1, deleted: 29 });
      await sql`delete from user_logins where user_id = ${key as string}`;
    });
    const { exitCode, receipt } = await drainJson(world, url);
    expect([exitCode, receipt.inserted, receipt.duplicates]).toEqual([0, 1, 0]);
    expect(await countRows(world)).toBe(30);
  }, 60_000);
});
