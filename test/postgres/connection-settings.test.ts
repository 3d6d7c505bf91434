import { describe, expect, test } from "bun:test";
import {
  type ConnectionSources,
  findPassword,
  readConnectionSettings,
} from "../../src/postgres/connection-settings.ts";
import { createAuthority } from "../support/certificates.ts";
import { everyWordOf, refusalOf } from "../support/refusal.ts";

const authority = createAuthority("test").certificate;

function read(
  sources: Partial<ConnectionSources>,
  files: Readonly<Record<string, { text: string; openToOthers?: boolean }>> = {},
) {
  return readConnectionSettings({
    env: {},
    osUser: "me",
    homeFolder: "/home/me",
    readFile: (path) => {
      const file = files[path];
      return file && { openToOthers: false, ...file };
    },
    ...sources,
  });
}

describe("precedence", () => {
  test("nothing given: libpq's defaults", () => {
    expect(read({})).toEqual({
      host: "localhost",
      port: 5432,
      database: "me",
      user: "me",
      tls: { mode: "prefer" },
      applicationName: "etl",
    });
  });

  const env = {
    ...{ PGHOST: "env-host", PGPORT: "6000", PGDATABASE: "env-db", PGUSER: "env-user", PGPASSWORD: "env-pw" },
  };
  const file = { host: "file-host", port: 7000, name: "file-db", user: "file-user", password: "file-pw" };

  test("a URL comes before variables, part by part", () => {
    expect(read({ url: "postgres://u:p@h:1/d", env })).toMatchObject({
      ...{ host: "h", port: 1, database: "d", user: "u", password: "p" },
    });
    expect(read({ url: "postgres://h", env })).toMatchObject({ host: "h", port: 6000, user: "env-user" });
  });

  test("variables come before the file, and the database's default is the user", () => {
    expect(read({ env, file })).toMatchObject({ host: "env-host", port: 6000, password: "env-pw" });
    expect(read({ env: { PGUSER: "u" } })).toMatchObject({ user: "u", database: "u" });
  });

  test("an empty variable is none", () => {
    expect(read({ env: { PGHOST: "", PGPORT: "", PGPASSWORD: "" }, file })).toMatchObject({
      ...{ host: "file-host", port: 7000, password: "file-pw" },
    });
  });

  test("the file may have a URL", () => {
    expect(read({ file: { url: "postgres://u@h/d", password: "p" } })).toMatchObject({
      ...{ host: "h", user: "u", database: "d", password: "p" },
    });
  });

  test("the file's password goes nowhere but to the file's host, port and user", () => {
    expect(read({ file }).password).toBe("file-pw");
    expect(read({ file, env: { PGDATABASE: "other" } }).password).toBe("file-pw");
    expect(read({ file, env: { PGHOST: "file-host" } }).password).toBe("file-pw");
    for (const elsewhere of [{ PGHOST: "h" }, { PGPORT: "1" }, { PGUSER: "u" }]) {
      expect(read({ file, env: elsewhere }).password).toBeUndefined();
    }
    const url = "postgres://file-host:7000/d";
    expect(read({ file, url })).toEqual({
      ...{ host: "file-host", port: 7000, database: "d", user: "me", tls: { mode: "prefer" } },
      applicationName: "etl",
    });
  });
});

