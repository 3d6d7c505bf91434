import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Socket } from "node:net";
import { type Database, type Deadlines, openDatabase } from "../../../src/postgres/connect.ts";
import type { ConnectionSettings, TlsMode } from "../../../src/postgres/connection-settings.ts";
import { createDatabase, serverPort, sharedServer, type TestDatabase } from "../../support/postgres.ts";
import { failureOf, openUrl, settingsOf } from "../../support/postgres-database.ts";
import { listen } from "../../support/postgres-proxy.ts";

let testDatabase: TestDatabase;
let settings: ConnectionSettings;
const hasty: Deadlines = { connectTimeoutMillis: 300, statementTimeoutMillis: 300 };

beforeAll(async () => {
  testDatabase = await createDatabase();
  settings = settingsOf(testDatabase.url);
});

afterAll(() => testDatabase.drop());

const one = (database: Database, signal?: AbortSignal) =>
  database.transaction({ operation: "try", ...(signal ? { signal } : {}) }, (transaction) =>
    transaction.run("select $1::text as word", ["here"]),
  );

async function failureWith(changes: Partial<ConnectionSettings>, deadlines = hasty) {
  const database = openDatabase({ ...settings, ...changes }, deadlines);
  const failure = await failureOf(one(database));
  database.close();
  expect([failure.message, failure.hint].join()).not.toContain(settings.password);
  return failure;
}

describe("a way that does not lead to the database", () => {
  const unavailable = { kind: "unavailable", operation: "connect", retryable: true };

  test("nothing listens", async () => {
    const { port, stop } = await listen(() => {});
    await stop();
    expect(await failureWith({ port })).toMatchObject({ ...unavailable, code: "ECONNREFUSED" });
  });

  test("no such host", async () => {
    // Reserved for names that never exist: https://www.rfc-editor.org/rfc/rfc6761#section-6.4
    const host = "database.invalid";
    expect(await failureWith({ host }, { ...hasty, connectTimeoutMillis: 5_000 })).toMatchObject(unavailable);
  });

  test("no such Unix socket", async () => {
    const failure = await failureWith({ host: "/nowhere", tls: { mode: "disable" } });
    expect(failure).toMatchObject({ ...unavailable, code: "ENOENT" });
  });

  test.each<[string, (socket: Socket) => void, TlsMode]>([
    ["closes is asked once, not for ever", (socket) => socket.end(), "disable"],
    [
      "closes after the first bytes is asked once, and not without TLS",
      (socket) => socket.on("data", () => socket.destroy()),
      "prefer",
    ],
  ])("a server that accepts and %s", async (_, greet, mode) => {
    const server = await listen(greet);
    const failure = await failureWith({ port: server.port, tls: { mode } });
    expect(failure).toMatchObject({ kind: "unavailable", retryable: true });
    expect(server.connections()).toBe(1);
    await server.stop();
  });

  for (const mode of ["disable", "prefer"] as const) {
    test(`a server that accepts and never answers is given up in time (${mode})`, async () => {
      const server = await listen(() => {});
      const failure = await failureWith({ port: server.port, tls: { mode } });
      expect(failure).toMatchObject({ kind: "unavailable", operation: "connect", retryable: true });
      expect(failure.message).toContain("did not answer in time");
      await server.stop();
    });
  }
});

describe("a server that", () => {
  test("says yes to TLS and goes silent is given up in time, and let go", async () => {
    const ended = Promise.withResolvers<void>();
    const server = await listen((socket) => {
      socket.once("data", () => socket.write("S"));
      socket.once("close", ended.resolve);
    });
    expect(await failureWith({ port: server.port, tls: { mode: "require" } })).toMatchObject({
      kind: "unavailable",
      retryable: true,
    });
    await ended.promise;
    await server.stop();
  });

  for (const answer of ["E", "SX", "N\0"]) {
    test(`answers ${JSON.stringify(answer)} to the question for TLS is not believed`, async () => {
      const server = await listen((socket) => socket.once("data", () => socket.write(answer)));
      const failure = await failureWith({ port: server.port, tls: { mode: "require" } });
      expect(failure).toMatchObject({ kind: "unavailable", retryable: true });
      expect(failure.message).not.toContain("in time");
      await server.stop();
    });
  }
});

describe("a database that does not let us in", () => {
  test("wrong password", async () => {
    expect(await failureWith({ password: "wrong" })).toMatchObject({ kind: "permission", code: "28P01" });
  });

  test("no password", async () => {
    const { password: _, ...rest } = settings;
    const database = openDatabase(rest, hasty);
    expect(await failureOf(one(database))).toMatchObject({ kind: "permission" });
    database.close();
  });

  test("no such database", async () => {
    expect(await failureWith({ database: "missing" })).toMatchObject({ kind: "config", code: "3D000" });
  });
});

