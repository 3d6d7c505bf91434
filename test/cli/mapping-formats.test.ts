import { beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { runEtl } from "../support/binary.ts";
import { drainJson, readJson } from "../support/json-drain.ts";
import { column, type JobEnv, makeTable, shownRows, textRows, writeJob } from "../support/mapped-job.ts";
import { fileWorld, openWorld } from "../support/world.ts";

const columns = `
[table]
name = "orders"

${[
  column("id", 'from = "order.id"', 'type = "bigint"', "required = true"),
  column("total", 'from = "order.total"', 'type = "numeric"'),
  column("document", 'from = "order"', 'type = "jsonb"'),
  column("kind", 'from = "$attributes.kind"'),
  column("weight", 'from = "$attributes.weight"', 'type = "integer"'),
].join("\n")}`;

let queueUrl: string;
const world = await fileWorld("never");
beforeEach(async () => {
  await makeTable(world, writeJob(world, columns));
  queueUrl = await world.newQueue();
});

const order = (id = "9007199254740993") => `{"order": {"id": ${id}, "total": 1.10}}`;
const stored = {
  id: "9007199254740993",
  total: "1.10",
  document: '{"id": 9007199254740993, "total": 1.10}',
  kind: null,
  weight: null,
};

const attributes = {
  kind: { DataType: "String", StringValue: "of the queue" },
  weight: { DataType: "Number", StringValue: "5" },
};

const withQueue = (settings: string): JobEnv => writeJob(world, `[queue]\n${settings}\n${columns}`);

/** As a topic writes it for a queue without raw message delivery. */
function sns(message: unknown, more: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    Type: "Notification",
    MessageId: "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
    TopicArn: "arn:aws:sns:us-east-1:123456789012:orders",
    Message: message,
    Timestamp: "2026-05-02T00:54:06.655Z",
    SignatureVersion: "1",
    Signature: "EXAMPLEw6JRN",
    SigningCertURL: "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-f3ecfb7224c7.pem",
    UnsubscribeURL: "https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe",
    MessageAttributes: {
      kind: { Type: "String", Value: "of the topic" },
      weight: { Type: "Number", Value: "12" },
    },
    ...more,
  });
}

/** As a bus sends it; the detail is written by hand, so that its digits stay. */
const event = (detail: string) =>
  `{"version":"0","id":"17793124-05d4-b198-2fde-7ededc63b103","detail-type":"Order","source":"shop","account":"123456789012",` +
  `"time":"2026-05-02T00:54:06Z","region":"us-east-1","resources":[],"detail":${detail}}`;

const base64 = (text: string | Uint8Array) => Buffer.from(text).toString("base64");
const gzipped = (text: string | Uint8Array) => base64(gzipSync(text));

interface Format {
  readonly name: string;
  readonly settings: string;
  readonly good: string;
  /** What differs from {@link stored}. */
  readonly row: Readonly<Record<string, string | null>>;
  /** Bodies that are no such message, and why. */
  readonly bad: readonly (readonly [body: string, reason: string, path?: string])[];
}

const ofTopic = { kind: "of the topic", weight: "12" };

const formats: readonly Format[] = [
  {
    name: "an envelope of SNS, with the attributes that are in it",
    settings: 'envelope = "sns"',
    good: sns(order()),
    row: ofTopic,
    bad: [
      [order(), "envelope_not_sns"],
      [sns("CANARY"), "body_not_json"],
      [
        sns(order(), { MessageAttributes: { weight: { Type: "String", Value: "CANARY" } } }),
        "field_not_integer",
        "$attributes.weight",
      ],
      [
        sns(order(), { MessageAttributes: { kind: { Type: "Binary", Value: "CANARY" } } }),
        "attribute_not_text",
        "$attributes.kind",
      ],
    ],
  },
  {
    name: "gzip in base64, in an envelope of SNS",
    settings: 'envelope = "sns"\nencoding = "gzip+base64"',
    good: sns(gzipped(order())),
    row: ofTopic,
    bad: [[sns(order()), "body_not_base64"]],
  },
];

