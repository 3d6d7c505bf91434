import { beforeEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { drainJson } from "../support/json-drain.ts";
import { column, makeTable, shownRows, textRows, writeJob } from "../support/mapped-job.ts";
import { fileWorld } from "../support/world.ts";

/** Every type, every transform, every mask, every kind of source. */
const everything = `
[table]
name = "orders"

${[
  column("order_id", 'from = "order.id"', 'type = "bigint"', "required = true"),
  column("line", 'from = "order.lines.1.number"', 'type = "integer"'),
  column("total", 'from = "order.total"', 'type = "numeric"'),
  column("paid", 'from = "order.paid"', 'type = "boolean"'),
  column("ordered_on", 'from = "order.day"', 'type = "date"'),
  column("shipped_at", 'from = "order.shipped"', 'type = "timestamptz"'),
  column("changed_at", 'from = "order.changed"', 'transform = "epoch_millis"'),
  column("changed_on", 'from = "order.changed"', 'type = "date"', 'transform = "epoch_millis"'),
  column("created_at", 'from = "order.created"', 'transform = "epoch_seconds"'),
  column("trace", 'from = "/trace~1id"', 'type = "uuid"'),
  column("dotted", `from = 'order."a.b"'`),
  column("client", 'from = "client.ip"', 'type = "inet"'),
  column("client_network", 'from = "client.ip"', 'mask = "truncate"'),
  column("client_masked", 'from = "client.ip"', 'type = "inet"', 'mask = "hmac"'),
  column("email", 'from = "customer.email"', 'transform = ["trim", "lowercase"]', 'mask = "hmac"'),
  column("email_hash", 'from = "customer.email"', 'transform = ["trim", "lowercase"]', 'mask = "sha256"'),
  column("note", 'from = "customer.note"', 'mask = "redact"'),
  column("app", 'from = "client.app"', 'transform = "version"'),
  column("build", 'from = "client.build"', 'transform = "version"', "version_bits = [31, 16, 16]"),
  column("document", 'from = "order"', 'type = "jsonb"'),
  column("packed", 'from = "packed"', 'transform = "json"'),
  column("message_id", 'from = "$message_id"'),
  column("sent_at", 'from = "$sent_at"'),
  column("sent_on", 'from = "$sent_at"', 'type = "date"'),
  column("received_at", 'from = "$received_at"'),
  column("receives", 'from = "$receive_count"'),
  column("message_group", 'from = "$group_id"'),
  column("kind", 'from = "$attributes.kind"'),
  column("weight", 'from = "$attributes.weight"', 'type = "numeric"'),
  column("absent_attribute", 'from = "$attributes.absent"', 'default = "none"'),
  column("origin", 'from = { constant = "orders" }'),
  column("schema_version", "from = { constant = 3 }"),
  column("rate", "from = { constant = 0.25 }"),
  column("live", "from = { constant = true }"),
  column("channel", 'from = "channel"', 'default = "web"'),
  column("quantity", 'from = "quantity"', 'type = "integer"', "default = 1"),
].join("\n")}`;

/** Written by hand: `JSON.stringify` would lose the digits. */
const order = `{
  "order": {
    "id": 9007199254740993123, "lines": [{"number": 7}, {"number": 8}], "total": 1234567890123456789.10, "paid": true,
    "day": "2026-02-28", "shipped": "2026-03-01T00:30:00.1234567+02:00", "changed": 1772323200123, "created": "1772323200.25",
    "a.b": "dotted", "deep": {"exact": 0.10, "long": 12345678901234567890, "tiny": 1e-30}
  },
  "trace/id": "0F8FAD5B-D9CB-469F-A165-70867728950E",
  "client": {"ip": "2001:DB8:1:2::ABCD", "app": "2.3", "build": "2147483647.65535.1"},
  "customer": {"email": "  Ann@Example.COM ", "note": "leave it at the door"},
  "packed": "{\\"n\\": 12345678901234567890.50}"
}`;

/** Only what is required is there; the rest is null in one way or another. */
const bareOrder =
  '{"order": {"id": "-9223372036854775808", "lines": null, "paid": null}, "packed": "null", "channel": null}';

const attributes = {
  kind: { DataType: "String", StringValue: "retail" },
  weight: { DataType: "Number.kg", StringValue: "12.50" },
};

const world = await fileWorld("never");
const job = writeJob(world, everything);
let queueUrl: string;
beforeEach(async () => {
  await makeTable(world, job);
  queueUrl = await world.newQueue({ VisibilityTimeout: 5 });
});

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

describe("a nested message of every type", () => {
  test("becomes its row, digit for digit", async () => {
    const [messageId] = await world.server.send(queueUrl, [order], { attributes });
    const { exitCode, stderr, receipt } = await drainJson(world, queueUrl, [], job);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect(receipt).toMatchObject({ table: "orders", received: 1, inserted: 1, deleted: 1 });
    await world.database.sql`set time zone 'UTC'`;
    const [row] = await textRows(world, "orders");
    const today = new Date().toISOString().slice(0, 10);
    expect(row).toEqual({
      order_id: "9007199254740993123",
      line: "8",
      total: "1234567890123456789.10",
      paid: "true",
      ordered_on: "2026-02-28",
      shipped_at: "2026-02-28 22:30:00.123456+00",
      changed_at: "2026-03-01 00:00:00.123+00",
      changed_on: "2026-03-01",
      created_at: "2026-03-01 00:00:00.25+00",
      trace: "0f8fad5b-d9cb-469f-a165-70867728950e",
      dotted: "dotted",
      client: "2001:db8:1:2::abcd/128",
      client_network: "2001:db8:1::/48",
      client_masked: expect.stringMatching(/^hmac:[0-9a-f]{8}:[0-9a-f]{64}$/),
      email: expect.stringMatching(/^hmac:[0-9a-f]{8}:[0-9a-f]{64}$/),
      email_hash: sha256("ann@example.com"),
      note: "[redacted]",
      app: String((2 << 16) | (3 << 8)),
      build: String((2147483647n << 32n) | (65535n << 16n) | 1n),
      document: expect.stringContaining('"exact": 0.10'),
      packed: '{"n": 12345678901234567890.50}',
      message_id: messageId as string,
      sent_at: expect.stringContaining(today),
      sent_on: today,
      received_at: expect.stringContaining(today),
      receives: "1",
      message_group: null,
      kind: "retail",
      weight: "12.50",
      absent_attribute: "none",
      origin: "orders",
      schema_version: "3",
      rate: "0.25",
      live: "true",
      channel: "web",
      quantity: "1",
    });
    for (const digits of ["12345678901234567890", "9007199254740993123", "1234567890123456789.10", "0.10"])
      expect(row?.document).toContain(digits);
  });

  test("has its group from a FIFO queue, and null for what is not there", async () => {
    const fifo = await world.server.createQueue("orders.fifo", { FifoQueue: true });
    await world.server.send(fifo, [bareOrder], { groupId: "customer-7" });
    expect((await drainJson(world, fifo, [], job)).exitCode).toBe(0);
    const [row] = await textRows(world, "orders");
    expect(row).toMatchObject({
      order_id: "-9223372036854775808",
      message_group: "customer-7",
      channel: "web",
      quantity: "1",
      absent_attribute: "none",
      origin: "orders",
    });
    for (const name of ["line", "total", "paid", "client_masked", "email", "note", "packed", "kind", "trace"])
      expect({ [name]: row?.[name] }).toEqual({ [name]: null });
  });

  test("looks in a dry run as it is stored", async () => {
    const bodies = [order, bareOrder, order.replace("9007199254740993123", "1e3")];
    await world.server.send(queueUrl, bodies, { attributes });
    const dry = await drainJson(world, queueUrl, ["--dry-run"], job);
    expect(dry).toMatchObject({ exitCode: 0, receipt: { released: 3, dryRun: true } });
    expect(await textRows(world, "orders")).toEqual([]);
    expect((await drainJson(world, queueUrl, [], job)).receipt).toMatchObject({ inserted: 3 });
    // The two that tell of one delivery and no other.
    const ofDelivery = ["received_at", "receives"];
    expect(await textRows(world, "orders", ofDelivery)).toEqual(
      await shownRows(world, "orders", dry, ofDelivery),
    );
    const counts = await world.database.sql`select distinct receives from orders`;
    expect(counts.map(({ receives }) => receives)).toEqual([2]);
  });

  test("goes under other names, too, into a table that was there before", async () => {
    const table = 'sales."Orders 2"';
    await world.database.sql.unsafe(`create schema sales; create table ${table} (like orders, extra text)`);
    const made = await world.etl(queueUrl, ["migrate", "--table", table], job);
    expect(made).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(`found   ${table}`) });
    await world.server.send(queueUrl, [order]);
    const run = await drainJson(world, queueUrl, ["--table", table], job);
    expect(run).toMatchObject({ exitCode: 0, receipt: { inserted: 1, table } });
    expect((await textRows(world, table))[0]).toMatchObject({ order_id: "9007199254740993123", extra: null });
  });
});
