import { describe, expect, test } from "bun:test";
import { generateBodies } from "../../src/demo/events.ts";
import { startEmbeddedQueues } from "../../src/demo/queue.ts";
import { drainJson } from "../support/json-drain.ts";
import { fileWorld, loginEvent, loginEvents, noMessages, visible } from "../support/world.ts";

const world = await fileWorld("each test");

const rows = () => world.database.sql<Record<string, unknown>[]>`select * from user_logins order by user_id`;

describe("etl drain", () => {
  test("loads 99 of 100 login events, leaves the one that is none, and inserts nothing a second time", async () => {
    let state = 7;
    const random = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32;
    };
    const { url } = await world.queueWith(generateBodies({ count: 100, random }));

    const first = await drainJson(world, url);
    expect(first.exitCode).toBe(65);
    expect(first.receipt).toMatchObject({
      table: "user_logins",
      dryRun: false,
      received: 100,
      inserted: 99,
      duplicates: 0,
      rejected: 1,
      released: 0,
      unsettled: 0,
      deleted: 99,
      outcome: "drained",
    });
    expect(first.receipt.requests).toBeGreaterThan(20);
    expect((await rows()).length).toBe(99);
    expect(world.server.depth(url)).toEqual({ visible: 0, inFlight: 1 });

    const second = await drainJson(world, url);
    expect(second.exitCode).toBe(0);
    expect(second.receipt).toMatchObject({ received: 0, inserted: 0 });
    expect((await rows()).length).toBe(99);
  });

  test("writes the row that the mapping says", async () => {
    const { url } = await world.queueWith([
      loginEvent(),
      loginEvent({ user_id: "b", locale: null, app_version: "0.96" }),
    ]);
    expect((await drainJson(world, url)).exitCode).toBe(0);
    const [first, second] = await rows();
    expect(first).toMatchObject({
      user_id: "424cdd21-063a-43a7-b91b-7ca1a833afae",
      device_type: "android",
      locale: "RU",
      app_version: 131_840,
      masked_ip: expect.stringMatching(/^hmac:[0-9a-f]{8}:[0-9a-f]{64}$/),
      masked_device_id: expect.stringMatching(/^hmac:[0-9a-f]{8}:[0-9a-f]{64}$/),
    });
    expect(second).toMatchObject({ user_id: "b", locale: null, app_version: 24_576 });
    // Equal values join, and another field's equal value does not.
    const [masks] = await world.database.sql`
      select count(distinct masked_ip)::int as ips, count(distinct masked_device_id)::int as devices,
             bool_or(right(masked_ip, 64) = right(masked_device_id, 64)) as alike
      from user_logins`;
    expect(masks).toEqual({ ips: 1, devices: 1, alike: false });
    const [today] = await world.database.sql`select create_date::text as day from user_logins limit 1`;
    expect(today?.day).toBe(new Date().toISOString().slice(0, 10));
  });

  test("masks with plain SHA-256 if asked to, and warns in one line", async () => {
    const { url } = await world.queueWith([loginEvent()]);
    const run = await drainJson(world, url, ["--mask", "sha256"], { ETL_MASK_KEY_FILE: undefined });
    expect(run.exitCode).toBe(0);
    expect((await rows())[0]?.masked_ip).toBe(
      "a6d0e2f27f6111e10b06790db42f34123e724aa0fd24b280f4a0ef5ee986784c",
    );
    expect(run.stderr.split("\n").filter((line) => line.includes("reverse an IPv4 address")).length).toBe(1);
  });

  test("stops after --max-messages and leaves the rest", async () => {
    const { url } = await world.queueWith(loginEvents(40));
    const run = await drainJson(world, url, ["--max-messages", "25"]);
    expect(run.exitCode).toBe(0);
    expect(run.receipt).toMatchObject({ received: 25, inserted: 25, deleted: 25, outcome: "limit" });
    expect(world.server.depth(url)).toEqual(visible(15));
  });

  test.each([1, 4])("stores 2,000 messages once each with --connections %d", async (connections) => {
    const { url } = await world.queueWith(loginEvents(2_000));
    const run = await drainJson(world, url, ["--connections", String(connections), "--batch-size", "50"]);
    expect(run.exitCode).toBe(0);
    expect(run.receipt).toMatchObject({ received: 2_000, inserted: 2_000, duplicates: 0, deleted: 2_000 });
    const [found] = await world.database.sql`
      select count(*)::int as rows, count(distinct user_id)::int as users,
        (select count(*)::int from etl_ledger) as entries from user_logins`;
    expect(found).toEqual({ rows: 2_000, users: 2_000, entries: 2_000 });
    expect(world.server.depth(url)).toEqual(noMessages);
  });

  test("stores a FIFO queue's groups in their order", async () => {
    const { sql } = world.database;
    await sql.unsafe("alter table user_logins add column place bigint generated always as identity");
    const { url } = await world.queueWith(loginEvents(35), { FifoQueue: true });
    expect((await drainJson(world, url)).receipt).toMatchObject({ inserted: 35, deleted: 35 });
    const stored = await sql`select user_id from user_logins order by place`;
    expect(stored.map(({ user_id }) => user_id)).toEqual(Array.from({ length: 35 }, (_, n) => `user-${n}`));
  });

  test("recognises what the queue delivers again, and deletes it without a second row", async () => {
    const queue = await startEmbeddedQueues({ names: ["forgetful"], forgottenDeletes: 7 });
    try {
      queue.send("forgetful", loginEvents(30));
      const run = await drainJson(world, queue.url);
      expect(run.exitCode).toBe(0);
      expect(run.receipt).toMatchObject({ received: 37, inserted: 30, duplicates: 7, deleted: 37 });
      expect((await rows()).length).toBe(30);
    } finally {
      await queue.stop();
    }
  });

  test("says what happened in words, too: logs on standard error, the receipt on standard output", async () => {
    const { url, ids } = await world.queueWith([loginEvent(), "no json"]);
    const run = await world.etl(url, ["drain", "--wait-seconds", "0"]);
    expect(run.exitCode).toBe(65);
    expect(run.stderr).toContain(`rejected message ${ids[1]}: body_not_json`);
    expect(run.stdout).not.toContain("body_not_json at");
    expect(run.stdout).toMatch(/received +2/);
    expect(run.stdout).toMatch(/= inserted +1/);
    expect(run.stdout).toMatch(/\+ rejected +1/);
    expect(run.stdout).not.toContain("\u001b");
    expect(run.stderr).not.toContain("\u001b");
  });

  test("writes no log with --quiet if nothing is rejected", async () => {
    const { url } = await world.queueWith([loginEvent()]);
    const run = await world.etl(url, ["drain", "--quiet", "--wait-seconds", "0"]);
    expect(run.exitCode).toBe(0);
    expect(run.stderr).toBe("");
  });
});

