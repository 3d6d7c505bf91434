import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import postgres from "postgres";
import { type Audit, auditRun, startWallClock } from "../../scripts/benchmark/audit.ts";
import { type BenchDatabase, type BenchServer, startBenchServer } from "../../scripts/benchmark/database.ts";
import { Messages } from "../../scripts/benchmark/messages.ts";

const run = 3;
const messages = new Messages({ count: 20, run, sentUntilMillis: Date.UTC(2026, 0, 1) });
const wallMicros = startWallClock();

let server: BenchServer;
let database: BenchDatabase;
beforeAll(async () => {
  server = await startBenchServer();
  database = await server.openEmpty();
});
afterAll(async () => {
  await database.drop();
  await server.stop();
});
beforeEach(() => database.reset());

const all = [...Array(20).keys()];
const fine: Partial<Audit> = { missing: 0, doubled: 0, undeleted: 0, deletedTooEarly: 0, strange: 0 };

async function store(indexes: readonly number[], of = messages, sql = database.sql): Promise<void> {
  const rows = indexes.map((index) => ({
    user_id: of.userId(index),
    device_type: "ios",
    masked_ip: "a",
    masked_device_id: "b",
    app_version: 1,
    create_date: "2026-01-01",
  }));
  await sql`insert into user_logins ${sql(rows)}`;
}

/** All at the present moment, but for those named. */
function deletedNow(except: readonly number[] = []): Float64Array {
  const now = wallMicros();
  return Float64Array.from(all, (index) => (except.includes(index) ? 0 : now));
}

function audit(deletedAtMicros: Float64Array, answerMicros = 0): Promise<Audit> {
  return auditRun({ database, run, deletedAtMicros, answerMicros });
}

test("nothing is wrong where each message has its row and is deleted after the commit", async () => {
  const before = wallMicros();
  await store(all.slice(0, 8));
  await store(all.slice(8));
  const found = await audit(deletedNow());
  expect(found).toMatchObject(fine);
  expect(found.firstRowMicros).toBeGreaterThan(before);
  expect(found.firstRowMicros).toBeLessThan(wallMicros());
});

test("a delete that arrives before the commit is found", async () => {
  await store(all.slice(0, 12));
  const deletedAtMicros = deletedNow();
  await store(all.slice(12));
  expect(await audit(deletedAtMicros)).toMatchObject({ ...fine, deletedTooEarly: 8 });
});

test("a delete while the transaction is open is found, though its rows are written already", async () => {
  await database.sql.unsafe("begin");
  await store(all);
  const deletedAtMicros = deletedNow();
  await database.sql.unsafe("commit");
  expect(await audit(deletedAtMicros)).toMatchObject({ ...fine, deletedTooEarly: 20 });
});

test("loads on several connections at once are told from each other", async () => {
  const others = [1, 2, 3].map(() => postgres(database.url, { max: 1 }));
  const clients = [database.sql, ...others];
  await Promise.all(clients.map((sql) => sql.unsafe("begin")));
  // Each client's rows stand among those of the others.
  for (const index of all) await store([index], messages, clients[index % clients.length]);
  await Promise.all(others.map((sql) => sql.unsafe("commit")));
  const deletedAtMicros = deletedNow();
  await database.sql.unsafe("commit");
  await Promise.all(others.map((sql) => sql.end()));
  expect(await audit(deletedAtMicros)).toMatchObject({ ...fine, deletedTooEarly: 5 });
});

test("a delete after the commit is too early if the answer to the commit cannot have arrived", async () => {
  await store(all);
  const deletedAtMicros = deletedNow();
  const { firstRowMicros } = await audit(deletedAtMicros);
  const sinceMicros = (deletedAtMicros[0] ?? 0) - firstRowMicros;
  expect(await audit(deletedAtMicros, sinceMicros - 1)).toMatchObject(fine);
  expect(await audit(deletedAtMicros, sinceMicros + 1)).toMatchObject({ ...fine, deletedTooEarly: 20 });
});

test("missing rows, double rows and messages that stay in the queue are found", async () => {
  await store(all.slice(2));
  await store([5, 6, 7]);
  expect(await audit(deletedNow([1]))).toMatchObject({ ...fine, missing: 2, doubled: 3, undeleted: 1 });
});

test("rows of another run are not looked at, and one of no message is found", async () => {
  await store(all, new Messages({ count: 20, run: run + 1, sentUntilMillis: 0 }));
  await store(all);
  await store([20], new Messages({ count: 21, run, sentUntilMillis: 0 }));
  expect(await audit(deletedNow())).toMatchObject({ ...fine, strange: 1 });
});
