import { describe, expect, test } from "bun:test";
import { endOf, runEtl, spawnEtlInTerminal } from "../support/binary.ts";
import { drainJson, type JsonDrain } from "../support/json-drain.ts";
import { column, makeTable, textRows, writeJob } from "../support/mapped-job.ts";
import { fileWorld } from "../support/world.ts";

/** A column of each type, and what the live table limits further. */
const columns = `
[table]
name = "readings"

${[
  column("device", 'from = "device.name"', "required = true"),
  column("small", 'from = "small"', 'type = "integer"'),
  column("big", 'from = "big"', 'type = "bigint"'),
  column("exact", 'from = "exact"', 'type = "numeric"'),
  column("price", 'from = "price"', 'type = "numeric"'),
  column("live", 'from = "live"', 'type = "boolean"'),
  column("day", 'from = "day"', 'type = "date"'),
  column("time", 'from = "time"', 'type = "timestamptz"'),
  column("second", 'from = "second"', 'type = "timestamptz"'),
  column("epoch", 'from = "epoch"', 'transform = "epoch_millis"'),
  column("id", 'from = "ids.0"', 'type = "uuid"'),
  column("address", 'from = "address"', 'type = "inet"'),
  column("network", 'from = "client.ip"', 'mask = "truncate"'),
  column("person", 'from = "client.email"', 'transform = ["trim", "lowercase"]', 'mask = "hmac"'),
  column("version", 'from = "version"', 'transform = "version"'),
  column("wide", 'from = "wide"', 'transform = "version"', "version_bits = [31, 16, 16]"),
  column("document", 'from = "document"', 'type = "jsonb"'),
  column("packed", 'from = "packed"', 'transform = "json"'),
  column("short", 'from = "short"'),
  column("kept", 'from = "kept"'),
  column("kind", 'from = "$attributes.kind"', 'type = "integer"'),
].join("\n")}`;

/** What a person may do to the table that `etl migrate` has made. */
const narrower = `
  alter table readings alter column price type numeric(10, 2), alter column second type timestamptz(0),
    alter column short type varchar(6), alter column kept set not null,
    add constraint no_canaries check (short <> 'CANARY')`;

const deep = `${'{"CANARY":'.repeat(1_001)}0${"}".repeat(1_001)}`;

/** What a field holds, as JSON, and why it is refused. */
const refused: readonly (readonly [field: string, json: string, reason: string, path?: string])[] = [
  ["device", "null", "field_missing", "device.name"],
  ["device", '"CANARY"', "field_not_reachable", "device.name"],
  ["device", '{"name": null}', "field_null", "device.name"],
  ["device", '{"name": 4711081547110815}', "field_not_text", "device.name"],
  ["device", '{"name": "CANARY\\u0000"}', "text_nul", "device.name"],
  ["device", '{"name": "CANARY\\ud800"}', "text_lone_surrogate", "device.name"],
  ["small", "2147483648", "integer_out_of_range"],
  ["small", "4711081.5", "field_not_integer"],
  ["exact", '"NaN"', "field_not_number"],
  ["exact", "1e200000", "number_out_of_range"],
  ["price", "4711.0815", "number_too_precise"],
  ["live", '"CANARY"', "field_not_boolean"],
  ["day", '"2026-02-29"', "field_not_date"],
  ["time", '"2026-02-28T00:00:00"', "field_not_time"],
  ["time", '"0001-01-01T00:00:00+01:00"', "time_out_of_range"],
  ["second", '"2026-02-28T00:00:00.5Z"', "time_too_precise"],
  ["ids", '["CANARY"]', "field_not_uuid", "ids.0"],
  ["address", '"192.0.2.01"', "field_not_address"],
  ["client", '{"ip": "CANARY"}', "field_not_address", "client.ip"],
  ["client", '{"email": ["CANARY"]}', "field_not_text", "client.email"],
  ["document", '{"a": ["CANARY\\u0000"]}', "text_nul"],
  ["epoch", '"CANARY"', "field_not_number"],
  ["version", '"4711.CANARY"', "version_not_numeric"],
  ["version", '"1.256"', "version_out_of_range"],
  ["version", "4711", "version_not_text"],
  ["document", deep, "json_too_deep"],
  ["packed", '"{CANARY}"', "field_not_json"],
  ["short", '"CANARY7"', "text_too_long"],
  ["short", '"CANARY"', "sqlstate_23514", ""],
  ["kept", "null", "null_not_allowed"],
];

