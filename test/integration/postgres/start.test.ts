import { expect, test } from "bun:test";
import { connect } from "node:net";
import { runCommandLine } from "../../../src/cli.ts";
import { MemoryOutput } from "../../support/memory-output.ts";
import { serverPort } from "../../support/postgres.ts";
import { listen } from "../../support/postgres-proxy.ts";
import { loginEvent, openWorld } from "../../support/world.ts";

/** Passes on what is said, and notes what each client sends between two answers: each such part is a round trip. */
async function startListener(serverPort: number) {
  const sent: string[][] = [];
  const listener = await listen((client) => {
    const parts: string[] = [];
    sent.push(parts);
    const server = connect(serverPort, "127.0.0.1");
    let answered = true;
    client.on("error", () => {}).on("close", () => server.destroy());
    server.on("error", () => {}).on("close", () => client.destroy());
    client.on("data", (bytes) => {
      const before = answered ? "" : (parts.pop() ?? "");
      parts.push(before + bytes.toString("latin1"));
      answered = false;
      server.write(bytes);
    });
    server.on("data", (bytes) => {
      answered = true;
      client.write(bytes);
    });
  });
  return { ...listener, sent };
}

test("a drain stores its first rows in its tenth round trip to the database, and its very first drain in the twelfth", async () => {
  const world = await openWorld();
  await world.emptyTable();
  const queueUrl = await world.newQueue();
  const listener = await startListener(await serverPort());
  const url = new URL(world.database.url);
  url.port = String(listener.port);
  /** What the connection that loads has said, up to its first load. */
  async function drain(): Promise<readonly string[]> {
    await world.server.send(queueUrl, [loginEvent()]);
    listener.sent.length = 0;
    const exitCode = await runCommandLine(["drain", "--wait-seconds", "0"], {
      env: world.env(queueUrl, { DATABASE_URL: String(url) }),
      ...{ stdout: new MemoryOutput(), stderr: new MemoryOutput() },
      ...{ keyboard: () => undefined, onStopSignal: () => () => {}, now: () => new Date() },
    });
    expect(exitCode).toBe(0);
    const isLoad = (text: string) => text.includes("fresh as (");
    const said = listener.sent.find((parts) => parts.some(isLoad)) ?? [];
    return said.slice(0, said.findIndex(isLoad) + 1);
  }
  try {
    // TLS asked for, three of SCRAM, the driver's first statement; the table, etl's own tables, the queue, which is registered
    // and found, the mask keys, and the load.
    expect((await drain()).length).toBeLessThanOrEqual(12);
    expect((await drain()).length).toBeLessThanOrEqual(10);
  } finally {
    await Promise.all([listener.stop(), world.close()]);
  }
});