describe("what stands around a message is unwrapped", () => {
  test.each(formats)("$name", async ({ settings, good, row, bad }) => {
    const job = withQueue(settings);
    const ids = await world.server.send(queueUrl, [good, ...bad.map(([body]) => body)], { attributes });
    const dry = await drainJson(world, queueUrl, ["--dry-run"], job);
    const run = await drainJson(world, queueUrl, [], job);
    expect(run.exitCode).toBe(65);
    expect(run.receipt).toMatchObject({ inserted: 1, rejected: bad.length, deleted: 1 });
    expect(await textRows(world, "orders")).toEqual([{ ...stored, ...row }]);
    expect(await shownRows(world, "orders", dry)).toEqual([{ ...stored, ...row }]);
    for (const { lines, stdout, stderr } of [dry, run]) {
      const rejections = lines.flatMap(({ rejection }) => rejection ?? []);
      const expected = bad.map(([, reason, path = ""], index) => ({
        messageId: ids[index + 1],
        reason,
        path,
      }));
      expect(new Set(rejections)).toEqual(new Set(expected as typeof rejections));
      expect((stdout + stderr).toLowerCase()).not.toContain("canary");
    }
  });

  test("a job without them takes none of these for an order", async () => {
    const job = withQueue('envelope = "none"');
    const others = [event(order()), base64(order()), gzipped(order())];
    await world.server.send(queueUrl, [...formats.map(({ good }) => good), ...others, order()]);
    const run = await drainJson(world, queueUrl, [], job);
    expect(run.receipt).toMatchObject({ inserted: 1, rejected: formats.length + others.length });
    expect(run.receipt.rejections).toEqual({ nothing_mapped: 3, body_not_json: 2 });
  });
});

/** Of many shapes; the digits are past every double. */
const manyShapes = (index: number) => `{
  "order": {"id": 900719925474099${index}001, "total": 19.${index}0, "lines": [{"sku": "a-${index}"}], "paid": ${index % 2 === 0}},
  "traceId": "0f8fad5b-d9cb-469f-a165-7086772895${index}e",
  "placedAt": "2026-05-0${index + 1}T10:00:00.12345${index}+02:00", "day": "2026-05-0${index + 1}",
  "client": {"ip": "2001:db8::${index}", "appVersion": "2.${index}.1"},
  "customer": {"email": "canary-${index}@example.com", "nickname": null}
}`;
const manyOrders = Array.from({ length: 5 }, (_, index) => manyShapes(index));

const sent: readonly [name: string, wrapped: (text: string) => string, setting: RegExp | undefined][] = [
  ["as they are", (text) => text, undefined],
  ["compressed", (text) => base64(gzipSync(text)), /^encoding = "gzip\+base64"$/m],
  ["from SNS, in base64", (text) => sns(base64(text)), /^envelope = "sns"\n#.*\nencoding = "base64"$/m],
  ["from EventBridge", event, /^envelope = "eventbridge"$/m],
];

test.concurrent.each(sent)(
  "what etl init prints for messages %s passes etl config check, and works",
  async (_, wrapped, setting) => {
    await using world = await openWorld();
    const { url: queueUrl } = await world.queueWith(manyOrders.map(wrapped));
    const folder = mkdtempSync(join(world.folder, "init-"));
    const run = (...args: readonly string[]) => runEtl(args, { env: world.env(queueUrl), cwd: folder });
    const printed = await run("init", "--yes", "--print", "--table", "orders");
    expect({ ...printed, stdout: "" }).toMatchObject({ exitCode: 0 });
    if (setting !== undefined) expect(printed.stdout).toMatch(setting);
    expect(printed.stdout + printed.stderr).not.toContain("canary");
    const file = join(folder, "etl.toml");
    writeFileSync(file, printed.stdout);
    chmodSync(file, 0o600);

    expect(await run("config", "check")).toMatchObject({ exitCode: 0, stderr: "" });
    expect(await run("migrate")).toMatchObject({ exitCode: 0 });
    const dry = readJson(await run("drain", "--dry-run", "--json", "--wait-seconds", "0"));
    expect(dry).toMatchObject({ exitCode: 0, receipt: { released: manyOrders.length, rejected: 0 } });
    const drained = readJson(await run("drain", "--json", "--wait-seconds", "0"));
    expect(drained).toMatchObject({ exitCode: 0, receipt: { inserted: manyOrders.length, rejected: 0 } });

    const stored = await textRows(world, "orders");
    expect(stored).toEqual(await shownRows(world, "orders", dry));
    const text = JSON.stringify(stored);
    for (const digits of [
      "9007199254740990001",
      "19.40",
      ":00.123453",
      "0f8fad5b-d9cb-469f-a165-70867728953e",
    ])
      expect(text).toContain(digits);
    expect(text).not.toContain("canary");
    expect(text).not.toContain("2001:db8::1");
  },
);
