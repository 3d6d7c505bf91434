import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { endOf, type RunOptions, runEtl, spawnEtlInTerminal } from "../support/binary.ts";
import { startFaultyServer } from "../support/sqs-faults.ts";
import { fileWorld } from "../support/world.ts";

const world = await fileWorld("once");

/** What personal fields hold, and must be seen nowhere. */
const personal = { ip: "203.0.113.77", device_id: "CANARY-device-id" };

/** What fields hold that are stored as they are: only a row may show it, a log or an error never. */
const plain = { user_id: "CANARY-user-id", device_type: "CANARY-device", locale: "CANARY-locale" };

const good = { ...personal, ...plain, app_version: "2.3.0", extra: "CANARY-extra" };
const event = (changes: Readonly<Record<string, unknown>>) => JSON.stringify({ ...good, ...changes });

/** A body for each way to be refused; the canary is where it is refused. */
const badBodies = [
  "CANARY-body is no json",
  '["CANARY-array"]',
  event({ app_version: "CANARY-version" }),
  event({ app_version: "1.CANARY" }),
  event({ app_version: ["CANARY-list"] }),
  event({ ip: { "CANARY-key": "CANARY-object" } }),
  event({ device_id: "CANARY-nul\u0000" }),
  event({ user_id: "CANARY-surrogate\ud800" }),
  event({ locale: "CANARY-long".repeat(10) }),
  event({ user_id: null, "CANARY-name": 1 }),
];

const key = Buffer.from("CANARY-mask-key-of-exactly-32-by").toString("base64");
const secrets = {
  AWS_ACCESS_KEY_ID: "AKIACANARYACCESSKEY0",
  AWS_SECRET_ACCESS_KEY: "CANARY/aws+secret",
  AWS_SESSION_TOKEN: "CANARY-session-token",
  ETL_MASK_KEY_FILE: undefined,
  ETL_MASK_KEY: key,
};

/** Every text that must not be seen: the canaries, whatever their letters became, and forms of the key and the password. */
const leaks = [
  "canary",
  personal.ip,
  key,
  key.replace(/=+$/, ""),
  Buffer.from(key, "base64").toString("base64url"),
  Buffer.from(key, "base64").toString("hex"),
  "s3cret/p@ss:%",
  encodeURIComponent("s3cret/p@ss:%"),
];

function expectNoLeak(text: string): void {
  const lower = text.toLowerCase();
  for (const leak of leaks) expect(lower).not.toContain(leak.toLowerCase());
}

/** Runs a command in each form that its output can have; gives all that was written. */
async function everyOutput(args: readonly string[], options: RunOptions): Promise<string> {
  const outputs: string[] = [];
  for (const form of [[], ["--json"], ["--quiet"]]) {
    const { stdout, stderr } = await runEtl([...args, ...form], options);
    outputs.push(stdout, stderr);
  }
  outputs.push((await endOf(spawnEtlInTerminal(args, options))).output);
  return outputs.join("\n");
}

const drain = ["drain", "--wait-seconds", "0"];

const queueWith = async (bodies: readonly string[]) =>
  (await world.queueWith(bodies, { VisibilityTimeout: 0 })).url;

const runOptions = (url: string, changes: Readonly<Record<string, string | undefined>> = {}) => ({
  env: world.env(url, { ...secrets, ...changes }),
  cwd: world.folder,
});

describe("messages that are rejected", () => {
  test.each([[drain], [[...drain, "--dry-run"]]])(
    "show nothing of what they hold in etl %j",
    async (args) => {
      const output = await everyOutput(args, runOptions(await queueWith(badBodies)));
      expect(output).toContain("version_not_numeric");
      expect(output).toContain("text_lone_surrogate");
      expectNoLeak(output);
    },
  );
});

describe("no output shows what Postgres says of a row, which quotes values, after", () => {
  beforeEach(() => world.emptyTable());
  afterAll(() => world.emptyTable());

  test.each<[what: string, sql: string, reason: string]>([
    ["a check", "alter table user_logins add constraint short check (length(user_id) < 3)", "sqlstate_23514"],
    ["a unique index", "create unique index one on user_logins ((left(user_id, 6)))", "sqlstate_23505"],
    [
      "a trigger that raises with the row",
      `create function refuse() returns trigger language plpgsql as $$
         begin
           raise exception 'row %', new using detail = new.user_id, hint = new.locale, column = 'c', constraint = 'refused';
         end $$;
       create trigger refuse before insert on user_logins for each row execute function refuse()`,
      "sqlstate_P0001",
    ],
    [
      "a trigger that casts a value",
      `create function cast_it() returns trigger language plpgsql as 'begin perform new.user_id::integer; return new; end';
       create trigger cast_it before insert on user_logins for each row execute function cast_it()`,
      "sqlstate_22P02",
    ],
    [
      "a trigger that warns, and fails",
      `create function warn() returns trigger language plpgsql as $$
         begin raise warning 'row %', new; raise notice '%', new.user_id; perform new.user_id::regclass; return new; end $$;
       create trigger warn before insert on user_logins for each row execute function warn()`,
      "error: ",
    ],
  ])("%s", async (_, sql, reason) => {
    await world.database.sql.unsafe(sql);
    const output = await everyOutput(
      drain,
      runOptions(await queueWith([event({}), event({ locale: null })])),
    );
    expect(output).toContain(reason);
    expectNoLeak(output);
  });
});

