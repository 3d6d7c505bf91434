import { describe, expect, test } from "bun:test";
import type { Facts } from "../../src/doctor/check.ts";
import { EtlError } from "../../src/errors.ts";
import type { PartitionCover } from "../../src/postgres/missing-partition.ts";
import {
  connectionWith,
  deadLettersWith,
  denied,
  described,
  expectOnly,
  failing,
  goodFacts,
  goodKey,
  lastRunWith,
  ledgerWith,
  linesFor,
  noRedrive,
  queueWith,
  serverWith,
  settingsWith,
  tableWith,
  targetWith,
} from "../support/doctor-facts.ts";

const good = linesFor(goodFacts);
const sending = { ...goodFacts, ...deadLettersWith({}) };

test("if nothing is wrong, every line is ok and without a hint", () => {
  expect(good.filter((line) => !/^ok \| .* \| {2}\| 0$/.test(line))).toEqual([]);
  expectOnly(linesFor(sending), good, [/^ok .* queue/, /^ok .* sending/, /^ok .* encryption/]);
});

type Case = readonly [what: string, changes: Partial<Facts>, lines: readonly RegExp[]];
/** What differs from facts of which nothing is wrong is in these lines, and in no other. */
function expectLines(before: Facts, changes: Partial<Facts>, lines: readonly RegExp[]): void {
  expectOnly(linesFor({ ...before, ...changes }), linesFor(before), lines);
}

describe("settings, mask key and identity", () => {
  const late = new EtlError({ kind: "unavailable", operation: "x", message: "too late", retryable: true });
  const inVariable = { ...goodKey, place: "ETL_MASK_KEY", inFile: false };
  test.each<Case>([
    [
      "a table and a key variable of one's own, a role without a name",
      {
        ...settingsWith({ table: "t" }),
        maskKey: { value: { key: inVariable, plainHash: false } },
        identity: { value: { source: "the instance's role" } },
      },
      [
        /^ok \| settings \| no etl.toml; 7 columns into t \| {2}\| 0$/,
        /^ok \| mask key \| ETL_MASK_KEY: 32 bytes \| {2}\| 0$/,
        /^ok \| identity \| from the instance's role/,
      ],
    ],
    [
      "no key is needed, and AWS does not say in time who asks",
      { maskKey: { value: { plainHash: false } }, identity: { error: late } },
      [
        /^ok \| mask key \| not needed: no column is masked under a key \|/,
        /^skipped \| identity \| too late \|/,
        /^ok \| masked rows \| no column is masked under a key \|/,
      ],
    ],
    [
      "a hash without a key",
      { maskKey: { value: { plainHash: true, key: goodKey } } },
      [/^warning \| mask key \| .*sha256 and no key: .*--mask hmac-sha256/],
    ],
  ])("%s", (_, changes, lines) => expectLines(goodFacts, changes, lines));
});

