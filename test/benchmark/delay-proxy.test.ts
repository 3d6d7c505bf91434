import { afterEach, expect, test } from "bun:test";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { type DelayProxy, startDelayProxy, startFarDatabase } from "../../scripts/benchmark/delay-proxy.ts";

const delayMillis = 5;

let server: Server | undefined;
let proxy: DelayProxy | undefined;
afterEach(() => {
  proxy?.stop();
  server?.close();
});

/**
 * A server that does so with each connection, behind a proxy.
 *
 * @returns the server's port
 */
async function serve(onConnection: (socket: Socket) => void): Promise<number> {
  server = createServer(onConnection).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  proxy = startDelayProxy(port, delayMillis);
  return port;
}

async function open(): Promise<Socket> {
  const socket = connect(proxy?.port ?? 0, "127.0.0.1").setNoDelay(true);
  await once(socket, "connect");
  return socket;
}

/** All that arrives until it is that much, or the other side ends. */
async function read(socket: Socket, bytes = Number.POSITIVE_INFINITY): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= bytes) break;
  }
  return Buffer.concat(chunks);
}

test("each direction takes its delay, never less and hardly more", async () => {
  let arrivedAt = 0;
  await serve((socket) =>
    socket.setNoDelay(true).on("data", (bytes) => {
      arrivedAt = performance.now();
      socket.write(bytes);
    }),
  );
  const socket = await open();
  const [there, back]: [number[], number[]] = [[], []];
  for (let time = 0; time < 30; time += 1) {
    const answer = once(socket, "data");
    const sentAt = performance.now();
    socket.write("?");
    await answer;
    there.push(arrivedAt - sentAt);
    back.push(performance.now() - arrivedAt);
  }
  for (const millis of [there, back]) {
    const sorted = millis.toSorted((a, b) => a - b);
    expect(sorted[0]).toBeGreaterThanOrEqual(delayMillis);
    // The fastest of many: what else the machine does must not fail the test.
    expect(sorted[0]).toBeLessThan(delayMillis + 1);
  }
  socket.destroy();
});

test("many connections at once keep their bytes in order, and what is under way delays nothing", async () => {
  await serve((socket) => socket.setNoDelay(true).pipe(socket));
  const [connections, chunks] = [40, 400];
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: connections }, async (_, connection) => {
      const socket = await open();
      const sent = Array.from({ length: chunks }, (_, chunk) => Buffer.alloc(40, `${connection} ${chunk};`));
      const whole = Buffer.concat(sent);
      const received = read(socket, whole.length);
      for (const chunk of sent) {
        // Each in a turn of the loop of its own, so that the proxy sees more than one.
        await new Promise(setImmediate);
        socket.write(chunk);
      }
      expect((await received).equals(whole)).toBe(true);
      socket.destroy();
    }),
  );
  // One chunk after the other, as through a narrow line, would take twice as long for one connection alone.
  expect(performance.now() - startedAt).toBeLessThan((chunks * delayMillis) / 2);
});

test("a far database has the URL of the near one but for the port, and its proxy says what CPU it used", async () => {
  const port = await serve((socket) => socket.pipe(socket));
  const far = await startFarDatabase(`postgres://me:s%2F3@127.0.0.1:${port}/logins?a=b`, 2 * delayMillis);
  const farPort = Number(new URL(far.url).port);
  expect(far.url).toBe(`postgres://me:s%2F3@127.0.0.1:${farPort}/logins?a=b`);
  const socket = connect(farPort, "127.0.0.1").setNoDelay(true);
  const sentAt = performance.now();
  socket.write("?");
  await once(socket, "data");
  expect(performance.now() - sentAt).toBeGreaterThanOrEqual(2 * delayMillis);
  socket.destroy();
  const cpuMicros = await far.stop();
  expect(cpuMicros).toBeGreaterThan(0);
  expect(cpuMicros).toBeLessThan(1e6);
});

/** More than a socket takes at once from one that does not read yet. */
const lastWords = Buffer.alloc(32_000_000, "last words ");

test("if a client ends its connection, the server gets all of it and then the end", async () => {
  const { promise: accepted, resolve } = Promise.withResolvers<Socket>();
  await serve((socket) => resolve(socket.pause()));
  const client = await open();
  client.end(lastWords);
  await once(client, "finish");
  expect((await read(await accepted)).equals(lastWords)).toBe(true);
});

test("if the server ends a connection, the client gets all of it and then the end", async () => {
  const { promise: finished, resolve } = Promise.withResolvers<void>();
  await serve((socket) => socket.end(lastWords, () => resolve()));
  const client = (await open()).pause();
  await finished;
  expect((await read(client)).equals(lastWords)).toBe(true);
});

test("if the server is gone, the client's connection ends", async () => {
  await serve(() => {});
  server?.close();
  expect((await read(await open())).length).toBe(0);
});