describe("a connection", () => {
  test("over a Unix socket", async () => {
    const { socketFolder } = await sharedServer();
    const { password: _, ...rest } = settings;
    const database = openDatabase({ ...rest, host: socketFolder, tls: { mode: "disable" } });
    expect((await one(database))[0]).toEqual({ word: "here" });
    database.close();
  });

  test("says who it is", async () => {
    const database = openUrl(`${testDatabase.url}?application_name=nightly`);
    const rows = await database.transaction({ operation: "try" }, (transaction) =>
      transaction.run("show application_name"),
    );
    expect(rows[0]).toEqual({ application_name: "nightly" });
    database.close();
  });

  test("that the server ended is made anew at the next use", async () => {
    const database = openUrl(testDatabase.url);
    await one(database);
    await testDatabase.sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = ${testDatabase.name} and application_name = 'etl'`;
    // The news of it may or may not have come when the next statement is sent.
    const second = await one(database).catch((error) => error);
    if (second instanceof Error) expect(second).toMatchObject({ kind: "unavailable", retryable: true });
    expect((await one(database))[0]).toEqual({ word: "here" });
    database.close();
  });

  test("that ends in mid statement is a failure that may pass", async () => {
    const database = openUrl(testDatabase.url);
    const failure = await failureOf(
      database.transaction({ operation: "try" }, (transaction) =>
        transaction.run("select pg_terminate_backend(pg_backend_pid())"),
      ),
    );
    expect(failure).toMatchObject({ kind: "unavailable", operation: "try", retryable: true, code: "57P01" });
    expect((await one(database))[0]).toEqual({ word: "here" });
    database.close();
  });

  test("goes black in mid statement: given up in time, made anew at the next use", async () => {
    let black = false;
    const port = await serverPort();
    const proxy = await listen(async (client) => {
      const server = await Bun.connect({
        hostname: "127.0.0.1",
        port,
        socket: {
          data: (_, bytes) => void (black || client.write(bytes)),
          close: () => void client.destroy(),
        },
      });
      client.on("data", (bytes) => black || server.write(bytes));
      client.on("close", () => server.end());
      client.on("error", () => {});
    });
    const database = openDatabase({ ...settings, port: proxy.port }, hasty);
    await one(database);
    black = true;
    const failure = await failureOf(one(database));
    expect(failure).toMatchObject({ kind: "unavailable", operation: "try", retryable: true });
    expect(failure.message).toContain("did not answer in time");
    black = false;
    expect((await one(database))[0]).toEqual({ word: "here" });
    black = true;
    database.close();
    await proxy.stop();
  });
});

describe("a session that the server ends is told of with the server's reason", () => {
  const ended = "pg_terminate_backend(pg_backend_pid())";
  /** Ends the one session of that name, and waits until it is gone. */
  async function terminate(name: string) {
    await testDatabase.sql`
      select pg_terminate_backend(pid) from pg_stat_activity where application_name = ${name}`;
    await gone(name);
  }
  async function gone(name: string) {
    const sessions = () => testDatabase.sql`
      select from pg_stat_activity where application_name = ${name}`;
    while ((await sessions()).length > 0) await Bun.sleep(5);
  }
  const open = (name: string, deadlines?: Deadlines) =>
    openUrl(`${testDatabase.url}?application_name=${name}`, deadlines);

  test.each<[string, (database: Database) => Promise<unknown>]>([
    [
      "while the transaction ran a statement",
      (database) => database.transaction({ operation: "load" }, ({ run }) => run(`select ${ended}`)),
    ],
    [
      "while it ran several together",
      (database) =>
        database.transaction({ operation: "load" }, ({ runTogether }) =>
          runTogether([{ text: "select 1" }, { text: `select ${ended}`, parameters: [] }]),
        ),
    ],
    [
      "while it ran one whose commit was sent along",
      (database) => database.runOnce({ operation: "load" }, { text: `select ${ended}`, parameters: [] }),
    ],
    [
      "while the transaction was idle",
      (database) =>
        database.transaction({ operation: "load" }, async ({ run }) => {
          await terminate("ended");
          await run("select 1");
        }),
    ],
    [
      "while the transaction was idle before it ran several together",
      (database) =>
        database.transaction({ operation: "load" }, async ({ runTogether }) => {
          await terminate("ended");
          await runTogether([{ text: "select 1" }]);
        }),
    ],
  ])("%s", async (_, work) => {
    const database = open("ended");
    const failure = await failureOf(work(database));
    expect(failure).toMatchObject({ kind: "unavailable", retryable: true, code: "57P01", operation: "load" });
    expect(failure.message).toContain("an administrator ended the session (SQLSTATE 57P01)");
    expect((await one(database))[0]).toEqual({ word: "here" });
    database.close();
  });

  test("because the transaction was idle for too long", async () => {
    const database = open("idle", hasty);
    const failure = await failureOf(
      database.transaction({ operation: "load" }, async ({ run }) => {
        await gone("idle");
        await run("select 1");
      }),
    );
    expect(failure).toMatchObject({ kind: "temporary", retryable: true, code: "25P03" });
    database.close();
  });

  test("at the commit, of which nobody knows whether it happened", async () => {
    await testDatabase.sql.unsafe(`
      create table fatal (word text);
      create function fatal() returns trigger language plpgsql as 'begin perform ${ended}; return null; end';
      create constraint trigger fatal after insert on fatal deferrable initially deferred
        for each row execute function fatal()`);
    const insert = "insert into fatal values ('here')";
    const database = open("at-commit");
    for (const work of [
      database.runOnce({ operation: "load" }, { text: insert, parameters: [] }),
      database.transaction({ operation: "load" }, ({ run }) => run(insert)),
    ]) {
      const failure = await failureOf(work);
      expect(failure).toMatchObject({ retryable: true, code: "commit_unknown" });
      expect(failure.message).toContain("(SQLSTATE 57P01), before it answered a commit");
    }
    database.close();
  });

  test("before it let anybody in, because there is no connection left", async () => {
    const role = `crowd_${testDatabase.name}`;
    await testDatabase.sql.unsafe(`create role ${role} login password 'word' connection limit 0`);
    const database = openUrl(testDatabase.url.replace(/\/\/[^@]*@/, `//${role}:word@`));
    const failure = await failureOf(one(database));
    expect(failure).toMatchObject({ kind: "unavailable", retryable: true, code: "53300" });
    database.close();
    await testDatabase.sql.unsafe(`drop role ${role}`);
  });
});

