import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { EtlError } from "../../src/errors.ts";
import { userLogins } from "../../src/message/mapping.ts";
import { readSettingsFile } from "../../src/settings/settings-file.ts";
import { everyWordOf, refusalOf } from "../support/refusal.ts";
import { rowsOf } from "../support/rows.ts";

function read(text: string, openToOthers = false) {
  return readSettingsFile("conf/etl.toml", () => ({ text, openToOthers })).settings;
}

const whole = `
[queue]
url = "https://sqs.eu-west-1.amazonaws.com/123456789012/login-queue"
region = "eu-west-1"
endpoint = "http://localhost:9324"

[database]
host = "db.example"
port = 5433
name = "logins"
user = "etl"
password_file = "db.password"
sslmode = "verify-full"
sslrootcert = "ca.pem"

[mask]
algorithm = "sha256"
key_file = "mask.key"

[table]
name = "events.user_logins"

[drain]
max_messages = 1000000000
batch_size = 10000
receivers = 256
wait_seconds = 0
`;

describe("readSettingsFile", () => {
  test("reads every key there is", () => {
    expect(read(whole)).toEqual({
      queue: {
        url: "https://sqs.eu-west-1.amazonaws.com/123456789012/login-queue",
        region: "eu-west-1",
        endpoint: "http://localhost:9324",
      },
      database: {
        host: "db.example",
        port: 5433,
        name: "logins",
        user: "etl",
        password_file: "db.password",
        sslmode: "verify-full",
        sslrootcert: "ca.pem",
      },
      mask: { algorithm: "sha256", key_file: "mask.key" },
      table: { name: "events.user_logins" },
      drain: { max_messages: 1_000_000_000, batch_size: 10_000, receivers: 256, wait_seconds: 0 },
    });
  });

  test("an empty file says nothing", () => {
    expect(read("# nothing yet\n")).toEqual({});
  });

  test("the file that is looked for where none is named may be missing, a named one may not", () => {
    const asked: string[] = [];
    const readFile = (path: string) => {
      asked.push(path);
      return undefined;
    };
    expect(readSettingsFile(undefined, readFile)).toEqual({ settings: {}, mapping: userLogins });
    expect(refusalOf(() => readSettingsFile("my.toml", readFile))).toMatchObject({
      exitCode: 78,
      message: "my.toml does not exist",
    });
    expect(asked).toEqual(["etl.toml", "my.toml"]);
  });

  test.each(
    rowsOf(`
    [queue]¶¶ulr = "x" | line 3: there is no key "ulr" in [queue]; did you mean "url"?
    [drain]¶batch-size = 1 | line 2: there is no key "batch-size" in [drain]; did you mean "batch_size"?
    [drian]¶batch_size = 1 | line 1: there is no key "drian"; did you mean "drain"?
    batch_size = 1 | line 1: there is no key "batch_size"
    drain.zzz = 1 | line 1: there is no key "zzz" in [drain]
    [drain]¶constructor = 1 | line 2: there is no key "constructor" in [drain]
    [drain]¶toString = 1 | line 2: there is no key "toString" in [drain]
    __proto__ = 1 | line 1: there is no key "__proto__"
    [drain]¶__proto__ = { batch_size = 1 } | line 2: there is no key "__proto__" in [drain]
    [mask]¶keyfile = 'x' | line 2: there is no key "keyfile" in [mask]; did you mean "key_file"?
    [mask]¶key = "c2VjcmV0" | line 2: mask.key must be "env:NAME" or "file:PATH": the secret itself does not belong into this file; found a string
    [queue]¶extended_payloads = 1 | line 2: queue.extended_payloads must be true or false; found a number
    [queue]¶envelope = 'SNS' | line 2: queue.envelope must be one of none, sns, eventbridge, auto; found "SNS"
    [table]¶key = 'a' | line 2: table.key must be a list of column names; found a string
    [table]¶key = ['a', 1] | line 2: table.key must be a list of column names; found a number
    queue = 1 | line 1: queue must be a table; found a number
    queue = [] | line 1: queue must be a table; found an array
    [[queue]]¶url = 'x' | line 1: queue must be a table; found an array
    queue = 2026-01-02 | line 1: queue must be a table; found a date or time
    [queue]¶url = 12345 | line 2: queue.url must be a string; found a number
    [queue]¶url = '' | line 2: queue.url must be a string that is not empty; found an empty string
    [queue]¶url = true | line 2: queue.url must be a string; found a boolean
    [queue]¶url.x = 1 | line 2: queue.url must be a string; found a table
    [database]¶port = '5432' | line 2: database.port must be a whole number from 1 to 65535; found a string
    [database]¶port = 0 | line 2: database.port must be a whole number from 1 to 65535; found 0
    [database]¶port = 65536 | line 2: database.port must be a whole number from 1 to 65535; found 65536
    [drain]¶batch_size = 10001 | line 2: drain.batch_size must be a whole number from 1 to 10000; found 10001
    [drain]¶receivers = 1.5 | line 2: drain.receivers must be a whole number from 1 to 256; found 1.5
    [drain]¶receivers = nan | line 2: drain.receivers must be a whole number from 1 to 256; found a number
    [drain]¶receivers = inf | line 2: drain.receivers must be a whole number from 1 to 256; found Infinity
    [drain]¶wait_seconds = 21 | line 2: drain.wait_seconds must be a whole number from 0 to 20; found 21
    [mask]¶algorithm = 'md5' | line 2: mask.algorithm must be one of hmac-sha256, sha256; found "md5"`),
  )("%j is refused, with its place", (text = "", says = "") => {
    const refusal = refusalOf(() => read(text));
    expect(refusal).toMatchObject({ kind: "config", message: `conf/etl.toml ${says}` });
  });

  test("the line is the one that the key stands on, after comments, arrays and texts of several lines", () => {
    const text = [
      "# [drain]", // 1
      "[queue]", // 2
      'url = """', // 3
      "[drain]", // 4
      'batch_size = "no"', // 5
      '"""', // 6
      "", // 7
      "region = 'x' # batch_size = true", // 8
      "[ drain ] # here", // 9
      "receivers = 3", // 10
      '  "batch_size"  = [', // 11
      "  1,", // 12
      "]", // 13
    ];
    for (const newline of ["\n", "\r\n"]) {
      expect(refusalOf(() => read(text.join(newline))).message).toContain(
        "etl.toml line 11: drain.batch_size",
      );
    }
  });

  const [noToml, twice, tooLarge] = [
    "this is not valid TOML",
    "this key or table is in the file twice",
    "this number is too large",
  ];
  test.each([
    ["password = hunter2canary", noToml],
    ['[database]\nurl = "postgres://etl:hunter2canary@db/x', noToml],
    ["hunter2canary", noToml],
    ["[hunter2canary", noToml],
    ["x = 'hunter2canary'\nx = 'hunter2canary'", twice],
    ["[hunter2canary]\n[hunter2canary]", twice],
    ["x = 9223372036854775807999 # hunter2canary", tooLarge],
    ["x = 2026-13-45 # hunter2canary", "this is no date"],
    [`x = ${"[".repeat(1100)} # hunter2canary`, noToml],
  ])("a file that is no TOML is refused by line and column and not quoted: %j", (text, words) => {
    const refusal = refusalOf(() => read(text));
    expect(refusal.message).toMatch(/^conf\/etl\.toml line \d+, column \d+: this .*$/);
    expect(refusal.message).toEndWith(`: ${words}`);
    expect(everyWordOf(refusal)).not.toContain("hunter2");
  });

  test("whatever the file holds, it is read or refused, and a secret in it is never shown", () => {
    const secret = "S3cr3t/Canary+0123456789=";
    const key = fc.constantFrom("url", "password", "key", "sslmode", "port", "algorithm", "x", secret);
    const value = fc.constantFrom(
      `"${secret}"`,
      `'${secret}`,
      `["${secret}"]`,
      `{ "${secret}" = "${secret}" }`,
      secret,
      `"""\n${secret}\n"""`,
    );
    const table = fc.constantFrom("", "[queue]", "[database]", "[mask]", "[[drain]]", `["${secret}"]`, "[");
    const line = fc.oneof(
      table,
      fc.tuple(key, value).map(([name, written]) => `${name} = ${written}`),
      fc.string({ maxLength: 8 }),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
        try {
          read(lines.join("\n"));
        } catch (error) {
          if (!(error instanceof EtlError)) throw error;
          expect(error.kind).toBe("config");
          expect(everyWordOf(error)).not.toContain("Canary");
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("a database password", () => {
  const withPassword = [
    '[database]\nurl = "postgres://etl:hunter2canary@db/x"',
    '[database]\nurl = "postgres://etl:hun/ter2canary@db/x"',
    '[database]\nurl = "postgresql:///x?user=etl&password=hunter2canary"',
  ];
  const withoutPassword = [
    '[database]\nurl = "postgres://etl@db:5432/x"',
    '[database]\nurl = "postgres://[::1]:5432/x?sslmode=require"',
    "[database]\nhost = 'db'\nuser = 'etl'",
  ];

  test.each(withPassword)("in a file for its owner alone is read, in one for others refused: %s", (text) => {
    expect(read(text, false).database?.url).toContain("canary");
    const refusal = refusalOf(() => read(text, true));
    expect(refusal).toMatchObject({ exitCode: 78, hint: "chmod 600 conf/etl.toml" });
    expect(everyWordOf(refusal)).not.toContain("canary");
  });

  test.each(withoutPassword)("that is not in the file asks for no mode: %s", (text) => {
    expect(read(text, true)).toEqual(read(text, false));
  });

  test("cannot be given twice, nor the database", () => {
    const twice = `${withPassword[0]}\npassword_file = "db.password"`;
    expect(refusalOf(() => read(twice)).message).toContain(
      "database.password_file stands beside a password in the url",
    );
    const both = `${withoutPassword[0]}\nhost = "db"\nport = 1`;
    expect(refusalOf(() => read(both)).message).toContain("database.url stands beside host, port");
  });
});