describe("the queue", () => {
  const own = described("logins").value.arn;
  test.each<Case>([
    [
      "denied actions, and a clock ahead",
      {
        clockAheadMillis: 31_000,
        receive: { value: "denied" },
        delete: { value: "denied" },
        changeVisibility: { value: "denied" },
      },
      [
        /^warning \| clock \| .* 31 s ahead of .* timedatectl/,
        /^failed \| receive \| .*sqs:ReceiveMessage \| allow sqs:ReceiveMessage; .*--policy \| 77$/,
        /^failed \| delete \| .*sqs:DeleteMessage.* 77$/,
        /^failed \| change visibility \| .*sqs:ChangeMessageVisibility.* 77$/,
      ],
    ],
    [
      "a permitted action, one without an answer, and a clock behind",
      { clockAheadMillis: -600_000, receive: { value: "permitted" }, delete: failing("temporary", "ask") },
      [
        /^warning \| clock \| .* 600 s behind /,
        /^ok \| receive \| sqs:ReceiveMessage is permitted/,
        /^failed \| delete \| ask failed \| mend ask \| 75$/,
      ],
    ],
    [
      "no visibility timeout, few receives, messages in clear, a server without a time",
      {
        ...queueWith({ visibilityTimeoutSeconds: 0, maxReceiveCount: 3, encryption: { by: "nobody" } }),
        clockAheadMillis: undefined,
      },
      [
        /^skipped \| clock \| the queue's server did not say/,
        /^failed \| visibility time-out \| 0 s: .* --queue-url https:\S+\/logins .*VisibilityTimeout=30 \| 78$/,
        /^warning \| redrive policy \| after 3 receives .* raise maxReceiveCount/,
        /^warning \| queue encryption \| .* in clear \| .* SqsManagedSseEnabled=true \| 0$/,
      ],
    ],
    [
      "a visibility timeout that a batch outlasts, and a KMS key of one's own",
      queueWith({ visibilityTimeoutSeconds: 14, encryption: { by: "kms", key: "alias/ours" } }),
      [
        /^warning \| visibility time-out \| 14 s: .* a batch of 500 .* VisibilityTimeout=16, or a smaller --batch-size \| 0$/,
        /^ok \| queue encryption \| .*alias\/ours; not tested/,
      ],
    ],
    [
      "a batch that outlasts the visibility timeout, and the KMS key of AWS",
      {
        ...settingsWith({ batchSize: 10_000 }),
        ...queueWith({ encryption: { by: "kms", key: "alias/aws/sqs" } }),
      },
      [
        /^warning \| visibility time-out \| .* VisibilityTimeout=110/,
        /^ok \| queue encryption \| encrypted, with the KMS key alias\/aws\/sqs \|/,
      ],
    ],
    [
      "a server that does not say how it stores messages",
      queueWith({ encryption: undefined }),
      [/^skipped \| queue encryption \| the queue's server/],
    ],
    [
      "no redrive policy: there is no target to check",
      noRedrive(),
      [/^warning \| redrive policy \| none: .* 4 days .* --on-reject dead-letter/],
    ],
  ])("%s", (_, changes, lines) => expectLines(goodFacts, changes, lines));

  test.each<readonly [what: string, changes: Partial<Facts>, ...lines: RegExp[]]>([
    [
      "does not exist",
      { redriveTarget: failing("config", "attributes") },
      /^failed \| redrive target \| the dead-letter queue logins-dead does not exist \| .* \| 78$/,
    ],
    [
      "does not answer",
      { redriveTarget: failing("unavailable", "attributes") },
      /^failed \| redrive target \| attributes failed \| mend attributes \| 69$/,
    ],
    [
      "is of another kind",
      targetWith({ fifo: true }),
      /^failed \| redrive target \| logins-dead is a FIFO queue, but the drained queue is a standard queue .* 78$/,
    ],
    [
      "takes nothing",
      targetWith({ redriveAllow: "none" }),
      /^failed \| redrive target \| the redrive allow policy .* 78$/,
    ],
    [
      "takes other queues' messages",
      targetWith({ redriveAllow: ["arn:aws:sqs:x"] }),
      /^failed \| redrive target \| the redrive allow policy .* 78$/,
    ],
    [
      "forgets as soon as the queue does",
      targetWith({ retentionSeconds: 345_600 }),
      /^warning \| redrive target \| .*no longer than .* --queue-url https:\S+\/logins-dead --attributes MessageRetentionPeriod=1209600 \| 0$/,
    ],
    [
      "may not be asked",
      { redriveTarget: denied("attributes") },
      /^skipped \| redrive target \| the credentials may not ask logins-dead; a drain does not need to/,
    ],
    [
      "is in another account",
      { redriveTarget: undefined },
      /^skipped \| redrive target \| not asked: logins-dead is in another account or region/,
    ],
    ["takes this queue's messages", targetWith({ redriveAllow: [own] })],
    ["keeps messages for 14 days, as the queue does", queueWith({ retentionSeconds: 1_209_600 })],
    [
      "is a FIFO queue as its origin is: the time starts again",
      { ...queueWith({ fifo: true }), ...targetWith({ fifo: true, retentionSeconds: 60 }) },
      /^ok \| queue \| logins, a FIFO queue/,
    ],
  ])("a dead-letter queue of the redrive policy that %s", (_, changes, ...lines) =>
    expectLines(goodFacts, changes, lines),
  );

  test.each<readonly [what: string, changes: Partial<Facts>, line: RegExp]>([
    [
      "is the queue itself",
      deadLettersWith({ description: described("logins") }),
      /^failed \| rejects queue \| .* is drained .* 78$/,
    ],
    [
      "is of another kind",
      deadLettersWith({ description: described("rejected", { fifo: true }) }),
      /^failed \| rejects queue \| rejected is a FIFO queue, but the drained queue is a standard queue .* 78$/,
    ],
    [
      "may not be sent to",
      deadLettersWith({ send: { value: "denied" } }),
      /^failed \| rejects sending \| .*sqs:SendMessage on the dead-letter queue .* 77$/,
    ],
    [
      "stores messages in clear",
      deadLettersWith({ description: described("rejected", { encryption: { by: "nobody" } }) }),
      /^warning \| rejects encryption \| .* in clear \| .*\/rejected --attributes/,
    ],
    [
      "is all there is, without a redrive policy",
      noRedrive(),
      /^ok \| redrive policy \| none; etl sends rejected messages/,
    ],
  ])("a queue for rejected messages that %s", (_, changes, line) => expectLines(sending, changes, [line]));
});

/** The reference job's `create_date` is the time of sending, and `user_id` comes from the message. */
function partitionCases(
  cases: readonly (readonly [what: string, cover: PartitionCover, line: RegExp])[],
): Case[] {
  return cases.map(([what, value, line]) => [`partitions ${what}`, { partitions: { value } }, [line]]);
}

describe("the database", () => {
  const encryptedBy = (tlsMode: "disable" | "require", encrypted: boolean, local = false) => ({
    ...connectionWith({ tlsMode, local }),
    ...serverWith({ encrypted }),
  });
  test.each<Case>([
    [
      "not encrypted, read only, no fsync, a password file for everybody",
      {
        ...connectionWith({
          tlsMode: "disable",
          openPasswordFile: "x",
        }),
        ...serverWith({ encrypted: false, readOnly: true, fsync: false }),
      },
      [
        /^warning \| password file \| password file x is ignored: others may read it \| chmod 0600 x \| 0$/,
        /^warning \| database TLS \| not encrypted, .*sslmode=disable.* sslmode=verify-full/,
        /^failed \| writable \| .*read only .*default_transaction_read_only.* 69$/,
        /^warning \| durability \| fsync is off/,
      ],
    ],
    [
      "a standby, encrypted if the server offers it",
      { ...connectionWith({ tlsMode: "prefer" }), ...serverWith({ standby: true }) },
      [
        /^warning \| database TLS \| encrypted, and the server is not verified .*sslmode=prefer/,
        /^failed \| writable \| the server is a standby.* 69$/,
      ],
    ],
    [
      "encrypted, with any server",
      encryptedBy("require", false),
      [/^warning \| database TLS \| encrypted, and the server is not verified/],
    ],
    [
      "a certificate with any name",
      connectionWith({ tlsMode: "verify-ca" }),
      [/^ok \| database TLS \| .*name is not/],
    ],
    [
      "not encrypted, but on this machine",
      encryptedBy("disable", false, true),
      [/^ok \| database TLS \| not encrypted, but on this machine/],
    ],
    [
      "a table that is unlogged, does not fit, has a trigger, and lets nobody in",
      tableWith({
        unlogged: true,
        misfit: failing("config", "column locale").error,
        lacking: ["insert"],
        rowTriggers: ["audit"],
        maskKeys: { value: ["0badcafe", "1c2a73e4"] },
      }),
      [
        /^failed \| table \| .* unlogged: .*set logged \| 78$/,
        /^failed \| columns \| column locale failed \| mend column locale \| 78$/,
        /^failed \| table permission \| the user lacks insert on public.user_logins \| etl doctor --grants, .* 77$/,
        /^warning \| triggers \| audit of public.user_logins may leave rows out/,
        /^warning \| masked rows \| .*another key \(0badcafe\) than the one that is set \(1c2a73e4\)/,
      ],
    ],
    [
      "a table with a rule, and rows that may not be read",
      tableWith({ insertRules: ["elsewhere"], maskKeys: { value: undefined } }),
      [
        /^failed \| triggers \| .* rule on insert \(elsewhere\).* 78$/,
        /^ok \| masked rows \| not checked: the user may not read them/,
      ],
    ],
    [
      "a table with policies, and rows that cannot be read",
      tableWith({ rowSecurity: true, maskKeys: failing("config", "read masked rows") }),
      [/^warning \| triggers \| .*row level security/, /^skipped \| masked rows \| could not be read/],
    ],
    [
      "a table with policies and none for inserts, and a row that meets what the user may not use",
      tableWith({
        rowSecurity: true,
        makePolicy: "create policy",
        needs: [
          { grant: "usage on sequence ids", lacking: true, everybodys: false, reason: "default of id" },
          { grant: "execute on function f()", lacking: false, everybodys: true, reason: "trigger t" },
        ],
      }),
      [
        /^failed \| table permission \| the user lacks usage on sequence ids \(default of id\) \| etl doctor --grants.* 77$/,
        /^failed \| triggers \| .* no policy that lets the user insert a row \| create policy \| 77$/,
      ],
    ],
    ...partitionCases([
      ["by a list", { count: 1 }, /^ok \| partitions \| 1 partition \|/],
      [
        "by what is no time, without one",
        { count: 0, makeFirst: "make" },
        /^failed \| .* no partition \| make \| 78$/,
      ],
      [
        "by a time of the past",
        { count: 2, column: "create_date", makePresent: "make" },
        /^failed \| .* for the present \(by create_date\) \| make \| 78$/,
      ],
      [
        "by a time that senders give",
        { count: 2, column: "user_id", makePresent: "make" },
        /^warning \| .* for the present \(by user_id\) \| make/,
      ],
      [
        "by a time, some days missing",
        { count: 2, column: "create_date", makeLate: "make" },
        /^warning \| .* a drain leaves it in the queue \| make/,
      ],
      [
        "by a time that senders give, some days missing",
        { count: 2, column: "user_id", makeLate: "make" },
        /^ok \| partitions \| 2 partitions, one of them for the present/,
      ],
    ]),
    [
      "a ledger that is unlogged and may not be pruned, and no records",
      ledgerWith({
        unlogged: true,
        lacking: ["delete on public.etl_ledger"],
        missingRecords: ["public.etl_run"],
      }),
      [
        /^failed \| ledger \| .* unlogged: .*set logged \| 78$/,
        /^failed \| ledger permission \| the user lacks delete on public.etl_ledger \| .*--grants.* 77$/,
        /^warning \| records \| public.etl_run does not exist: .* etl migrate/,
      ],
    ],
    [
      "a ledger without its key, a new queue, records that may not be kept",
      ledgerWith({ intact: false, queueNumber: undefined, lackingRecords: ["insert on public.etl_run"] }),
      [
        /^failed \| ledger \| .*the columns or the key.* 78$/,
        /^ok \| queue in ledger \| new; /,
        /^warning \| records \| the user lacks insert on public.etl_run: .*--grants/,
      ],
    ],
    [
      "a source that no message of the last run had, one that some had, and fields that no column takes",
      lastRunWith({ absent: { locale: 100, app_version: 99 }, unmapped: { language: 100, region: 3 } }),
      [
        /^warning \| fields \| in the last run \(2026-11-22 21:04Z\): absent locale 100 of 100; no column takes language 100, region 3 \| etl config check --queue, .* \| 0$/,
      ],
    ],
    [
      "a source that the last run missed in some messages only, and what the mapping has no longer or takes by now",
      lastRunWith({ absent: { locale: 99, nick: 100 }, unmapped: { ip: 100 } }),
      [],
    ],
  ])("%s", (_, changes, lines) => expectLines(goodFacts, changes, lines));

  test.each<[what: string, lastRun: Facts["lastRun"]]>([
    ["there is none", { value: undefined }],
    ["the records cannot be read", failing("permission", "read last run")],
    ["nobody asked for it", undefined],
  ])("nothing is said of the last run's fields if %s", (_, lastRun) => {
    const lines = linesFor({ ...goodFacts, lastRun });
    expect(lines).toEqual(good.filter((line) => !line.startsWith("ok | fields ")));
    expect(lines.length).toBe(good.length - 1);
  });
});