describe("a transaction", () => {
  test("is taken back when its work throws, and the next one is not harmed", async () => {
    await testDatabase.sql`create table noted (word text)`;
    const database = openUrl(testDatabase.url);
    const ending = database.transaction({ operation: "try" }, async (transaction) => {
      await transaction.run("insert into noted values ('gone')");
      throw new Error("changed my mind");
    });
    expect(ending).rejects.toThrow("changed my mind");
    await ending.catch(() => {});
    await database.transaction({ operation: "try" }, (transaction) =>
      transaction.run("insert into noted values ('kept')"),
    );
    expect([...(await testDatabase.sql`select word from noted`)]).toEqual([{ word: "kept" }]);
    database.close();
  });

  test("whose work hides a failure is not taken for committed", async () => {
    const database = openUrl(testDatabase.url);
    const failure = await failureOf(
      database.transaction({ operation: "try" }, async (transaction) => {
        await transaction.run("select 1/0").catch(() => {});
      }),
    );
    expect(failure).toMatchObject({ kind: "temporary", retryable: true });
    expect(failure.message).toContain("rolled back instead of committing");
    database.close();
  });

  test("that only reads cannot write", async () => {
    const database = openUrl(testDatabase.url);
    const failure = await failureOf(
      database.transaction({ operation: "try", readOnly: true }, (transaction) =>
        transaction.run("create table never ()"),
      ),
    );
    expect(failure).toMatchObject({ code: "25006" });
    database.close();
  });

  test("waits for the one before it", async () => {
    const database = openUrl(testDatabase.url);
    const order: string[] = [];
    const slow = database.transaction({ operation: "try" }, async (transaction) => {
      await transaction.run("select pg_sleep(0.05)");
      order.push("first");
    });
    const quick = one(database).then(() => order.push("second"));
    await Promise.all([slow, quick]);
    expect(order).toEqual(["first", "second"]);
    database.close();
  });

  test("ends at once at its signal, with the signal's reason", async () => {
    const database = openUrl(testDatabase.url);
    const stop = new AbortController();
    const options = { operation: "try", signal: stop.signal };
    const sleeping = database.transaction(options, async (transaction) => {
      setTimeout(() => stop.abort(new Error("enough")), 20);
      return transaction.run("select pg_sleep(5)");
    });
    expect(await sleeping.catch((error: Error) => error.message)).toBe("enough");
    expect(await one(database, stop.signal).catch((error: Error) => error.message)).toBe("enough");
    expect((await one(database))[0]).toEqual({ word: "here" });
    database.close();
  });

  test("ends when the database is closed, and none begins after that", async () => {
    const database = openUrl(testDatabase.url);
    const sleeping = failureOf(
      database.transaction({ operation: "try" }, async (transaction) => {
        setTimeout(() => database.close(), 20);
        return transaction.run("select pg_sleep(5)");
      }),
    );
    expect((await sleeping).message).toContain("closed by etl itself");
    expect((await failureOf(one(database))).message).toContain("closed by etl itself");
  });

  test("leaves no session behind once the database is closed", async () => {
    const database = openUrl(`${testDatabase.url}?application_name=short-lived`);
    await one(database);
    database.close();
    const sessions = () => testDatabase.sql`
      select 1 from pg_stat_activity where application_name = 'short-lived'`;
    while ((await sessions()).length > 0) await Bun.sleep(5);
  });
});
