import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { endOf, type Finished, runEtl, spawnEtl, spawnEtlInTerminal } from "../support/binary.ts";

// Each starts a queue and a Postgres of its own, all at the same time.
setDefaultTimeout(40_000);

/** The numbers of the receipt, by their labels. */
function receiptOf({ stdout }: Pick<Finished, "stdout">): Record<string, number> {
  const lines = stdout.matchAll(
    /^(?:[=+] )?(received|inserted|duplicates|rejected|released|deleted) +([\d,]+)$/gm,
  );
  return Object.fromEntries(
    [...lines].map(([, label, count]) => [label, Number(count?.replaceAll(",", ""))]),
  );
}

/** The `export …` lines of a demo that keeps running. */
function environmentOf(stdout: string): Record<string, string> {
  return Object.fromEntries(
    [...stdout.matchAll(/^export (\w+)=(?:'([^']*)'|(\S+))$/gm)].map(([, name, quoted, plain]) => [
      name,
      quoted ?? plain ?? "",
    ]),
  );
}

/** A folder for what the demo leaves behind, which is nothing. */
async function inTemporaryFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "etl-test-demo-"));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe.concurrent("etl demo", () => {
  test("drains 500 events: duplicates found, malformed ones left, rows masked, nothing left behind", () =>
    inTemporaryFolder(async (folder) => {
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
    }));

  test("shows the same person twice with the same masks, on 80 columns, whatever the machine's settings say", () =>
    inTemporaryFolder(async (folder) => {
      writeFileSync(join(folder, "etl.toml"), "nonsense = 1\n");
      const { exitCode, lines } = await endOf(
        spawnEtlInTerminal(["demo", "--messages", "20"], {
          ...{ columns: 80, cwd: folder },
          env: {
            DATABASE_URL: "postgres://nobody@127.0.0.1:1/none",
            PGHOST: "127.0.0.2",
            PGSSLMODE: "verify-full",
            AWS_ENDPOINT_URL: "http://127.0.0.1:1",
            ETL_QUEUE_URL: "http://127.0.0.1:1/1/none",
            ETL_MASK_KEY: "short",
            HTTP_PROXY: "http://127.0.0.1:1",
          },
        }),
      );
      expect(exitCode).toBe(0);
      const header = lines.findIndex((line) => line.startsWith("user_id"));
      const table = lines.slice(header, header + 7);
      expect(table.length).toBe(7);
      for (const line of table) expect(line.length).toBeLessThanOrEqual(80);
      const devices = table.slice(2).map((row) => row.split(/ +/)[3]);
      expect(new Set(devices).size).toBeLessThan(5);
    }));
});

describe.concurrent("etl demo --keep", () => {
  test("lets etl and a Postgres client in from another terminal, with the lines that it prints, until SIGINT", () =>
    inTemporaryFolder(async (folder) => {
      const demo = spawnEtl(["demo", "--messages", "50", "--keep"], { env: { TMPDIR: folder } });
      // Two pipes: that the one has said its last does not mean that the other has been read.
      await demo.stdout.until(/^etl init$/m);
      const env = environmentOf(demo.stdout.text);
      expect(statSync(env.ETL_MASK_KEY_FILE ?? "").mode & 0o777).toBe(0o600);
      for (const name of ["ETL_QUEUE_URL", "AWS_ENDPOINT_URL_SQS", "DATABASE_URL"]) {
        expect(new URL(env[name] ?? "").hostname).toBe("127.0.0.1");
      }

      const look = await runEtl(["drain", "--dry-run", "--max-messages", "3"], { env });
      expect(look.stdout).toContain("Dry run: nothing was written or deleted.");
      const drained = await runEtl(["drain", "--wait-seconds", "0", "--max-messages", "50"], { env });
      expect(receiptOf(drained)).toMatchObject({ received: 50, duplicates: 0 });
      expect(receiptOf(drained).inserted).toBeGreaterThanOrEqual(49);

      // Messages of another kind, which etl init sets up into a table of their own.
      const [, unset = ""] = /^unset (.+)$/m.exec(demo.stdout.text) ?? [];
      const orders = Object.fromEntries(
        Object.entries(env).filter(([name]) => !unset.split(" ").includes(name)),
      );
      const queue = `${env.AWS_ENDPOINT_URL_SQS}/123456789012/order-events`;
      const job = { env: orders, cwd: mkdtempSync(join(folder, "job-")) };
      const init = await runEtl(["init", "--yes", "--queue-url", queue, "--table", "order_events"], job);
      expect(init).toMatchObject({ exitCode: 0 });
      expect(receiptOf(await runEtl(["drain", "--wait-seconds", "0"], job))).toMatchObject({
        ...{ received: 60, inserted: 60, rejected: 0 },
      });

      const sql = postgres(env.DATABASE_URL ?? "", { prepare: false, max: 1 });
      const [row] = await sql`select (select count(*)::int from user_logins) as count,
        (select count(distinct masked_customer_email)::int from order_events) as people`;
      expect(row).toEqual({ count: 49 + (receiptOf(drained).inserted ?? 0), people: 6 });
      await sql.end();
      rmSync(job.cwd, { recursive: true });

      demo.kill("SIGINT");
      expect((await demo.finished).exitCode).toBe(0);
      expect(existsSync(env.ETL_MASK_KEY_FILE ?? "")).toBe(false);
      expect(readdirSync(folder)).toEqual([]);
    }));

  test.each([
    ["while it starts", /starting a queue/],
    ["while it drains", /draining login-queue/],
  ])("a signal %s stops it, and the key is removed", (_, moment) =>
    inTemporaryFolder(async (folder) => {
      const demo = spawnEtl(["demo", "--keep"], { env: { TMPDIR: folder } });
      await demo.stderr.until(moment);
      demo.kill("SIGTERM");
      expect(await demo.finished).toMatchObject({ exitCode: 143, signal: null });
      expect(readdirSync(folder)).toEqual([]);
    }),
  );
});
