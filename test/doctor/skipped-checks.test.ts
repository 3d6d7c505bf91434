import { describe, expect, test } from "bun:test";
import type { Facts } from "../../src/doctor/check.ts";
import { runChecks } from "../../src/doctor/check.ts";
import { checks } from "../../src/doctor/checks.ts";
import {
  deadLettersWith,
  described,
  expectOnly,
  failing,
  goodFacts,
  ledgerWith,
  linesFor,
  serverWith,
  tableWith,
} from "../support/doctor-facts.ts";

const good = linesFor(goodFacts);
const sending: Facts = { ...goodFacts, ...deadLettersWith({}) };
const namesOf = (facts: Facts) => runChecks(checks, facts).map(({ check }) => check);
/** The names of the checks that were skipped, by their reason. */
function skippedIn(facts: Facts): Readonly<Record<string, readonly string[]>> {
  const skips = runChecks(checks, facts).filter(({ status }) => status === "skipped");
  const byReason = Object.groupBy(skips, ({ message }) => message);
  return Object.fromEntries(
    Object.entries(byReason).map(([reason, found = []]) => [reason, found.map(({ check }) => check)]),
  );
}

const queueNames = [
  ...["queue", "read attributes", "receive", "delete", "change visibility", "visibility time-out"],
  ...["redrive policy", "redrive target", "queue encryption"],
];
const rejectsNames = ["rejects queue", "rejects sending", "rejects encryption"];
const tableNames = ["table", "columns", "table permission", "triggers", "masked rows"];
const ledgerNames = ["ledger", "ledger permission", "queue in ledger", "records"];
const serverNames = ["database TLS", "server version", "writable", "durability"];

test("if nothing is wrong, every line is ok, without a hint", () => {
  expect(namesOf(goodFacts)).toEqual([
    ...["settings", "mask key", "identity", "clock", ...queueNames],
    ...["database", ...serverNames, ...tableNames, ...ledgerNames],
  ]);
  expect(good.filter((line) => !/^ok \| .* \| {2}\| 0$/.test(line))).toEqual([]);
  expectOnly(linesFor(sending), good, [/^ok .* queue/, /^ok .* sending/, /^ok .* encryption/]);
});

const denied = failing("permission", "attributes", "AccessDenied");
const noRedrive = () => {
  const { maxReceiveCount: _, deadLetterArn: __, ...value } = described("logins").value;
  return { description: { value }, redriveTarget: undefined };
};

describe("what rests on a check that failed is skipped, and nothing else", () => {
  const identityNames = [...queueNames, ...rejectsNames];
  const everything = ["mask key", "identity", "clock", ...queueNames, "database", ...serverNames];
  test.each<[failure: string, facts: Facts, skipped: Readonly<Record<string, readonly string[]>>]>([
    [
      "settings",
      { settings: failing("config", "line 3") },
      { 'needs "settings"': [...everything, ...tableNames, ...ledgerNames] },
    ],
    ["mask key", { ...sending, maskKey: failing("config", "x") }, { 'needs "mask key"': ["masked rows"] }],
    ["identity", { ...sending, identity: failing("config", "x") }, { 'needs "identity"': identityNames }],
    [
      "queue",
      { ...sending, description: failing("unavailable", "x") },
      {
        'needs "queue"': queueNames.slice(1),
        "the queue did not say its ARN": ["queue in ledger"],
      },
    ],
    [
      "no queue named",
      { ...sending, queue: failing("config", "x"), identity: undefined, description: undefined },
      {
        'needs "queue"': ["identity", "clock", ...queueNames.slice(1)],
        "the queue did not say its ARN": ["queue in ledger"],
      },
    ],
    [
      "read attributes",
      { ...sending, description: denied, redriveTarget: undefined },
      {
        'needs "read attributes"': queueNames.slice(5),
        "the queue did not say its ARN": ["queue in ledger"],
      },
    ],
    ["no redrive policy", { ...goodFacts, ...noRedrive() }, {}],
    [
      "rejects queue",
      { ...sending, deadLetters: failing("config", "x") },
      { 'needs "rejects queue"': rejectsNames.slice(1) },
    ],
    [
      "the dead-letter queue's attributes",
      {
        ...sending,
        ...deadLettersWith({
          description: failing("permission", "attributes of the dead-letter queue", "AccessDenied"),
        }),
      },
      { 'needs "rejects queue"': ["rejects encryption"] },
    ],
    [
      "database",
      { ...goodFacts, server: failing("unavailable", "x"), table: undefined, ledger: undefined },
      { 'needs "database"': [...serverNames, ...tableNames, ...ledgerNames] },
    ],
    [
      "server version",
      { ...goodFacts, ...serverWith({ versionNumber: 11_00_22 }), table: undefined, ledger: undefined },
      { 'needs "server version"': [...serverNames.slice(2), ...tableNames, ...ledgerNames] },
    ],
    [
      "table",
      { ...goodFacts, table: failing("config", "x"), ledger: undefined },
      { 'needs "table"': [...tableNames.slice(1), ...ledgerNames] },
    ],
    ["an unlogged table", { ...goodFacts, ...tableWith({ unlogged: true }) }, {}],
    [
      "ledger",
      { ...goodFacts, ...ledgerWith({ missing: ["public.etl_queue"] }) },
      { 'needs "ledger"': ledgerNames.slice(1) },
    ],
    ["an unlogged ledger", { ...goodFacts, ...ledgerWith({ unlogged: true }) }, {}],
    [
      "ledger permission",
      { ...goodFacts, ...ledgerWith({ lacking: ["select on public.etl_queue"], queueNumber: undefined }) },
      { 'needs "ledger permission"': ["queue in ledger"] },
    ],
  ])("%s", (_, facts, expected) => {
    expect(skippedIn(facts)).toEqual(expected);
  });
});
