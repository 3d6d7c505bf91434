import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { type Finished, runEtl, runEtlInTerminal, spawnEtl, spawnEtlInTerminal } from "../support/binary.ts";

setDefaultTimeout(20_000);

/** For what the demo leaves behind, which is nothing. */
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "etl-test-demo-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The numbers of the receipt, by their labels. */
function receiptOf({ stdout }: Pick<Finished, "stdout">): Record<string, number> {
  const lines = stdout.matchAll(
    /^(?:[=+] )?(received|inserted|duplicates|rejected|released|deleted) +([\d,]+)$/gm,
  );
  return Object.fromEntries(
    [...lines].map(([, label, count]) => [label, Number(count?.replaceAll(",", ""))]),
  );
}

/** Starts a demo that keeps running, and reads the `export …` lines that it prints. */
async function keepRunning(...words: string[]) {
  const demo = spawnEtl(["demo", ...words, "--keep"], { env: { TMPDIR: folder } });
  // Two pipes: that the one has said its last does not mean that the other has been read.
  await demo.stdout.until(/^etl init$/m);
  const exports = demo.stdout.text.matchAll(/^export (\w+)=(?:'([^']*)'|(\S+))$/gm);
  const env: Record<string, string> = {};
  for (const [, name = "", quoted, plain = ""] of exports) env[name] = quoted ?? plain;
  return { demo, env };
}

describe("etl demo", () => {
  test("drains 500 events: duplicates found, malformed ones left, rows masked, nothing left behind", async () => {
    const run = await runEtl(["demo"], { env: { TMPDIR: folder } });
    expect(run.exitCode).toBe(0);
    expect(receiptOf(run)).toEqual({
      ...{ received: 510, inserted: 495, duplicates: 10, rejected: 5, released: 0, deleted: 505 },
    });
    const rows = run.stdout.slice(run.stdout.indexOf("5 rows of user_logins")).split("\n").slice(4, 9);
    for (const row of rows) expect(row).toMatch(/^[0-9a-f-]{36} +(android|ios) +hmac:\S+ +hmac:\S+ /);
    expect(run.stdout + run.stderr).not.toMatch(
      /192\.0\.2\.|198\.51\.100\.|203\.0\.113\.|\d{3}-\d{2}-\d{4}\b/,
    );
    expect(run.stderr).toContain("it exits with 0, where a drain exits with 65");
    expect(readdirSync(folder)).toEqual([]);
  });

  test("shows the same person twice with the same masks", async () => {
    const { stdout } = await runEtl(["demo", "--messages", "20"]);
    const rows = stdout.split("\n").filter((line) => line.includes(" hmac:"));
    const devices = rows.map((row) => row.split(/ +/)[3]);
    expect(rows.length).toBe(5);
    expect(new Set(devices).size).toBeLessThan(5);
  });

  test("is not led astray by settings of the machine and the folder", async () => {
    writeFileSync(join(folder, "etl.toml"), "nonsense = 1\n");
    const run = await runEtl(["demo", "--messages", "1"], {
      cwd: folder,
      env: {
        DATABASE_URL: "postgres://nobody@127.0.0.1:1/none",
        PGHOST: "127.0.0.2",
        PGSSLMODE: "verify-full",
        AWS_ENDPOINT_URL: "http://127.0.0.1:1",
        ETL_QUEUE_URL: "http://127.0.0.1:1/1/none",
        ETL_MASK_KEY: "short",
        HTTP_PROXY: "http://127.0.0.1:1",
      },
    });
    expect(run.exitCode).toBe(0);
    expect(receiptOf(run)).toMatchObject({ received: 2, inserted: 1, duplicates: 1, rejected: 0 });
    expect(run.stdout).toContain("1 row of user_logins");
    expect(run.stderr).not.toContain("malformed");
  });

  test("fits a terminal of 80 columns", async () => {
    const { exitCode, lines } = await runEtlInTerminal(["demo", "--messages", "20"], { columns: 80 });
    expect(exitCode).toBe(0);
    const header = lines.findIndex((line) => line.startsWith("user_id"));
    const table = lines.slice(header, header + 7);
    expect(table.length).toBe(7);
    for (const line of table) expect(line.length).toBeLessThanOrEqual(80);
  });
});

describe("etl demo --keep", () => {
  test("lets etl and a Postgres client in from another terminal, with the lines that it prints, until SIGINT", async () => {
    const { demo, env } = await keepRunning("--messages", "50");
    expect(statSync(env.ETL_MASK_KEY_FILE ?? "").mode & 0o777).toBe(0o600);
    for (const name of ["ETL_QUEUE_URL", "AWS_ENDPOINT_URL_SQS", "DATABASE_URL"]) {
      expect(new URL(env[name] ?? "").hostname).toBe("127.0.0.1");
    }

    const look = await runEtl(["drain", "--dry-run", "--max-messages", "3"], { env });
    expect(look.stdout).toContain("Dry run: nothing was written or deleted.");
    const drained = await runEtl(["drain", "--wait-seconds", "0", "--max-messages", "50"], { env });
    expect(receiptOf(drained)).toMatchObject({ received: 50, duplicates: 0 });
    expect(receiptOf(drained).inserted).toBeGreaterThanOrEqual(49);

    const sql = postgres(env.DATABASE_URL ?? "", { prepare: false, max: 1 });
    const [row] = await sql`select count(*)::int as count from user_logins`;
    expect(row?.count).toBe(49 + (receiptOf(drained).inserted ?? 0));
    await sql.end();

    demo.kill("SIGINT");
    expect((await demo.finished).exitCode).toBe(0);
    expect(existsSync(env.ETL_MASK_KEY_FILE ?? "")).toBe(false);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("holds messages of another kind, which etl init sets up into a table of their own", async () => {
    const { demo, env } = await keepRunning("--messages", "1");
    const [, unset = ""] = /^unset (.+)$/m.exec(demo.stdout.text) ?? [];
    for (const name of unset.split(" ")) delete env[name];
    const orders = `${env.AWS_ENDPOINT_URL_SQS}/123456789012/order-events`;
    const cwd = mkdtempSync(join(folder, "job-"));
    const init = ["init", "--yes", "--queue-url", orders, "--table", "order_events"];
    expect(await runEtl(init, { env, cwd })).toMatchObject({ exitCode: 0 });
    const drained = await runEtl(["drain", "--wait-seconds", "0"], { env, cwd });
    expect(receiptOf(drained)).toMatchObject({ received: 60, inserted: 60, rejected: 0 });
    const sql = postgres(env.DATABASE_URL ?? "", { prepare: false, max: 1 });
    const [row] = await sql`select count(distinct masked_customer_email)::int as people from order_events`;
    expect(row?.people).toBe(6);
    await sql.end();
    demo.kill("SIGTERM");
    await demo.finished;
  });

  test("ends with 0 at Ctrl-C on a terminal", async () => {
    const demo = spawnEtlInTerminal(["demo", "--messages", "5", "--keep"]);
    await demo.output.until(/running until Ctrl-C/);
    demo.type("\u0003");
    expect(await demo.finished).toMatchObject({ exitCode: 0, signal: null });
  });

  test.each([
    ["while it starts", /starting a queue/],
    ["while it drains", /draining login-queue/],
  ])("a signal %s stops it, and the key is removed", async (_, moment) => {
    const demo = spawnEtl(["demo", "--keep"], { env: { TMPDIR: folder } });
    await demo.stderr.until(moment);
    demo.kill("SIGTERM");
    expect(await demo.finished).toMatchObject({ exitCode: 143, signal: null });
    expect(readdirSync(folder)).toEqual([]);
  });
});
