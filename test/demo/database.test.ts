import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import postgres from "postgres";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "../../src/demo/database.ts";

let database: EmbeddedDatabase;
beforeAll(async () => {
  database = await startEmbeddedDatabase();
}, 20_000);
afterAll(() => database.stop());

const open = (url = database.url): postgres.Sql => postgres(url, { prepare: false, max: 1, onnotice() {} });

/** A client that speaks the protocol by itself, so that it can stop in the middle of it. */
async function openSocket(): Promise<Socket> {
  const { port } = new URL(database.url);
  const socket = connect(Number(port), "127.0.0.1");
  const words = Buffer.from("user\0postgres\0database\0postgres\0\0");
  const head = Buffer.alloc(8);
  head.writeInt32BE(head.length + words.length, 0);
  head.writeInt32BE(196_608, 4);
  socket.write(Buffer.concat([head, words]));
  await answerTo(socket, "Z");
  return socket;
}

function message(type: string, ...parts: (string | number[])[]): Buffer {
  const content = Buffer.concat(
    parts.map((part) => (typeof part === "string" ? Buffer.from(`${part}\0`) : Buffer.from(part))),
  );
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(content.length + 4, 1);
  return Buffer.concat([head, content]);
}

/** Resolves with the first answer that has a message of this type in it; each comes in a packet of its own or at its end. */
function answerTo(socket: Socket, type: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    const look = (more: Buffer) => {
      bytes = Buffer.concat([bytes, more]);
      for (let at = 0; at + 5 <= bytes.length; at += 1 + bytes.readInt32BE(at + 1)) {
        if (bytes[at] !== type.charCodeAt(0)) continue;
        socket.off("data", look);
        return resolve();
      }
    };
    socket.on("data", look);
    socket.once("error", reject);
  });
}

describe("the Postgres of the demo", () => {
  test("clients that talk at the same time get their own answers, and their transactions do not mix", async () => {
    const owner = open();
    expect(new URL(database.url).hostname).toBe("127.0.0.1");
    await owner`create table entries (client int, number int)`;
    const work = async (client: number) => {
      const sql = open();
      for (let number = 1; number <= 30; number += 1) {
        // Each client has a statement of its own shape: an answer to another's would be noticed.
        const extra = ", 1".repeat(client);
        const [row] = await sql.unsafe(`select ${client} as client, $1::int as number${extra}`, [number]);
        expect({ client: row?.client, number: row?.number }).toEqual({ client, number });
        await sql.begin(async (transaction) => {
          await transaction`insert into entries values (${client}, ${number})`;
          const [count] =
            await transaction`select count(*)::int as own from entries where client = ${client}`;
          expect(count?.own).toBe(number);
        });
        const undone = sql.begin(async (transaction) => {
          await transaction`insert into entries values (${client}, 0)`;
          await transaction`select 1 / 0`;
        });
        await expect(undone).rejects.toMatchObject({ code: "22012" });
      }
      await sql.end();
    };
    await Promise.all([1, 2, 3, 4, 5].map(work));
    const [total] = await owner`select count(*)::int as count, min(number) as least from entries`;
    expect({ count: total?.count, least: total?.least }).toEqual({ count: 150, least: 1 });
    await owner.end();
  });

  test("a client that goes away in a transaction is rolled back, and others go on", async () => {
    const sql = open();
    await sql`create table leavers (number int)`;
    const leaver = await openSocket();
    leaver.write(message("Q", "begin; insert into leavers values (1)"));
    await answerTo(leaver, "Z");
    leaver.destroy();
    const [count] = await sql`select count(*)::int as left from leavers`;
    expect(count?.left).toBe(0);
    await sql.end();
  });

  test("a client that goes away after an error, before its Sync, does not stop the others", async () => {
    const sql = open();
    await sql`select 1`;
    const leaver = await openSocket();
    leaver.write(message("P", "", "select * from no_such_table", [0, 0]));
    await answerTo(leaver, "E");
    const waiting = sql`select 2 as two`;
    leaver.destroy();
    expect([...(await waiting)]).toEqual([{ two: 2 }]);
    await sql.end();
  });

  test("a second one beside it is empty and a Postgres, and its port is free when it is stopped", async () => {
    const second = await startEmbeddedDatabase();
    const sql = open(second.url);
    const [row] =
      await sql`select count(*)::int as tables, current_setting('server_version_num')::int as version
      from pg_tables where schemaname = 'public'`;
    expect(row?.tables).toBe(0);
    expect(row?.version).toBeGreaterThanOrEqual(170_000);
    await sql.end();
    await second.stop();
    const socket = connect(Number(new URL(second.url).port), "127.0.0.1");
    const connected = new Promise((resolve, reject) => socket.once("error", reject).once("connect", resolve));
    await expect(connected).rejects.toMatchObject({ code: "ECONNREFUSED" });
  }, 20_000);
});
