/** A stretch of network before a database: it delays what goes through, and does not limit how much. */

import type { Socket } from "bun";
import { startHelper } from "./processes.ts";

/** A running proxy on 127.0.0.1. */
export interface DelayProxy {
  readonly port: number;
  /** Cuts what is connected. */
  stop(): void;
}

/** The same database, further away. */
export interface FarDatabase {
  readonly url: string;
  /** @returns the CPU time of the proxy, in microseconds */
  stop(): Promise<number>;
}

/** Starts a proxy before the database in a process of its own. */
export async function startFarDatabase(url: string, roundTripMillis: number): Promise<FarDatabase> {
  const far = new URL(url);
  const { said, stop } = await startHelper("delay-proxy", far.port, String(roundTripMillis / 2));
  far.port = said;
  return { url: far.href, stop: async () => Number(await stop()) };
}

interface Connection {
  readonly toClient: Direction;
  readonly toServer: Direction;
}

/**
 * Starts a proxy before the server on that port of 127.0.0.1.
 *
 * Every byte, and the end of a connection, arrives on the other side that much later and never sooner, in order.
 * Connecting takes no longer than without the proxy.
 *
 * @param oneWayMillis a whole number: timers count no finer
 */
export function startDelayProxy(serverPort: number, oneWayMillis: number): DelayProxy {
  const listener = Bun.listen<Connection>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(client) {
        client.setNoDelay(true);
        const connection = { toClient: new Direction(oneWayMillis), toServer: new Direction(oneWayMillis) };
        client.data = connection;
        connection.toClient.leadTo(client);
        connectToServer(serverPort, connection);
      },
      data: (client, bytes) => client.data.toServer.send(bytes),
      drain: (client) => client.data.toClient.write(),
      close: (client) => client.data.toServer.send("end"),
      error() {},
    },
  });
  return { port: listener.port, stop: () => listener.stop(true) };
}

function connectToServer(port: number, connection: Connection): void {
  const { toClient, toServer } = connection;
  const connecting = Bun.connect<Connection>({
    hostname: "127.0.0.1",
    port,
    data: connection,
    socket: {
      open(server) {
        server.setNoDelay(true);
        toServer.leadTo(server);
      },
      data: (_, bytes) => toClient.send(bytes),
      drain: () => toServer.write(),
      close: () => toClient.send("end"),
      error() {},
      connectError: () => toClient.send("end"),
    },
  });
  connecting.catch(() => {});
}

/** One direction of a connection. */
class Direction {
  readonly #delayMillis: number;
  readonly #underWay: (Uint8Array | "end")[] = [];
  /** Has arrived, and waits for the socket to take it. */
  readonly #arrived: (Uint8Array | "end")[] = [];
  #socket: Socket<Connection> | undefined;

  constructor(delayMillis: number) {
    this.#delayMillis = delayMillis;
  }

  /** Says where it ends; what arrives before that waits. */
  leadTo(socket: Socket<Connection>): void {
    this.#socket = socket;
    this.write();
  }

  send(item: Uint8Array | "end"): void {
    this.#underWay.push(item);
    // A timer of 0 ms takes 1 ms. Each item has a timer of its own: one set anew for the next item would round its rest up.
    if (this.#delayMillis === 0) this.#arrive();
    else setTimeout(() => this.#arrive(), this.#delayMillis);
  }

  /** Writes what has arrived, as far as the socket takes it. */
  write(): void {
    if (this.#socket === undefined) return;
    for (;;) {
      const [item] = this.#arrived;
      if (item === undefined) return;
      if (item === "end") {
        this.#socket.end();
        return;
      }
      const written = this.#socket.write(item);
      if (written < item.length) {
        this.#arrived[0] = item.subarray(Math.max(0, written));
        return;
      }
      this.#arrived.shift();
    }
  }

  /** Whichever timer rings, it is for the oldest item: so the order is kept. */
  #arrive(): void {
    const item = this.#underWay.shift();
    if (item === undefined) return;
    this.#arrived.push(item);
    if (this.#arrived.length === 1) this.write();
  }
}