describe("URLs", () => {
  const cases: [string, Partial<ReturnType<typeof read>>][] = [
    ["postgresql://", { host: "localhost" }],
    ["postgres://u%40x:p%3A%2F%25@h/d%20b", { user: "u@x", password: "p:/%", host: "h", database: "d b" }],
    ["postgres://[2001:db8::1]:6543/d", { host: "2001:db8::1", port: 6543 }],
    ["postgres:///d?host=/var/run/postgresql", { host: "/var/run/postgresql", tls: { mode: "disable" } }],
    ["postgres://%2Frun%2Fpg/d?sslmode=require", { host: "/run/pg", tls: { mode: "disable" } }],
    [
      "postgres://h/d?user=u&password=p%26&port=1&dbname=e",
      { user: "u", password: "p&", port: 1, database: "e" },
    ],
    [
      "postgres://h?application_name=x&connect_timeout=1",
      { applicationName: "x", connectTimeoutMillis: 2_000 },
    ],
    ["postgres://h?connect_timeout=0", { host: "h" }],
    ["postgres://h?ssl=true", { tls: { mode: "require" } }],
    ["postgres://h?target_session_attrs=any&gssencmode=prefer", { host: "h" }],
    ["postgres://u:a#b+c@h/d", { password: "a#b+c" }],
  ];
  for (const [url, expected] of cases) test(url, () => expect(read({ url })).toMatchObject(expected));

  const refused: [string, string][] = [
    ["mysql://u:CANARY@h", "does not begin with"],
    ["postgres:u:CANARY@h", "does not begin with"],
    ["postgres://u:CAN@ARY@h/d", "an @ where none can be"],
    ["postgres://u:1/CANARY@h/d", "an @ where none can be"],
    ["postgres://u:CANARY%zz@h/d", "a % in it"],
    ["postgres://u:CANARY%00@h/d", "%00"],
    ["postgres://u:CANARY@h1,h2/d", "several hosts"],
    ["postgres://u:CANARY@h/d?host=h1,h2", "several hosts"],
    ["postgres://u:CANARY@h:1:2/d", "not a port"],
    ["postgres://u:CANARY@h:0/d", "not a port"],
    ["postgres://u:CANARY@h/d?sslmode", "no value"],
    ["postgres://u:CANARY@h/d?options=-csearch_path%3Dx", "parameter options"],
    [
      "postgres://u:CANARY@h/d?target_session_attrs=standby",
      "parameter target_session_attrs is not supported with this value",
    ],
    ["postgres://u:CANARY@h/d?channel_binding=require", "parameter channel_binding"],
    ["postgres://u:CANARY@h/d?ssl=false", "parameter ssl is not supported with this value"],
    ["postgres://u:CANARY@h/d?sslmod=require", "parameter sslmod is not supported; did you mean sslmode?"],
    ["postgres://u:CANARY@h/d?ApplicationName=x", "supported; did you mean application_name?"],
    ["postgres://u:CANARY@h/d?sslcert=x", "parameter sslcert"],
    ["postgres://u:CANARY@h/d?constructor=x", "parameter constructor"],
    ["postgres://u:p?CANARY-=@h/d", "one parameter"],
    ["postgres://u:CANARY@h/d?connect_timeout=soon", "number of seconds"],
  ];
  for (const [url, expected] of refused) {
    test(`refuses ${url}, without quoting it`, () => {
      const error = refusalOf(() => read({ url }));
      expect(error).toMatchObject({ kind: "config", operation: "connect" });
      expect(error.message).toContain(expected);
      expect(everyWordOf(error)).not.toContain("CANARY");
    });
  }
});

test("a parameter that no name is near is not supported with any value", () => {
  const { message, hint } = refusalOf(() => read({ url: "postgres://h/d?options=x" }));
  expect(message).toBe("the database URL's parameter options is not supported");
  expect(hint).toStartWith("remove it; supported are host, port,");
});

describe("what cannot be read names the place that it came from", () => {
  const file = { port: 70_000 };
  test.each<[Partial<ConnectionSources>, string]>([
    [{ url: "postgres://h:x/d", env: { PGPORT: "1" } }, "the port in the database URL is not a port"],
    [{ url: "postgres://h/d?port=x" }, "the port in the database URL is not a port"],
    [{ url: "postgres://h/d", env: { PGPORT: "x" } }, "PGPORT is not a port"],
    [{ env: { PGPORT: "x" }, file: { url: "postgres://h:1/d" } }, "PGPORT is not a port"],
    [{ file: { url: "postgres://h:0/d" } }, "the port in the database URL is not a port"],
    [{ file }, "port of [database] is not a port"],
  ])("a port: %j", (sources, message) => {
    expect(refusalOf(() => read(sources)).message).toBe(message);
  });

  test.each<[Partial<ConnectionSources>, string]>([
    [{ url: "postgres:///d?host=a,b" }, "the host in the database URL names several hosts"],
    [{ env: { PGHOST: "a,b" } }, "PGHOST names several hosts"],
    [{ file: { host: "a,b" } }, "host of [database] names several hosts"],
  ])("a host: %j", (sources, message) => {
    expect(refusalOf(() => read(sources)).message).toBe(`${message}, and etl connects to one`);
  });
});

describe("variables that ask for what is not done", () => {
  for (const name of [
    "PGHOSTADDR",
    "PGSERVICE",
    "PGOPTIONS",
    "PGTARGETSESSIONATTRS",
    "PGSSLCERT",
    "PGSSLCRL",
  ]) {
    test(`${name} is refused by name`, () => {
      expect(refusalOf(() => read({ env: { [name]: "any" } }))).toMatchObject({
        kind: "config",
        hint: `unset ${name}`,
      });
    });
  }

  test("those that ask for nothing are not", () => {
    expect(read({ env: { PGCHANNELBINDING: "prefer", PGGSSENCMODE: "disable", PGOPTIONS: "" } }).host).toBe(
      "localhost",
    );
  });
});