describe("bad input", () => {
  const refused: readonly [string, string, string][] = [
    ["not JSON", "{", "body_not_json"],
    ["a missing field", loginEvent({ ip: undefined }), "field_missing"],
    ["a text longer than its column", loginEvent({ device_type: "x".repeat(33) }), "text_too_long"],
  ];

  test("is rejected, each with its own reason, and costs no neighbour its row", async () => {
    const bodies = refused.flatMap(([name, body]) => [body, loginEvent({ user_id: `after ${name}` })]);
    const { url, ids } = await world.queueWith(bodies);
    const run = await drainJson(world, url);
    expect(run.exitCode).toBe(65);
    expect(run.receipt).toMatchObject({
      received: bodies.length,
      inserted: refused.length,
      rejected: refused.length,
    });
    const told = run.lines.flatMap(({ rejection }) => rejection ?? []);
    const reasons = new Map<string | undefined, string>(
      told.map(({ messageId, reason }) => [messageId, reason]),
    );
    for (const [index, [, , reason]] of refused.entries()) expect(reasons.get(ids[index * 2])).toBe(reason);
    expect((await rows()).length).toBe(refused.length);
  });

  test("of other kinds is loaded as it is, and does no harm", async () => {
    const texts = [
      `<&>"'`,
      "\u2028 \u2029 \r\n \t",
      "𝕏 😀 \u{10ffff}",
      "'); drop table user_logins; --",
      "\u001b[2J\u001b]0;owned\u0007",
      "\u202e\u0085",
    ];
    const bodies = [
      ...texts.map((text) => loginEvent({ user_id: text })),
      loginEvent({ user_id: "deep" }).replace("{", `{"deep":${"[".repeat(10_000)}${"]".repeat(10_000)},`),
      loginEvent({ user_id: "proto" }).replace("{", '{"__proto__":{"ip":"192.0.2.1"},"constructor":1,'),
      loginEvent({ user_id: "more", extra: { any: ["thing"] }, password: null }),
      loginEvent({ user_id: "large", filler: "x".repeat(200_000) }),
    ];
    const { url } = await world.queueWith([...bodies, ""]);
    const run = await drainJson(world, url);
    expect(run.receipt).toMatchObject({ inserted: bodies.length, rejected: 1 });
    const stored = (await rows()).map(({ user_id }) => user_id);
    expect(new Set(stored)).toEqual(new Set([...texts, "deep", "proto", "more", "large"]));
    const look = await world.queueWith(bodies);
    const dry = await world.etl(look.url, ["drain", "--dry-run", "--wait-seconds", "0"]);
    expect(dry.stdout).not.toContain("\u001b");
    expect(dry.stdout).not.toContain("\u202e");
  });
});
