import { beforeEach, expect, test } from "bun:test";
import { systemClock } from "../../src/commands/system-clock.ts";
import { compileMapping } from "../../src/message/mapper.ts";
import { userLogins } from "../../src/message/mapping.ts";
import { createMasker } from "../../src/message/mask.ts";
import { startDrain } from "../../src/polling/drain.ts";
import { createProcessor } from "../../src/processing/processor.ts";
import { createSqsSource } from "../../src/sqs/source.ts";
import { Audit, printFigures } from "../support/chaos-audit.ts";
import { until } from "../support/chaos-follow.ts";
import { fileChaosWorld, type Way } from "../support/chaos-world.ts";
import { openLoginLoader, openUrl } from "../support/postgres-database.ts";

const world = await fileChaosWorld();
const way = world.ways[0] as Way;
beforeEach(() => world.emptyTable());

/** A backend of an earlier connection may have ended since it was listed. */
function signal(pid: number, name: "SIGSTOP" | "SIGCONT"): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** How nothing is heard of the database any more, and what mends it. */
const silences: Readonly<Record<string, () => Promise<() => unknown>>> = {
  "the network swallows everything": async () => {
    way.link.mode = "black hole";
    return () => {
      way.link.mode = "open";
    };
  },
  "the table is locked": async () => {
    const other = world.admin.session();
    await other.unsafe("begin; lock table user_logins");
    return () => other.end({ timeout: 0 });
  },
  "the server's process is stopped": async () => {
    const backends = await world.admin.query("select pid from pg_stat_activity where usename = 'etl_writer'");
    const pids = backends.map(({ pid }) => pid as number);
    for (const pid of pids) signal(pid, "SIGSTOP");
    return () => {
      for (const pid of pids) signal(pid, "SIGCONT");
    };
  },
};

// In this process, as the executable's own deadlines of a minute are no time for a test.
test.each(Object.keys(silences))(
  "the database is silent, as %s: the deadline ends the wait, and the run goes on",
  async (silence) => {
    const audit = new Audit(world);
    const queueUrl = await world.newQueue({ VisibilityTimeout: 2 });
    const database = openUrl(world.databaseUrl(way), {
      connectTimeoutMillis: 400,
      statementTimeoutMillis: 400,
    });
    const source = createSqsSource({
      queue: { url: way.queue.urlOf(queueUrl), region: "us-east-1" },
      env: { AWS_ACCESS_KEY_ID: "test-key", AWS_SECRET_ACCESS_KEY: "test-secret" },
      clock: systemClock,
      now: Date.now,
      random: Math.random,
    });
    const attributes = await source.attributes();
    const { loader } = await openLoginLoader(database, attributes.arn);
    const masker = createMasker({ defaultMethod: "hmac", key: new Uint8Array(32).fill(7) });
    const troubles: string[] = [];
    const recoveries: string[] = [];
    const stop = new AbortController();
    const mapMessage = compileMapping(userLogins, {
      masker,
      limits: new Map([["device_type", { maxCharacters: 32, nullable: true }]]),
      body: { envelope: "none", encoding: "none" },
      now: Date.now,
    });
    const drain = startDrain(
      {
        ...{ source, clock: systemClock, random: Math.random },
        processor: (retry) => createProcessor({ mapMessage, loader, retry }),
        runnableMillis: () => 0,
        onEvent(event) {
          if (event.type === "trouble") troubles.push(event.error.message);
          if (event.type === "recovered") recoveries.push(event.operation);
        },
      },
      {
        batchSize: 50,
        receivers: 4,
        waitSeconds: 1,
        visibilityTimeoutSeconds: attributes.visibilityTimeoutSeconds,
        maxInFlight: 400,
        follow: true,
        giveUpAfterMillis: 0,
        graceMillis: 5_000,
      },
      { graceful: stop.signal, forced: new AbortController().signal },
    );
    const allStored = async () => (await audit.rowCount()) >= audit.good;
    await audit.send(queueUrl, 100);
    await until(allStored, () => "the rows before");
    const mend = await silences[silence]?.();
    await audit.send(queueUrl, 300);
    await until(
      () => troubles.length > 0,
      () => "the deadline",
    );
    await mend?.();
    await until(allStored, () => `the rows after ${troubles}`);
    await until(
      () => world.depthOf(queueUrl) <= audit.badIn(queueUrl),
      () => "the deletes",
    );
    stop.abort();
    const { outcome } = await drain.ended;
    database.close();
    expect(outcome).toBe("stopped");
    expect(troubles[0]).toMatch(/did not answer in time|took too long/);
    expect(recoveries).toContain("load");
    expect(drain.open).toBe(0);
    const figures = await audit.figures();
    printFigures(silence, { ...figures });
    expect(figures).toMatchObject({ lost: 0, doubled: 0, rows: audit.good });
  },
  60_000,
);