const good = { device: '{"name": "fridge"}', kept: '"it"' };
const body = (fields: Readonly<Record<string, string>>) =>
  `{${Object.entries({ ...good, ...fields })
    .map(([name, json]) => `"${name}": ${json}`)
    .join(", ")}}`;

/** Each between two that are good. */
const bodies = refused.flatMap(([field, json]) => [body({ [field]: json }), body({})]);
const attributes = { kind: { DataType: "Number", StringValue: "4711081.5" } };

const world = await fileWorld("never");
const job = writeJob(world, columns);
await makeTable(world, job);
await world.database.sql.unsafe(narrower);

/** What is said of each bad message, and nothing of any other. */
function expectReasons({ lines }: JsonDrain, ids: readonly string[]): void {
  const told = lines.flatMap(({ rejection }) => rejection ?? []);
  const shown = told.map(
    ({ messageId, reason, path }) => `${ids.indexOf(messageId) / 2} ${reason} at ${path}`,
  );
  const wanted = refused.map(([field, , reason, path = field], index) => `${index} ${reason} at ${path}`);
  expect(shown.toSorted()).toEqual(wanted.toSorted());
}

/** Parts of what is refused, of which no output may have any. */
const secrets = [
  "canary",
  "4711081",
  "4711.0",
  "4711.c",
  "2026-02-29",
  "192.0.2.",
  "9223372036854775808",
  "1e300",
];

function expectNoValue(text: string): void {
  for (const secret of secrets) expect(text.toLowerCase()).not.toContain(secret);
}

describe("a value that does not fit", () => {
  test("is told by a dry run with its path and its reason", async () => {
    const url = await world.newQueue();
    const ids = await world.server.send(url, bodies);
    const run = await drainJson(world, url, ["--dry-run", "--max-messages", String(bodies.length)], job);
    expect(run).toMatchObject({ exitCode: 65, receipt: { rejected: refused.length } });
    expectReasons(run, ids);
    expectNoValue(run.stdout + run.stderr);
  });

  test("is a rejection with its path and its reason, and costs no neighbour its row", async () => {
    const url = await world.newQueue();
    const ids = await world.server.send(url, bodies);
    const run = await drainJson(world, url, [], job);
    expect(run).toMatchObject({
      exitCode: 65,
      receipt: { inserted: refused.length, rejected: refused.length },
    });
    expectReasons(run, ids);
    expect(await textRows(world, "readings")).toHaveLength(refused.length);
    const ofTable = run.lines.flatMap(({ rejection }) => (rejection?.column ? [rejection.column] : []));
    expect(ofTable.toSorted()).toEqual(["kept", "price", "second", "short"]);
    expectNoValue(run.stdout + run.stderr);
  });

  test("is seen in no output of any form, nor in what stays in the database", async () => {
    const url = await world.newQueue({ VisibilityTimeout: 0 });
    await world.server.send(url, bodies, { attributes });
    const options = { env: world.env(url, job), cwd: world.folder };
    const drain = ["drain", "--wait-seconds", "0"];
    const outputs: string[] = [(await endOf(spawnEtlInTerminal(drain, options))).output];
    for (const form of [[], ["--json"], ["--quiet"]]) {
      const { stdout, stderr } = await runEtl([...drain, ...form], options);
      outputs.push(stdout, stderr);
    }
    expect(outputs.join()).toContain("field_not_integer at $attributes.kind");
    expectNoValue(outputs.join("\n"));
    const tables = await world.database.sql`
      select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`;
    expect(tables.length).toBeGreaterThan(2);
    for (const { name } of tables) expectNoValue(JSON.stringify(await textRows(world, name as string)));
  });
});
