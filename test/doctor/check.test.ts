import { describe, expect, test } from "bun:test";
import {
  type Check,
  type Facts,
  failed,
  flawed,
  known,
  type Outcome,
  ok,
  runChecks,
  skipped,
  summaryOf,
  warning,
} from "../../src/doctor/check.ts";
import { checks } from "../../src/doctor/checks.ts";
import {
  deadLettersWith,
  denied,
  expectOnly,
  failing,
  goodFacts,
  ledgerWith,
  lineOf,
  linesFor,
  noRedrive,
  serverWith,
  tableWith,
} from "../support/doctor-facts.ts";

const check = (name: string, needs: readonly string[], run: () => Outcome, applies = true): Check => ({
  name,
  needs,
  run,
  applies: () => applies,
});

/** What becomes of a check that needs `a`, and of one that needs that one. */
function after(a: () => Outcome): readonly string[] {
  const dependants = [check("b", ["a"], () => ok("yes")), check("c", ["b"], () => ok("yes"))];
  return runChecks([check("a", [], a), ...dependants], goodFacts).map(lineOf);
}

describe("a check", () => {
  test("runs after a check that it needs and that is ok, a warning, skipped by itself, or flawed", () => {
    const outcomes = [ok("x"), warning("x", "y"), skipped("unknown"), flawed("x", "y")];
    for (const outcome of outcomes) {
      expect(after(() => outcome).slice(1)).toEqual(["ok | b | yes |  | 0", "ok | c | yes |  | 0"]);
    }
  });

  test.each<[how: string, a: () => Outcome, line: string]>([
    ["failed", () => failed("bad", "mend it"), "failed | a | bad | mend it | 78"],
    [
      "found no answer",
      () => known(failing("temporary", "ask")) ?? ok(""),
      "failed | a | ask failed | mend ask | 75",
    ],
  ])("is skipped with the name of the check that %s first, however far before it", (_, a, line) => {
    expect(after(a)).toEqual([line, 'skipped | b | needs "a" |  | 0', 'skipped | c | needs "a" |  | 0']);
  });

  test("is not reported if there is nothing to check, and holds up no other", () => {
    const list = [check("a", [], () => failed("x", "y"), false), check("b", ["a"], () => ok("yes"))];
    expect(runChecks(list, goodFacts).map(lineOf)).toEqual(["ok | b | yes |  | 0"]);
  });

  test("has a name of its own, and comes after the checks that it needs", () => {
    const names = checks.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const [index, { needs }] of checks.entries()) {
      expect(names.slice(0, index)).toEqual(expect.arrayContaining([...needs]));
    }
  });

  test("that a bug breaks is no finding", () => {
    const broken = check("a", [], () => known(undefined));
    expect(() => runChecks([broken], goodFacts)).toThrow("not asked for");
  });
});

test("the doctor exits with the code of the first failure; warnings and what is unknown are not failures", () => {
  const of = (outcomes: readonly Outcome[]) =>
    summaryOf(outcomes.map((outcome, index) => ({ check: `${index}`, ...outcome })));
  const fine = [ok("fine"), skipped("unknown"), warning("hm", "mend it")];
  expect(of(fine)).toEqual({ ok: 1, warnings: 1, failed: 0, skipped: 1, exitCode: 0 });
  const bad = [failed("no", "x", "permission"), failed("no", "y")];
  expect(of([...fine, ...bad])).toEqual({ ok: 1, warnings: 1, failed: 2, skipped: 1, exitCode: 77 });
});

