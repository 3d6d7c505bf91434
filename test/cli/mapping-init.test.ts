import { beforeEach, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { runEtl } from "../support/binary.ts";
import { readJson } from "../support/json-drain.ts";
import { shownRows, textRows } from "../support/mapped-job.ts";
import { fileWorld } from "../support/world.ts";

const world = await fileWorld("never");
beforeEach(async () => {
  await world.database.sql.unsafe("drop schema public cascade; create schema public");
});

/** Of many shapes; the digits are past every double. */
const order = (index: number) => `{
  "order": {"id": 900719925474099${index}001, "total": 19.${index}0, "lines": [{"sku": "a-${index}"}], "paid": ${index % 2 === 0}},
  "traceId": "0f8fad5b-d9cb-469f-a165-7086772895${index}e",
  "placedAt": "2026-05-0${index + 1}T10:00:00.12345${index}+02:00", "day": "2026-05-0${index + 1}",
  "client": {"ip": "2001:db8::${index}", "appVersion": "2.${index}.1"},
  "customer": {"email": "canary-${index}@example.com", "nickname": null}
}`;
const orders = Array.from({ length: 5 }, (_, index) => order(index));

const base64 = (text: string | Uint8Array) => Buffer.from(text).toString("base64");
const sns = (Message: string) =>
  JSON.stringify({
    Type: "Notification",
    MessageId: "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
    TopicArn: "arn:aws:sns:us-east-1:123456789012:orders",
    Message,
    Timestamp: "2026-05-02T00:54:06.655Z",
  });
const event = (detail: string) =>
  `{"version":"0","id":"1","detail-type":"Order","source":"shop","account":"123456789012",` +
  `"time":"2026-05-02T00:54:06Z","region":"us-east-1","resources":[],"detail":${detail}}`;

const formats: readonly [name: string, wrapped: (text: string) => string, setting: RegExp | undefined][] = [
  ["as they are", (text) => text, undefined],
  ["compressed", (text) => base64(gzipSync(text)), /^encoding = "gzip\+base64"$/m],
  ["from SNS, in base64", (text) => sns(base64(text)), /^envelope = "sns"\n#.*\nencoding = "base64"$/m],
  ["from EventBridge", event, /^envelope = "eventbridge"$/m],
];

test.each(formats)(
  "what etl init prints for messages %s passes etl config check, and works",
  async (_, wrapped, setting) => {
    const queueUrl = await world.newQueue();
    await world.server.send(queueUrl, orders.map(wrapped));
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
    expect(dry).toMatchObject({ exitCode: 0, receipt: { released: orders.length, rejected: 0 } });
    const drained = readJson(await run("drain", "--json", "--wait-seconds", "0"));
    expect(drained).toMatchObject({ exitCode: 0, receipt: { inserted: orders.length, rejected: 0 } });

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
    rmSync(folder, { recursive: true });
  },
);
