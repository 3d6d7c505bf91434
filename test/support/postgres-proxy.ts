/** A stretch of network in front of a Postgres server: it can be cut, swallow everything, or lose a commit's answer. */

import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A running proxy on 127.0.0.1. */
export interface PostgresProxy {
  readonly port: number;
  /**
   * `black hole`: connections stay, and nothing goes through in either direction. `closing`: connections are closed at
   * once, as by a load balancer without a server behind it. @defaultValue open
   */
  mode: "open" | "black hole" | "closing";
  /** What becomes of the answer to each commit, which the server carries out. @defaultValue none */
  fault: "none" | "cut" | "swallow-answer";
  /** So many of the next commits lose their connection before the answer. @defaultValue 0 */
  commitsToLose: number;
  /** Called when a commit is on its way to the server. @defaultValue nothing */
  onCommit: () => void;
  /** SQLSTATEs of the errors that came by from the server; empty it before you wait for one. */
  readonly sqlstates: Set<string>;
  /** Cuts every connection that is open. */
  cut(): void;
  stop(): Promise<void>;
}

/**
 * Starts a proxy before the server on that port.
 *
 * @param port to listen on @defaultValue a free one
 */
export async function startPostgresProxy(serverPort: number, port = 0): Promise<PostgresProxy> {
  const listener = await listen((client) => {
    client.on("error", () => {});
    if (proxy.mode === "closing") {
      client.destroy();
      return;
    }
    const server = connect(serverPort, "127.0.0.1");
    client.on("close", () => server.destroy());
    server.on("error", () => {}).on("close", () => client.destroy());
    let committing = false;
    client.on("data", (bytes) => {
      if (proxy.mode !== "open") return;
      committing = bytes.includes("commit\0");
      if (committing) proxy.onCommit();
      server.write(bytes);
    });
    server.on("data", (bytes) => {
      if (proxy.mode !== "open") return;
      for (const [, code] of bytes.toString("latin1").matchAll(/\0C([0-9A-Z]{5})\0M/g)) {
        if (code !== undefined) proxy.sqlstates.add(code);
      }
      const fault = proxy.commitsToLose > 0 ? "cut" : proxy.fault;
      if (!committing || fault === "none") {
        client.write(bytes);
      } else if (fault === "cut") {
        proxy.commitsToLose -= 1;
        client.destroy();
      }
    });
  }, port);
  const proxy: PostgresProxy = {
    port: listener.port,
    mode: "open",
    fault: "none",
    commitsToLose: 0,
    onCommit() {},
    sqlstates: new Set(),
    cut: listener.cut,
    stop: listener.stop,
  };
  return proxy;
}

/** A listener on 127.0.0.1. */
export interface Listener {
  readonly port: number;
  /** How many have connected so far. */
  connections(): number;
  /** Cuts what is connected. */
  cut(): void;
  /** Cuts what is connected, and frees the port. */
  stop(): Promise<void>;
}

/** Listens on a port of 127.0.0.1. @param port @defaultValue a free one */
export async function listen(onConnection: (client: Socket) => void, port = 0): Promise<Listener> {
  const open = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const cut = () => {
    for (const socket of open) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    cut,
    stop() {
      cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
