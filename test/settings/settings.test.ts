import { describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import fc from "fast-check";
import { userLogins } from "../../src/message/mapping.ts";
import type { SettingFlags } from "../../src/settings/options.ts";
import { loadSettings, type Settings } from "../../src/settings/settings.ts";
import type { ReadFile } from "../../src/settings/text-file.ts";
import { refusalOf } from "../support/refusal.ts";

const noFiles: ReadFile = () => undefined;

function load({
  flags = {},
  env = {},
  toml,
}: {
  flags?: SettingFlags;
  env?: Record<string, string>;
  toml?: string;
}) {
  const readFile: ReadFile = (path) =>
    path === "etl.toml" && toml !== undefined ? { text: toml, openToOthers: false } : undefined;
  return loadSettings({ flags, env, readFile });
}

describe("loadSettings", () => {
  test("with nothing said gives the defaults", () => {
    const settings = loadSettings({ flags: {}, env: {}, readFile: noFiles });
    expect(JSON.parse(JSON.stringify(settings))).toEqual({
      queue: { body: { envelope: "none", encoding: "none" }, extendedPayloads: false },
      database: { file: {} },
      table: { name: "user_logins", mapping: userLogins },
      ledger: {},
      mask: { algorithm: "hmac-sha256" },
      drain: { batchSize: 500, giveUpAfterSeconds: 300, graceSeconds: 20 },
      rejects: { action: "leave" },
      log: { format: "text", quiet: false },
    });
  });

  /** One setting, the three places that may hold it, and where it ends up. */
  interface Case {
    readonly name: string;
    readonly flag?: (value: string) => SettingFlags;
    /** From the one that comes first to the one that comes last. */
    readonly variables?: readonly string[];
    readonly toml?: (value: string) => string;
    readonly read: (settings: Settings) => unknown;
    /** Turns a letter into a value that the setting takes. */
    readonly value?: (letter: string) => string;
    readonly fallback?: unknown;
  }

  const number = (letter: string) => String(letter.charCodeAt(0) % 20);

  const cases: readonly Case[] = [
    {
      name: "queue URL",
      flag: (queueUrl) => ({ queueUrl }),
      variables: ["ETL_QUEUE_URL"],
      toml: (value) => `queue.url = "${value}"`,
      read: ({ queue }) => queue.url,
    },
    {
      name: "queue endpoint",
      variables: ["AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL"],
      toml: (value) => `queue.endpoint = "${value}"`,
      read: ({ queue }) => queue.endpoint,
    },
    {
      name: "region of the file",
      toml: (value) => `queue.region = "${value}"`,
      read: ({ queue }) => queue.region,
    },
    {
      name: "region of the environment",
      variables: ["AWS_REGION", "AWS_DEFAULT_REGION"],
      read: ({ queue }) => queue.environmentRegion,
    },
    {
      name: "database URL",
      flag: (databaseUrl) => ({ databaseUrl }),
      variables: ["DATABASE_URL"],
      read: ({ database }) => database.url,
    },
    {
      name: "database URL of the file",
      toml: (value) => `database.url = "${value}"`,
      read: ({ database }) => database.file.url,
    },
    {
      name: "table",
      flag: (table) => ({ table }),
      toml: (value) => `table.name = "${value}"`,
      read: ({ table }) => table.name,
      fallback: "user_logins",
    },
    {
      name: "table's schema",
      toml: (value) => `database.schema = "${value}"`,
      read: ({ table }) => /(.*)\.user_logins/.exec(table.name)?.[1],
    },
    {
      name: "quiet log",
      flag: () => ({ quiet: true }),
      toml: () => "log.quiet = true",
      value: () => "true",
      read: ({ log }) => String(log.quiet),
      fallback: "false",
    },
    {
      name: "mask key",
      variables: ["ETL_MASK_KEY"],
      read: ({ mask }) => mask.key,
    },
    {
      name: "mask key file",
      variables: ["ETL_MASK_KEY_FILE"],
      toml: (value) => `mask.key_file = "/${value}"`,
      value: (letter) => `/${letter}`,
      read: ({ mask }) => mask.keyFile?.replace("//", "/"),
    },
    {
      name: "most messages",
      flag: (value) => ({ maxMessages: Number(value) }),
      toml: (value) => `drain.max_messages = ${value}`,
      value: number,
      read: ({ drain }) => drain.maxMessages?.toString(),
    },
    {
      name: "batch size",
      flag: (value) => ({ batchSize: Number(value) }),
      toml: (value) => `drain.batch_size = ${value}`,
      value: number,
      read: ({ drain }) => drain.batchSize.toString(),
      fallback: "500",
    },
    {
      name: "connections",
      flag: (value) => ({ connections: Number(value) }),
      variables: ["ETL_CONNECTIONS"],
      toml: (value) => `drain.connections = ${value}`,
      value: (letter) => String(letter.charCodeAt(0) % 8 || 8),
      read: ({ drain }) => drain.connections?.toString(),
    },
    {
      name: "ledger's schema",
      flag: (ledgerSchema) => ({ ledgerSchema }),
      variables: ["ETL_LEDGER_SCHEMA"],
      toml: (value) => `ledger.schema = "${value}"`,
      read: ({ ledger }) => ledger.schema,
    },
    {
      name: "receivers",
      flag: (value) => ({ receivers: Number(value) }),
      toml: (value) => `drain.receivers = ${value}`,
      value: number,
      read: ({ drain }) => drain.receivers?.toString(),
    },
    {
      name: "wait",
      flag: (value) => ({ waitSeconds: Number(value) }),
      toml: (value) => `drain.wait_seconds = ${value}`,
      value: number,
      read: ({ drain }) => drain.waitSeconds?.toString(),
    },
    {
      name: "in flight",
      flag: (value) => ({ maxInFlight: Number(value) }),
      toml: (value) => `drain.max_in_flight = ${value}`,
      value: (letter) => `${number(letter)}0`,
      read: ({ drain }) => drain.maxInFlight?.toString(),
    },
    {
      name: "give up",
      flag: (value) => ({ giveUpAfter: Number(value) }),
      toml: (value) => `drain.give_up_after_seconds = ${value}`,
      value: number,
      read: ({ drain }) => drain.giveUpAfterSeconds.toString(),
      fallback: "300",
    },
    {
      name: "grace",
      flag: (value) => ({ graceSeconds: Number(value) }),
      toml: (value) => `drain.grace_seconds = ${value}`,
      value: number,
      read: ({ drain }) => drain.graceSeconds.toString(),
      fallback: "20",
    },
    {
      name: "dead letters",
      flag: (value) => ({ deadLetterUrl: value }),
      toml: (value) => `rejects.dead_letter_url = "${value}"`,
      read: ({ rejects }) => rejects.deadLetterUrl,
    },
  ];

  test.each(cases)("$name: the first place that has it wins", (setting) => {
    const { flag, variables = [], toml, read, value = (letter: string) => letter } = setting;
    const [inFlag, inFile, ...inVariables] = ["A", "B", "C", "D"].map(value);
    const given = fc.record({
      flag: fc.boolean(),
      variables: fc.tuple(...variables.map(() => fc.constantFrom("unset", "empty", "set"))),
      file: fc.boolean(),
    });
    fc.assert(
      fc.property(given, (which) => {
        const env: Record<string, string> = {};
        const candidates: unknown[] = [];
        if (which.flag && flag) candidates.push(inFlag);
        for (const [index, name] of variables.entries()) {
          if (which.variables[index] === "unset") continue;
          env[name] = which.variables[index] === "set" ? String(inVariables[index]) : "";
          if (env[name] !== "") candidates.push(env[name]);
        }
        if (which.file && toml) candidates.push(inFile);
        candidates.push(setting.fallback);
        const settings = load({
          flags: which.flag && flag ? flag(String(inFlag)) : {},
          env,
          ...(which.file && toml ? { toml: toml(String(inFile)) } : {}),
        });
        expect(read(settings)).toEqual(candidates[0]);
      }),
    );
  });

  test.each(["0", "9", "1.5", "1e0", "many"])("ETL_CONNECTIONS=%s is refused", (text) => {
    expect(refusalOf(() => load({ env: { ETL_CONNECTIONS: text } }))).toMatchObject({
      exitCode: 78,
      message: `ETL_CONNECTIONS must be a whole number from 1 to 8; found "${text}"`,
      hint: "unset ETL_CONNECTIONS",
    });
    expect(load({ env: { ETL_CONNECTIONS: text }, flags: { connections: 2 } }).drain.connections).toBe(2);
  });

  test("a method of masking comes from flag, file, default", () => {
    const toml = '[mask]\nalgorithm = "sha256"';
    expect(load({}).mask.algorithm).toBe("hmac-sha256");
    expect(load({ toml }).mask.algorithm).toBe("sha256");
    expect(load({ toml, flags: { mask: "hmac-sha256" } }).mask.algorithm).toBe("hmac-sha256");
  });

  test("a key in the environment hides the file's key_file, and both variables are kept to be refused", () => {
    const toml = 'mask.key_file = "/keys/old"';
    expect(load({ toml, env: { ETL_MASK_KEY: "k" } }).mask).toMatchObject({ key: "k", keyFile: undefined });
    expect(load({ env: { ETL_MASK_KEY: "k", ETL_MASK_KEY_FILE: "/keys/new" } }).mask).toMatchObject({
      key: "k",
      keyFile: "/keys/new",
    });
  });

  test.each([
    ["true", undefined],
    ["TRUE", undefined],
    ["false", "http://e"],
    ["", "http://e"],
  ])("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=%s gives the endpoint %p", (ignored, endpoint) => {
    const env = { AWS_ENDPOINT_URL_SQS: "http://e", AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: ignored };
    expect(load({ env }).queue.endpoint).toBe(endpoint);
    const toml = 'queue.endpoint = "http://file"';
    expect(load({ env, toml }).queue.endpoint).toBe(endpoint ?? "http://file");
  });

  test("the file is --config, else ETL_CONFIG, else etl.toml", () => {
    const readFile: ReadFile = (path) => ({ text: `table.name = "from ${path}"`, openToOthers: false });
    const table = (flags: SettingFlags, env: Record<string, string>) =>
      loadSettings({ flags, env, readFile });
    expect(table({ config: "a.toml" }, { ETL_CONFIG: "b.toml" }).table.name).toBe("from a.toml");
    expect(table({}, { ETL_CONFIG: "b.toml" }).table.name).toBe("from b.toml");
    const fromDefault = { table: { name: "from etl.toml" }, configPath: "etl.toml" };
    expect(table({}, { ETL_CONFIG: "" })).toMatchObject(fromDefault);
  });

  test("paths in the file are seen from its folder, paths in the environment from the current one", () => {
    const toml = '[mask]\nkey_file = "keys/mask"\n[database]\nsslrootcert = "../ca.pem"';
    const settings = loadSettings({
      flags: { config: "/etc/etl/conf/etl.toml" },
      env: {},
      readFile: () => ({ text: toml, openToOthers: true }),
    });
    expect(settings.mask.keyFile).toBe("/etc/etl/conf/keys/mask");
    expect(settings.database.file.sslrootcert).toBe("/etc/etl/ca.pem");
    expect(load({ toml }).mask.keyFile).toBe(resolve("keys/mask"));
    expect(load({ env: { ETL_MASK_KEY_FILE: "keys/mask" } }).mask.keyFile).toBe("keys/mask");
    expect(load({ toml: 'database.sslrootcert = "system"' }).database.file.sslrootcert).toBe("system");
  });

  test.each([
    ["logins", undefined, "logins"],
    ["logins", "events", "events.logins"],
    ["logins", '"My Events"', '"My Events".logins'],
    ["public.logins", "events", "public.logins"],
    ['"a.b"', "events", 'events."a.b"'],
    ['"a""."."b.c"', "events", '"a""."."b.c"'],
  ])("the table %s in the schema %p is %s", (name, schema, whole) => {
    const toml = `table.name = '${name}'${schema === undefined ? "" : `\ndatabase.schema = '${schema}'`}`;
    expect(load({ toml }).table.name).toBe(whole);
  });

  test("how bodies are written, and how the log is", () => {
    const toml =
      '[queue]\nenvelope = "sns"\nencoding = "gzip+base64"\nextended_payloads = true\n[log]\nformat = "json"';
    expect(load({ toml }).queue).toMatchObject({
      body: { envelope: "sns", encoding: "gzip+base64" },
      extendedPayloads: true,
    });
    expect(load({ toml }).log).toEqual({ format: "json", quiet: false });
    expect(load({ toml, flags: { quiet: false } }).log.quiet).toBe(false);
  });

  test("a database that a flag or a variable names as a whole leaves nothing of the file's, its secrets unread", () => {
    const toml = '[database]\nhost = "h"\npassword = "env:NOT_SET"\nschema = "events"';
    expect(load({ toml, env: { DATABASE_URL: "postgres://a/b" } })).toMatchObject({
      database: { url: "postgres://a/b", file: {} },
      table: { name: "events.user_logins" },
    });
  });

  test("a mapping of the file's stands in the place of the preset", () => {
    const toml = '[table]\nname = "t"\n[[table.columns]]\nname = "a"\nfrom = "b.c"';
    expect(load({ toml }).table).toEqual({
      name: "t",
      mapping: {
        columns: [
          {
            column: "a",
            source: { in: "body", path: ["b", "c"] },
            type: "text",
            transforms: [],
            required: false,
          },
        ],
        conflict: { action: "reject" },
      },
    });
    const preset = load({ toml: '[table]\npreset = "user-logins"\nconflict = "ignore"' }).table;
    expect(preset).toEqual({
      name: "user_logins",
      mapping: { ...userLogins, conflict: { action: "ignore" } },
    });
  });
});
