import { describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import fc from "fast-check";
import * as v from "valibot";
import { userLogins } from "../../src/message/mapping.ts";
import type { SettingFlags } from "../../src/settings/options.ts";
import { flagKey } from "../../src/settings/setting.ts";
import { type SettingKey, settingKeys, settingOf } from "../../src/settings/setting-table.ts";
import { findSetting } from "../../src/settings/setting-value.ts";
import { loadSettings } from "../../src/settings/settings.ts";
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
      table: { name: "user_logins", mapping: { ...userLogins, unmapped: "warn" } },
      ledger: {},
      mask: { algorithm: "hmac-sha256" },
      drain: { batchSize: 500, giveUpAfterSeconds: 300, graceSeconds: 20 },
      rejects: { action: "leave" },
      log: { format: "text", quiet: false },
    });
  });

  /** Two values that the setting takes, as they are typed and as they are written. */
  const samples = (key: SettingKey): readonly { readonly typed: string; readonly value: unknown }[] => {
    const { kind } = settingOf(key);
    const candidates = ["true", "false", "20", "7", "1", "A", "B", "env:A", "env:B", "user-logins"];
    const words = "values" in kind && typeof kind.values === "object" ? kind.values : candidates;
    const read = (typed: string) => ("read" in kind ? kind.read(typed) : typed === "true" || typed);
    return words
      .map((typed) => ({ typed, value: read(typed) }))
      .filter(({ value }) => v.is(kind.schema, value));
  };

  test.each(settingKeys.filter((key) => key !== "table.key"))(
    "%s is taken from the flag, else the variables in turn, else the file, else the default",
    (key) => {
      const { flag, flagSets, variables = [], fileFirst, default: fallback } = settingOf(key);
      const [first, second = first] = samples(key);
      if (first === undefined || second === undefined) throw new Error("no value");
      const [section = "", inner = ""] = key.split(".");
      const name = flag && flagKey(flag);
      const given = fc.record({
        flag: fc.boolean(),
        variables: fc.tuple(...variables.map(() => fc.constantFrom(undefined, "", second.typed))),
        file: fc.boolean(),
      });
      fc.assert(
        fc.property(given, (which) => {
          const env = Object.fromEntries(variables.map((word, index) => [word, which.variables[index]]));
          const inFile = which.file ? [{ value: first.value, from: "file" }] : [];
          const fromVariables = variables.flatMap((word) =>
            // What etl itself reads has its type; what a library reads is shown as it is.
            env[word] ? [{ value: word.startsWith("ETL_") ? second.value : second.typed, from: word }] : [],
          );
          const candidates = [
            ...(which.flag && name ? [{ value: flagSets ?? first.value, from: flag }] : []),
            ...(fileFirst ? [...inFile, ...fromVariables] : [...fromVariables, ...inFile]),
            { value: fallback, from: "default" },
          ];
          const { value, origin } = findSetting(key, {
            flags: which.flag && name ? { [name]: flagSets === undefined ? first.value : true } : {},
            env,
            file: which.file ? { [section]: { [inner]: first.value } } : {},
          });
          expect({ value, from: "name" in origin ? origin.name : origin.from }).toEqual(
            candidates[0] as { value: unknown; from: string },
          );
        }),
        { numRuns: 40 },
      );
    },
  );

  test("each setting is where the commands look for it", () => {
    const toml = `
      queue = { url = "u", region = "r", endpoint = "e", envelope = "sns", encoding = "base64", extended_payloads = true }
      database = { host = "h", port = 1, name = "n", user = "o", sslmode = "m", sslrootcert = "/c", schema = "s" }
      mask = { algorithm = "sha256", key_file = "/k" }
      table = { name = "t", conflict = "ignore" }
      ledger = { schema = "l" }
      rejects = { action = "dead-letter", dead_letter_url = "d" }
      log = { format = "json", quiet = true }
      [drain]
      max_messages = 1
      batch_size = 2
      connections = 3
      receivers = 4
      wait_seconds = 5
      max_in_flight = 16
      give_up_after_seconds = 7
      grace_seconds = 8`;
    const { mapping, ...table } = load({ toml }).table;
    expect(mapping.conflict).toEqual({ action: "ignore" });
    expect(JSON.parse(JSON.stringify({ ...load({ toml }), table }))).toEqual({
      configPath: "etl.toml",
      queue: {
        ...{ url: "u", region: "r", endpoint: "e", extendedPayloads: true },
        body: { envelope: "sns", encoding: "base64" },
      },
      database: { file: { host: "h", port: 1, name: "n", user: "o", sslmode: "m", sslrootcert: "/c" } },
      table: { name: "s.t" },
      ledger: { schema: "l" },
      mask: { algorithm: "sha256", keyFile: "/k" },
      drain: {
        ...{ maxMessages: 1, batchSize: 2, connections: 3, receivers: 4, waitSeconds: 5 },
        ...{ maxInFlight: 16, giveUpAfterSeconds: 7, graceSeconds: 8 },
      },
      rejects: { action: "dead-letter", deadLetterUrl: "d" },
      log: { format: "json", quiet: true },
    });
    // The URL of the queue stands between the region of the file and that of the environment.
    expect(load({ env: { AWS_REGION: "r" } }).queue).toMatchObject({ environmentRegion: "r" });
    expect(load({ flags: { databaseUrl: "u" } }).database).toEqual({ url: "u", file: {} });
    expect(load({ flags: { quiet: false } }).log.quiet).toBe(false);
  });

  test.each(["0", "9", "1.5", "1e0", "many"])("ETL_CONNECTIONS=%s is refused", (text) => {
    expect(refusalOf(() => load({ env: { ETL_CONNECTIONS: text } }))).toMatchObject({
      exitCode: 78,
      message: `ETL_CONNECTIONS must be a whole number from 1 to 8; found "${text}"`,
      hint: "unset ETL_CONNECTIONS",
    });
    expect(load({ env: { ETL_CONNECTIONS: text }, flags: { connections: 2 } }).drain.connections).toBe(2);
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
        unmapped: "warn",
      },
    });
    const preset = load({ toml: '[table]\npreset = "user-logins"\nconflict = "ignore"' }).table;
    expect(preset).toEqual({
      name: "user_logins",
      mapping: { ...userLogins, conflict: { action: "ignore" }, unmapped: "warn" },
    });
  });
});
