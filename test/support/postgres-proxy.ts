/** A stretch of network in front of a Postgres server, where a connection can be lost at a chosen moment. */

import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** What becomes of a connection once its client has sent `commit` and the server has answered. */
type CommitFault = "none" | "cut" | "swallow-answer";

/** A running proxy on 127.0.0.1. */
export interface PostgresProxy {
  readonly port: number;
  /** Applies to every `commit` from now on. */
  fault: CommitFault;
  stop(): Promise<void>;
}

/**
 * Starts a proxy before the server on that port.
 *
 * @param port to listen on @defaultValue a free one
 */
export async function startPostgresProxy(serverPort: number, port = 0): Promise<PostgresProxy> {
  const proxy = { port: 0, fault: "none" as CommitFault, stop: async () => {} };
  const listener = await listen((client) => {
    const server = connect(serverPort, "127.0.0.1");
    client.on("error", () => {}).on("close", () => server.destroy());
    server.on("error", () => {}).on("close", () => client.destroy());
    let committing = false;
    client.on("data", (bytes) => {
      committing = bytes.includes("commit\0");
      server.write(bytes);
    });
    server.on("data", (bytes) => {
      if (!committing || proxy.fault === "none") client.write(bytes);
      else if (proxy.fault === "cut") client.destroy();
    });
  }, port);
  proxy.port = listener.port;
  proxy.stop = listener.stop;
  return proxy;
}

/** Listens on a free port of 127.0.0.1; stopping it cuts what is connected. */
export async function listen(
  onConnection: (client: Socket) => void,
  port = 0,
): Promise<{ readonly port: number; connections(): number; stop(): Promise<void> }> {
  const open = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    stop() {
      for (const socket of open) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