describe.concurrent("no output shows a secret if", () => {
  const broken: readonly [what: string, changes: Readonly<Record<string, string | undefined>>][] = [
    ["the key is damaged", { ETL_MASK_KEY: `${key}CANARY!` }],
    ["the key is too short", { ETL_MASK_KEY: Buffer.from("CANARY").toString("base64") }],
    ["the key is given twice", { ETL_MASK_KEY_FILE: "/nonexistent/key" }],
    ["the secret key has a line break", { AWS_SECRET_ACCESS_KEY: "CANARY\nsecret" }],
    ["the token has a blank", { AWS_SESSION_TOKEN: "CANARY token" }],
    ["the queue's URL holds a password", { ETL_QUEUE_URL: "https://CANARY:CANARY@sqs.example/1/q" }],
    [
      "the queue's URL holds a signature",
      { ETL_QUEUE_URL: "https://sqs.example/1/q?X-Amz-Signature=CANARY" },
    ],
    ["the endpoint holds a password", { AWS_ENDPOINT_URL_SQS: "http://u:CANARY@127.0.0.1:1" }],
    ["the proxy holds a password", { HTTP_PROXY: "http://u:CANARY@127.0.0.1:1" }],
    ["the database refuses the password", { DATABASE_URL: undefined, PGPASSWORD: "CANARY-password" }],
    ["nothing listens for the database", { DATABASE_URL: "postgres://etl:CANARY@127.0.0.1:1/x" }],
    ["the database's URL is damaged", { DATABASE_URL: "postgres://etl:CANARY@127.0.0.1:port/x" }],
    [
      "the database's URL has an unknown word",
      { DATABASE_URL: "postgres://etl@127.0.0.1/x?passwort=CANARY" },
    ],
    ["the database's URL is of another kind", { DATABASE_URL: "mysql://etl:CANARY@127.0.0.1/x" }],
  ];

  test.each(broken)("%s", async (_, changes) => {
    const url = await queueWith([event({})]);
    const elsewhere = changes.DATABASE_URL === undefined && "DATABASE_URL" in changes;
    const place = elsewhere
      ? { PGHOST: "127.0.0.1", PGPORT: new URL(world.database.url).port, PGUSER: "postgres" }
      : {};
    const options = runOptions(url, { ...place, ...changes });
    const oneTry = [...drain, "--give-up-after", "0"];
    for (const args of [oneTry, [...drain, "--dry-run"]]) {
      const { exitCode, stderr, stdout } = await runEtl([...args, "--json"], options);
      if (args === oneTry) expect(exitCode).toBeGreaterThan(64);
      // A dry run shows the row where it can, and the row holds what is stored as it is.
      expectNoLeak(stderr + (args === oneTry ? stdout : ""));
      expect(stdout).not.toContain(personal.ip);
    }
  });

  test("an answer of the queue that repeats what it was sent", async () => {
    const body = `<ErrorResponse><Error><Code>CANARY secret</Code><Message>${secrets.AWS_SECRET_ACCESS_KEY}</Message></Error></ErrorResponse>`;
    for (const status of [200, 403]) {
      const server = await startFaultyServer([{ status, body, headers: { "x-amzn-requestid": "CANARY" } }]);
      const options = runOptions(await queueWith([]), { AWS_ENDPOINT_URL_SQS: server.endpoint });
      const { exitCode, stdout, stderr } = await runEtl(drain, options);
      expect(exitCode).toBeGreaterThan(64);
      expectNoLeak(stdout + stderr);
      await server.stop();
    }
  });

  test("migrate, keys generate and a wrong command line", async () => {
    const options = runOptions(await queueWith([]), { DATABASE_URL: "postgres://etl:CANARY@127.0.0.1:1/x" });
    for (const args of [
      ["migrate"],
      ["migrate", "--print"],
      ["keys", "generate", "/nonexistent/k"],
      ["drain", key],
    ]) {
      const { stdout, stderr } = await runEtl(args, options);
      expectNoLeak(stdout + stderr);
    }
  });
});

test("a good drain shows nothing of a row, and the table holds no personal value", async () => {
  await world.emptyTable();
  const output = await everyOutput(drain, runOptions(await queueWith([event({}), event({ locale: null })])));
  expect(output).toContain("inserted");
  expectNoLeak(output);
  const rows = await world.database.sql`select user_logins::text as row from user_logins`;
  expect(rows.length).toBe(2);
  const ledger = await world.database.sql`select etl_ledger::text as entry from etl_ledger`;
  const stored = JSON.stringify([rows, ledger]);
  expect(stored).not.toContain(personal.ip);
  expect(stored).not.toContain(personal.device_id);
  expect(stored).not.toContain("CANARY-extra");
});