describe("TLS", () => {
  const rootPath = "/home/me/.postgresql/root.crt";
  const withRoot = { [rootPath]: { text: authority } };
  const named = { "/ca.pem": { text: `# a comment\n${authority}${authority}` } };
  const tls = (env: Record<string, string>, files = {}) => read({ env }, files).tls;

  test("the modes that check nothing do not look for authorities", () => {
    for (const mode of ["disable", "allow", "prefer"] as const) {
      expect(tls({ PGSSLMODE: mode }, withRoot)).toEqual({ mode });
    }
  });

  test("require checks the chain where there is an authority's certificate, as in libpq", () => {
    expect(tls({ PGSSLMODE: "require" })).toEqual({ mode: "require" });
    expect(tls({ PGSSLMODE: "require" }, withRoot)).toEqual({
      mode: "verify-ca",
      authorities: authority.trim(),
    });
    expect(tls({ PGSSLMODE: "require", PGSSLROOTCERT: "/ca.pem" }, named).mode).toBe("verify-ca");
  });

  test("a file may hold several certificates", () => {
    const { mode, authorities } = tls({ PGSSLMODE: "verify-full", PGSSLROOTCERT: "/ca.pem" }, named);
    expect(mode).toBe("verify-full");
    expect(authorities?.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
  });

  test("system means the operating system's authorities and verify-full", () => {
    expect(tls({ PGSSLROOTCERT: "system" })).toEqual({ mode: "verify-full", authorities: "system" });
    expect(read({ url: "postgres://h?sslrootcert=system&sslmode=verify-full" }).tls.authorities).toBe(
      "system",
    );
  });

  const refused: [string, Record<string, string>, Record<string, { text: string }>][] = [
    ["a misspelt mode", { PGSSLMODE: "verify_full" }, withRoot],
    ["a mode in capitals", { PGSSLMODE: "REQUIRE" }, {}],
    ["system with a weaker mode", { PGSSLMODE: "require", PGSSLROOTCERT: "system" }, {}],
    ["verify-ca without an authority", { PGSSLMODE: "verify-ca" }, {}],
    ["verify-full without an authority", { PGSSLMODE: "verify-full" }, {}],
    ["a named file that is not there", { PGSSLMODE: "require", PGSSLROOTCERT: "/gone.pem" }, withRoot],
    ["a file without a certificate", { PGSSLMODE: "verify-ca" }, { [rootPath]: { text: "nothing here" } }],
    [
      "a file with a broken certificate",
      { PGSSLMODE: "verify-ca" },
      { [rootPath]: { text: authority.replace(/M.{10}/, "M") } },
    ],
  ];
  for (const [name, env, files] of refused) {
    test(`refuses ${name}`, () => {
      expect(refusalOf(() => read({ env }, files))).toMatchObject({
        kind: "config",
        operation: "connect",
      });
    });
  }
});

describe("the password file", () => {
  const path = "/home/me/.pgpass";
  const text = "# host:port:database:user:password\nlocalhost:5432:me:me:from-file\n";

  test("is asked where no password is given", () => {
    expect(read({}, { [path]: { text } }).password).toBe("from-file");
    expect(read({ env: { PGPASSWORD: "given" } }, { [path]: { text } }).password).toBe("given");
    expect(read({ env: { PGPASSFILE: "/other" } }, { "/other": { text } }).password).toBe("from-file");
    expect(read({ url: "postgres://localhost?passfile=/other" }, { "/other": { text } }).password).toBe(
      "from-file",
    );
  });

  test("is ignored, and told of, where others may read it", () => {
    const { password, openPasswordFile } = read({}, { [path]: { text, openToOthers: true } });
    expect(password).toBeUndefined();
    expect(openPasswordFile).toBe(path);
  });
});

const question = { host: "db.example.com", port: 5432, database: "events", user: "etl" };

const passwordFiles: [string, string, string | undefined][] = [
  ["a line that fits", "db.example.com:5432:events:etl:secret", "secret"],
  [
    "the first line that fits",
    "other:*:*:*:no\n*:*:*:*:first\ndb.example.com:5432:events:etl:second",
    "first",
  ],
  ["a star for each field", "*:*:*:*:secret", "secret"],
  ["another port", "db.example.com:5433:events:etl:secret", undefined],
  ["another user", "db.example.com:5432:events:me:secret", undefined],
  ["a comment", "#*:*:*:*:secret", undefined],
  ["Windows line ends", "*:*:*:*:secret\r\n", "secret"],
  ["an escaped colon and backslash in the password", "*:*:*:*:se\\:cr\\\\et", "se:cr\\et"],
  ["a password up to a colon that is not escaped", "*:*:*:*:secret:rest", "secret"],
  ["a line that is too short", "*:*:*:*", undefined],
  ["an empty password", "*:*:*:*:\n*:*:*:*:secret", "secret"],
  ["an escaped star, which is a star", "\\*:*:*:*:secret", undefined],
  ["an empty file", "", undefined],
];
for (const [name, text, expected] of passwordFiles) {
  test(`the password file: ${name}`, () => expect(findPassword(text, question)).toBe(expected));
}

test("the password file: escapes in the other fields", () => {
  const text = "\\:\\:1:*:a\\\\b:*:secret";
  expect(findPassword(text, { ...question, host: "::1", database: "a\\b" })).toBe("secret");
});

test("the password file: a default socket folder is called localhost", () => {
  expect(findPassword("localhost:*:*:*:secret", { ...question, host: "/var/run/postgresql" })).toBe("secret");
  expect(findPassword("localhost:*:*:*:secret", { ...question, host: "/elsewhere" })).toBeUndefined();
});