describe("what rests on a check that failed is skipped, and nothing else", () => {
  const queue = [
    ...["queue", "read attributes", "receive", "delete", "change visibility", "visibility time-out"],
    ...["redrive policy", "redrive target", "queue encryption"],
  ];
  const rejects = ["rejects queue", "rejects sending", "rejects encryption"];
  const server = ["database TLS", "server version", "writable", "durability"];
  const table = ["table", "columns", "table permission", "triggers", "masked rows"];
  const ledger = ["ledger", "ledger permission", "queue in ledger", "records", "fields"];
  const noTable = { table: undefined, ledger: undefined };
  const noArn = /^skipped \| queue in ledger \| the queue did not say its ARN/;

  test("all checks, in the order in which they are reported", () => {
    const names = runChecks(checks, { ...goodFacts, ...deadLettersWith({}) }).map(({ check }) => check);
    const first = ["settings", "mask key", "identity", "clock"];
    expect(names).toEqual([...first, ...queue, ...rejects, "database", ...server, ...table, ...ledger]);
  });

  test.each<
    [what: string, changes: Partial<Facts>, others: readonly RegExp[], need: string, skips: readonly string[]]
  >([
    [
      "settings that cannot be read",
      { settings: failing("config", "line 3"), deadLetters: undefined },
      [/^failed \| settings \| line 3 failed \| mend line 3 \| 78$/],
      "settings",
      ["mask key", "identity", "clock", ...queue, "database", ...server, ...table, ...ledger],
    ],
    [
      "no mask key",
      { maskKey: failing("config", "mask key") },
      [/^failed \| mask key \| mask key failed \| mend mask key \| 78$/],
      "mask key",
      ["masked rows"],
    ],
    [
      "no credentials",
      { identity: failing("config", "credentials") },
      [/^failed \| identity \| credentials failed \| mend credentials \| 78$/],
      "identity",
      [...queue, ...rejects],
    ],
    [
      "a queue that is not named",
      { queue: failing("config", "name"), identity: undefined, description: undefined },
      [/^failed \| queue \| name failed \| mend name \| 78$/, noArn],
      "queue",
      ["identity", "clock", ...queue.slice(1)],
    ],
    [
      "a queue that cannot be reached",
      { description: failing("unavailable", "attributes") },
      [/^failed \| queue \| attributes failed \| mend attributes \| 69$/, noArn],
      "queue",
      queue.slice(1),
    ],
    [
      "an access key that AWS does not know",
      { description: failing("permission", "attributes", "InvalidClientTokenId") },
      [/^failed \| queue \| attributes failed \| mend attributes \| 77$/, noArn],
      "queue",
      queue.slice(1),
    ],
    [
      "credentials that nobody may fetch",
      { description: denied("credentials") },
      [/^failed \| queue \| credentials failed \| mend credentials \| 77$/, noArn],
      "queue",
      queue.slice(1),
    ],
    [
      "attributes that may not be read",
      { description: denied("attributes"), redriveTarget: undefined },
      [
        /^ok \| queue \| logins answers \| {2}\| 0$/,
        /^failed \| read attributes \| the credentials may not use sqs:GetQueueAttributes \| allow sqs:GetQueueAttributes; the whole policy: etl doctor --policy \| 77$/,
        noArn,
      ],
      "read attributes",
      queue.slice(5),
    ],
    ["no redrive policy", noRedrive(), [/^ok \| redrive policy \| none; /], "", []],
    [
      "no dead-letter queue",
      { deadLetters: failing("config", "name") },
      [/^failed \| rejects queue \| name failed \| mend name \| 78$/],
      "rejects queue",
      rejects.slice(1),
    ],
    [
      "a dead-letter queue whose attributes may not be read",
      deadLettersWith({ description: denied("attributes of the dead-letter queue") }),
      [
        /^failed \| rejects queue \| the credentials may not use sqs:GetQueueAttributes on the dead-letter queue \| allow sqs:GetQueueAttributes on the dead-letter queue; the whole policy: etl doctor --policy \| 77$/,
      ],
      "rejects queue",
      ["rejects encryption"],
    ],
    [
      "database settings that lead nowhere",
      { connection: failing("config", "connect"), server: undefined, ...noTable },
      [/^failed \| database \| connect failed \| mend connect \| 78$/],
      "database",
      [...server, ...table, ...ledger],
    ],
    [
      "a database that does not answer",
      { server: failing("unavailable", "connect"), ...noTable },
      [/^failed \| database \| connect failed \| mend connect \| 69$/],
      "database",
      [...server, ...table, ...ledger],
    ],
    [
      "an old server",
      { ...serverWith({ versionNumber: 11_00_22, version: "11.22" }), ...noTable },
      [/^failed \| server version \| Postgres 11.22 is older than 12, .* 78$/],
      "server version",
      [...server.slice(2), ...table, ...ledger],
    ],
    [
      "no table",
      { table: failing("config", "read table"), ledger: undefined },
      [/^failed \| table \| read table failed \| mend read table \| 78$/],
      "table",
      [...table.slice(1), ...ledger],
    ],
    [
      "a schema that may not be used",
      { table: failing("permission", "read table"), ledger: undefined },
      [/^failed \| table \| read table failed \| etl doctor --grants.* 77$/],
      "table",
      [...table.slice(1), ...ledger],
    ],
    ["an unlogged table", tableWith({ unlogged: true }), [/^failed \| table \|/], "", []],
    [
      "no ledger",
      ledgerWith({ missing: ["public.etl_ledger"] }),
      [
        /^failed \| ledger \| public.etl_ledger does not exist.* etl migrate --table public.user_logins \| 78$/,
      ],
      "ledger",
      ledger.slice(1),
    ],
    [
      "a ledger that cannot be asked",
      { ledger: failing("temporary", "inspect") },
      [/^failed \| ledger \| inspect failed \| mend inspect \| 75$/],
      "ledger",
      ledger.slice(1),
    ],
    [
      "a list of queues that may not be read",
      ledgerWith({ lacking: ["select on public.etl_queue"], queueNumber: undefined }),
      [/^failed \| ledger permission \| the user lacks select on public.etl_queue/],
      "ledger permission",
      ["queue in ledger"],
    ],
  ])("%s", (_, changes, others, need, skips) => {
    const before = { ...goodFacts, ...deadLettersWith({}) };
    const lines = linesFor({ ...before, ...changes });
    expectOnly(lines, linesFor(before), others);
    expect(lines.filter((line) => line.includes(' | needs "'))).toEqual(
      skips.map((name) => `skipped | ${name} | needs "${need}" |  | 0`),
    );
  });
});
