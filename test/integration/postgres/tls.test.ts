import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { openDatabase } from "../../../src/postgres/connect.ts";
import type { TlsSettings } from "../../../src/postgres/connection-settings.ts";
import { type CertificateAuthority, createAuthority } from "../../support/certificates.ts";
import { type PostgresServer, sharedServer, startServer } from "../../support/postgres.ts";
import { failureOf, settingsOf } from "../../support/postgres-database.ts";

/** Who may come how: everyone both ways, but `encrypted` with TLS only and `plain` without only. */
const accessRules = [
  "hostnossl all encrypted 127.0.0.1/32 reject",
  "hostssl all plain 127.0.0.1/32 reject",
  "host all all 127.0.0.1/32 scram-sha-256",
];

let ours: CertificateAuthority;
let theirs: CertificateAuthority;
const servers = new Map<string, PostgresServer>();

beforeAll(async () => {
  ours = createAuthority("ours");
  theirs = createAuthority("theirs");
  const localhost = { dnsNames: ["localhost"], addresses: ["127.0.0.1"] };
  const certificates = {
    right: ours.issue(localhost),
    "wrong host": ours.issue({ dnsNames: ["db.example.com"], addresses: ["192.0.2.1"] }),
    "wrong authority": theirs.issue(localhost),
    expired: ours.issue({ ...localhost, validUntilMillis: -60_000 }),
  };
  await Promise.all(
    Object.entries(certificates).map(async ([name, { certificate, key }]) => {
      const files = { "server.crt": certificate, "server.key": key };
      servers.set(name, await startServer({ settings: { ssl: "on" }, files, accessRules }));
    }),
  );
  servers.set("none", await sharedServer());
  const sql = databaseOf("right", { mode: "require" }, {});
  await sql.transaction({ operation: "try" }, (transaction) =>
    transaction.run("create role encrypted login password 'x'; create role plain login password 'x'"),
  );
  sql.close();
  // Four servers are made at once, which a busy machine takes its time for.
}, 30_000);

afterAll(async () => {
  const shared = await sharedServer();
  await Promise.all(
    [...servers.values()].filter((server) => server !== shared).map((server) => server.stop()),
  );
});

function databaseOf(
  server: string,
  tls: TlsSettings,
  changes: { host?: string; user?: string; password?: string },
) {
  const url = servers.get(server)?.url() ?? "";
  return openDatabase({ ...settingsOf(url), tls, ...changes });
}

/** `tls` or `plain`: how the connection came about; or the kind of the error with the end of its message. */
async function wayIn(server: string, tls: TlsSettings, changes: Parameters<typeof databaseOf>[2] = {}) {
  const database = databaseOf(server, tls, changes);
  const rows = await database
    .transaction({ operation: "try" }, (transaction) =>
      transaction.run("select ssl from pg_stat_ssl where pid = pg_backend_pid()"),
    )
    .finally(() => database.close());
  return rows[0]?.ssl ? "tls" : "plain";
}

const refused = async (...parameters: Parameters<typeof wayIn>) => {
  const { kind, message, retryable } = await failureOf(wayIn(...parameters));
  expect(retryable).toBe(false);
  return `${kind}: ${message}`;
};

const untrusted = "config: the database's certificate is not signed by an authority that is trusted here";
const notFor = (host: string) => `config: the database's certificate is not for the host ${host}`;

describe("a server with the right certificate", () => {
  test("is spoken to in clear under disable and allow, and with TLS under the others", async () => {
    expect(await wayIn("right", { mode: "disable" })).toBe("plain");
    expect(await wayIn("right", { mode: "allow" })).toBe("plain");
    expect(await wayIn("right", { mode: "prefer" })).toBe("tls");
    expect(await wayIn("right", { mode: "require" })).toBe("tls");
    expect(await wayIn("right", { mode: "verify-ca", authorities: ours.certificate })).toBe("tls");
  });

  for (const host of ["localhost", "127.0.0.1"]) {
    test(`passes verify-full as ${host}`, async () => {
      expect(await wayIn("right", { mode: "verify-full", authorities: ours.certificate }, { host })).toBe(
        "tls",
      );
    });
  }

  test("is found among several authorities", async () => {
    const authorities = `${theirs.certificate}\n${ours.certificate}`;
    expect(await wayIn("right", { mode: "verify-full", authorities })).toBe("tls");
  });

  test("is not trusted by the operating system's authorities", async () => {
    expect(await refused("right", { mode: "verify-full", authorities: "system" })).toBe(untrusted);
  });
});

describe("a server with a certificate for another host", () => {
  test("passes every mode but verify-full", async () => {
    expect(await wayIn("wrong host", { mode: "prefer" })).toBe("tls");
    expect(await wayIn("wrong host", { mode: "require" })).toBe("tls");
    expect(await wayIn("wrong host", { mode: "verify-ca", authorities: ours.certificate })).toBe("tls");
  });

  for (const host of ["localhost", "127.0.0.1"]) {
    test(`is refused under verify-full as ${host}`, async () => {
      const tls = { mode: "verify-full", authorities: ours.certificate } as const;
      expect(await refused("wrong host", tls, { host })).toBe(notFor(host));
    });
  }
});

describe("a server with a certificate of another authority", () => {
  test("passes the modes that check nothing", async () => {
    expect(await wayIn("wrong authority", { mode: "prefer" })).toBe("tls");
    expect(await wayIn("wrong authority", { mode: "require" })).toBe("tls");
  });

  for (const mode of ["verify-ca", "verify-full"] as const) {
    test(`is refused under ${mode}`, async () => {
      expect(await refused("wrong authority", { mode, authorities: ours.certificate })).toBe(untrusted);
    });
  }
});

test("an expired certificate is refused where it is checked", async () => {
  expect(await wayIn("expired", { mode: "require" })).toBe("tls");
  expect(await refused("expired", { mode: "verify-ca", authorities: ours.certificate })).toBe(
    "config: the database's certificate has expired",
  );
});

describe("a server without TLS", () => {
  test("is spoken to in clear where that is allowed", async () => {
    for (const mode of ["disable", "allow", "prefer"] as const)
      expect(await wayIn("none", { mode })).toBe("plain");
  });

  for (const mode of ["require", "verify-ca", "verify-full"] as const) {
    test(`is refused under ${mode}`, async () => {
      const tls = mode === "require" ? { mode } : { mode, authorities: ours.certificate };
      expect(await refused("none", tls)).toContain("does not speak TLS");
    });
  }
});

describe("a server that lets a user in one way only", () => {
  const asEncrypted = { user: "encrypted", password: "x" };
  const asPlain = { user: "plain", password: "x" };

  test("allow and prefer try the other way", async () => {
    expect(await wayIn("right", { mode: "allow" }, asEncrypted)).toBe("tls");
    expect(await wayIn("right", { mode: "prefer" }, asPlain)).toBe("plain");
  });

  test("disable and require do not", async () => {
    expect(await refused("right", { mode: "disable" }, asEncrypted)).toContain("permission: ");
    expect(await refused("right", { mode: "require" }, asPlain)).toContain("permission: ");
  });

  test("of two refusals, the one that came further is told", async () => {
    const wrong = { ...asEncrypted, password: "y" };
    expect(await refused("right", { mode: "allow" }, wrong)).toContain("refused the password");
    expect(await refused("none", { mode: "allow" }, { user: "nobody-here", password: "x" })).toContain(
      "password",
    );
  });

  test("a wrong password is not sent a second time in clear", async () => {
    expect(
      await refused("right", { mode: "prefer" }, { ...asPlain, user: "encrypted", password: "y" }),
    ).toContain("refused the password");
  });
});
