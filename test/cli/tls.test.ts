import { afterAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createAuthority } from "../support/certificates.ts";
import { expectFailure } from "../support/failed-run.ts";
import { drainJson } from "../support/json-drain.ts";
import { createDatabase, startServer } from "../support/postgres.ts";
import { fileWorld, loginEvent, visible } from "../support/world.ts";

const world = await fileWorld("never");
const ours = createAuthority("ours");
const { certificate, key } = ours.issue({ dnsNames: ["localhost"] });
const server = await startServer({
  settings: { ssl: "on" },
  files: { "server.crt": certificate, "server.key": key },
  accessRules: ["hostssl all all 127.0.0.1/32 scram-sha-256"],
});
const database = await createDatabase({ ...server, url: (name) => `${server.url(name)}?sslmode=require` });
const authority = join(world.folder, "authority.pem");
const stranger = join(world.folder, "stranger.pem");
writeFileSync(authority, ours.certificate);
writeFileSync(stranger, createAuthority("theirs").certificate);
afterAll(async () => {
  await database.drop();
  await server.stop();
});

/** The TLS database under a host name, with words of libpq behind it. */
function url(host: string, words: Readonly<Record<string, string>>): string {
  const changed = new URL(server.url(database.name));
  changed.hostname = host;
  for (const [name, value] of Object.entries(words)) changed.searchParams.set(name, value);
  return changed.href;
}

test("verify-full lets the right server in, by the URL or by PG* variables: migrate, then drain", async () => {
  const { url: queueUrl } = await world.queueWith([loginEvent()]);
  const DATABASE_URL = url("localhost", { sslmode: "verify-full", sslrootcert: authority });
  const migrated = await world.etl(queueUrl, ["migrate"], { DATABASE_URL });
  expect(migrated).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining("created public.user_logins"),
  });
  const run = await drainJson(world, queueUrl, [], {
    DATABASE_URL: url("localhost", {}),
    PGSSLMODE: "verify-full",
    PGSSLROOTCERT: authority,
  });
  expect(run).toMatchObject({ exitCode: 0, receipt: { inserted: 1, deleted: 1 } });
});

test.each([
  ["another host", "127.0.0.1", () => authority, "not for the host 127.0.0.1", "sslmode=verify-ca"],
  ["another authority", "localhost", () => stranger, "not signed by an authority", "sslrootcert"],
  ["no such file", "localhost", () => "/nonexistent/ca.pem", "is not there", "sslrootcert"],
])("verify-full keeps %s out, and the message stays in the queue", async (_, host, root, error, hint) => {
  const { url: queueUrl } = await world.queueWith([loginEvent()]);
  const DATABASE_URL = url(host, { sslmode: "verify-full", sslrootcert: root() });
  const run = await world.etl(queueUrl, ["drain", "--wait-seconds", "0"], { DATABASE_URL });
  expectFailure(run, { exitCode: 78, error, hint }, world.env(queueUrl, { DATABASE_URL }));
  expect(world.server.depth(queueUrl)).toEqual(visible(1));
});
