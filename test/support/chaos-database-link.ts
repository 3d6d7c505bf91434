/** A stretch of network in front of a Postgres server: it can be cut, swallow everything, or lose a commit's answer. */

import { connect, type Socket } from "node:net";
import { listen } from "./postgres-proxy.ts";

/** What the link does with connections and their bytes. */
type LinkMode =
  | "open"
  /** Connections are taken and stay, and nothing goes through in either direction. */
  | "black hole"
  /** Connections are taken and closed at once, as by a load balancer without a server behind it. */
  | "closing";

/** A running link on 127.0.0.1. */
export interface DatabaseLink {
  readonly port: number;
  mode: LinkMode;
  /** So many of the next commits are carried out by the server, and their connection is cut before the answer. */
  commitsToLose: number;
  /** How many commits were lost so. */
  readonly lostCommits: number;
  /** Called when a commit is on its way to the server. @defaultValue nothing */
  onCommit: () => void;
  /** SQLSTATEs of the errors that came by from the server; who waits for one empties it before. */
  readonly sqlstates: Set<string>;
  /** Cuts every connection that is open. */
  cut(): void;
  stop(): Promise<void>;
}

/** Starts a link before the server on that port. */
export async function startDatabaseLink(serverPort: number): Promise<DatabaseLink> {
  const open = new Set<Socket>();
  let lostCommits = 0;
  const listener = await listen((client) => {
    client.on("error", () => {});
    if (link.mode === "closing") {
      client.destroy();
      return;
    }
    open.add(client);
    const server = connect(serverPort, "127.0.0.1");
    client.on("close", () => {
      open.delete(client);
      server.destroy();
    });
    server.on("error", () => {}).on("close", () => client.destroy());
    let committing = false;
    client.on("data", (bytes) => {
      if (link.mode !== "open") return;
      committing = bytes.includes("commit\0");
      if (committing) link.onCommit();
      server.write(bytes);
    });
    server.on("data", (bytes) => {
      if (link.mode !== "open") return;
      for (const [, code] of bytes.toString("latin1").matchAll(/\0C([0-9A-Z]{5})\0M/g)) {
        if (code !== undefined) link.sqlstates.add(code);
      }
      if (!committing || link.commitsToLose === 0) {
        client.write(bytes);
        return;
      }
      link.commitsToLose -= 1;
      lostCommits += 1;
      client.destroy();
    });
  });
  const link: DatabaseLink = {
    port: listener.port,
    mode: "open",
    commitsToLose: 0,
    get lostCommits() {
      return lostCommits;
    },
    onCommit() {},
    sqlstates: new Set(),
    cut() {
      for (const socket of open) socket.destroy();
    },
    stop: () => listener.stop(),
  };
  return link;
}
