import { describe, expect, test } from "bun:test";
import { checkQueues } from "../../src/doctor/queue-checks.ts";
import type { QueueFacts } from "../../src/doctor/queue-facts.ts";
import { EtlError } from "../../src/errors.ts";
import {
  described,
  expectOnly,
  failing,
  goodQueue,
  letters,
  queueUrl,
  target,
} from "../support/doctor-facts.ts";

const good = checkQueues(goodQueue);
const withLetters = checkQueues({ ...goodQueue, deadLetters: letters() });
const queue = (changes: Parameters<typeof described>[1]) => ({ value: described("logins", changes) });

test("a queue side of which nothing is wrong: every line is ok", () => {
  expect(good.map(({ check }) => check)).toEqual([
    "identity",
    "clock",
    "queue",
    "read attributes",
    "receive",
    "delete",
    "change visibility",
    "visibility time-out",
    "redrive policy",
    "redrive target",
    "queue encryption",
  ]);
  expect(good.filter(({ status, hint }) => status !== "ok" || hint !== undefined)).toEqual([]);
  expect(withLetters.filter(({ status }) => status !== "ok")).toEqual([]);
  expect(withLetters.slice(good.length).map(({ check }) => check)).toEqual([
    "rejects queue",
    "rejects sending",
    "rejects encryption",
  ]);
});

type Case = readonly [what: string, changes: Partial<QueueFacts>, line: RegExp];

const cases: readonly Case[] = [
  [
    "no credentials",
    { identity: failing("config", "credentials") },
    /^failed \| identity \| credentials failed \| mend credentials \| 78$/,
  ],
  [
    "nobody says whose they are",
    { identity: { value: { source: "the instance's role" } } },
    /^ok \| identity \| from the instance's role/,
  ],
  ["a clock ahead", { clockAheadMillis: 31_000 }, /^warning \| clock \| .* 31 s ahead of .* timedatectl/],
  ["a clock behind", { clockAheadMillis: -600_000 }, /^warning \| clock \| .* 600 s behind /],
  ["no clock", { clockAheadMillis: undefined }, /^skipped \| clock \| the queue's server did not say/],
  [
    "a queue that cannot be reached",
    { description: failing("unavailable", "attributes") },
    /^failed \| queue \| attributes failed \| mend attributes \| 69$/,
  ],
  [
    "a key that AWS does not know",
    { description: failing("permission", "attributes", "InvalidClientTokenId") },
    /^failed \| queue \| .* 77$/,
  ],
  [
    "receive is denied",
    { receive: { value: "denied" } },
    /^failed \| receive \| .*sqs:ReceiveMessage \| allow sqs:ReceiveMessage; .*--policy \| 77$/,
  ],
  [
    "receive is proved",
    { receive: { value: "permitted" } },
    /^ok \| receive \| sqs:ReceiveMessage is permitted/,
  ],
  ["delete is denied", { delete: { value: "denied" } }, /^failed \| delete \| .*sqs:DeleteMessage.* 77$/],
  [
    "change of visibility is denied",
    { changeVisibility: { value: "denied" } },
    /^failed \| change visibility \| .*sqs:ChangeMessageVisibility.* 77$/,
  ],
  [
    "delete is not answered",
    { delete: failing("temporary", "ask") },
    /^failed \| delete \| ask failed \| mend ask \| 75$/,
  ],
  [
    "no visibility time-out",
    { description: queue({ visibilityTimeoutSeconds: 0 }) },
    /^failed \| visibility time-out \| 0 s: .* VisibilityTimeout=30 \| 78$/,
  ],
  [
    "a time-out that a batch outlasts",
    { description: queue({ visibilityTimeoutSeconds: 19 }) },
    /^warning \| visibility time-out \| 19 s: a batch of 1000 .* VisibilityTimeout=20, or a smaller --batch-size \| 0$/,
  ],
  [
    "a batch that outlasts the time-out",
    { batchSize: 10_000 },
    /^warning \| visibility time-out \| .* VisibilityTimeout=110/,
  ],
  [
    "a redrive after few receives",
    { description: queue({ maxReceiveCount: 3 }) },
    /^warning \| redrive policy \| after 3 receives .* raise maxReceiveCount/,
  ],
  [
    "a dead-letter queue that is not there",
    { redriveTarget: failing("config", "attributes") },
    /^failed \| redrive target \| the dead-letter queue logins-dead does not exist \| .* \| 78$/,
  ],
  [
    "a dead-letter queue of another kind",
    { redriveTarget: { value: target({ fifo: true }) } },
    /^failed \| redrive target \| logins-dead is a FIFO queue, and the drained one is none .* 78$/,
  ],
  [
    "one that takes nothing",
    { redriveTarget: { value: target({ redriveAllow: "none" }) } },
    /^failed \| redrive target \| the redrive allow policy .* 78$/,
  ],
  [
    "one that takes others' messages",
    { redriveTarget: { value: target({ redriveAllow: ["arn:aws:sqs:x"] }) } },
    /^failed \| redrive target \| the redrive allow policy/,
  ],
  [
    "one that forgets as soon as the queue does",
    { redriveTarget: { value: target({ retentionSeconds: 345_600 }) } },
    /^warning \| redrive target \| .*no longer than .* --queue-url https:\S+\/logins-dead --attributes MessageRetentionPeriod=1209600 \| 0$/,
  ],
  [
    "one that may not be asked",
    { redriveTarget: failing("permission", "attributes", "AccessDenied") },
    /^skipped \| redrive target \| the credentials may not ask logins-dead, and a drain need not/,
  ],
  [
    "one of another account",
    { redriveTarget: undefined },
    /^skipped \| redrive target \| logins-dead is in another account or region, and was not asked/,
  ],
  [
    "messages in clear",
    { description: queue({ encryption: { by: "nobody" } }) },
    /^warning \| queue encryption \| .* in clear \| .* SqsManagedSseEnabled=true \| 0$/,
  ],
  [
    "a key of KMS",
    { description: queue({ encryption: { by: "kms", key: "alias/ours" } }) },
    /^ok \| queue encryption \| .*alias\/ours; that it may be used is not proved/,
  ],
  [
    "the key of AWS",
    { description: queue({ encryption: { by: "kms", key: "alias/aws/sqs" } }) },
    /^ok \| queue encryption \| encrypted, with the KMS key alias\/aws\/sqs \|/,
  ],
  [
    "a server that does not say",
    { description: queue({ encryption: undefined }) },
    /^skipped \| queue encryption \| the queue's server/,
  ],
];

const slow = new EtlError({ kind: "unavailable", operation: "x", message: "too late", retryable: true });

describe("one thing is wrong, and one line says so", () => {
  test("nobody says in time who asks", () => {
    expectOnly(checkQueues({ ...goodQueue, identity: { error: slow } }), good, [
      /^skipped \| identity \| too late \|/,
    ]);
  });

  test.each(cases)("%s", (_, changes, line) => {
    expectOnly(checkQueues({ ...goodQueue, ...changes }), good, [line]);
  });

  test("the queue has no redrive policy", () => {
    const { maxReceiveCount: _, deadLetterArn: __, ...without } = described("logins");
    const changes = { description: { value: without }, redriveTarget: undefined };
    const findings = checkQueues({ ...goodQueue, ...changes });
    expectOnly(findings, good, [/^warning \| redrive policy \| none: .* 4 days .* --on-reject dead-letter/]);
    expect(findings.some(({ check }) => check === "redrive target")).toBe(false);
    const sent = checkQueues({ ...goodQueue, ...changes, deadLetters: letters() });
    expectOnly(sent, withLetters, [/^ok \| redrive policy \| none; rejected messages are sent/]);
  });

  test("attributes may not be read: that is denied, and what rests on them is not known", () => {
    const description = failing("permission", "attributes", "AccessDenied");
    const findings = checkQueues({ ...goodQueue, description, redriveTarget: undefined });
    expectOnly(findings, good, [
      /^ok \| queue \| logins answers/,
      /^failed \| read attributes \| .*sqs:GetQueueAttributes \| .* \| 77$/,
    ]);
    expect(findings.filter(({ status }) => status === "skipped").map(({ check }) => check)).toEqual([
      "visibility time-out",
      "redrive policy",
      "queue encryption",
    ]);
  });

  test("a queue that does not answer fails once, and not ten times", () => {
    const all = failing("unavailable", "attributes");
    const findings = checkQueues({
      ...goodQueue,
      description: all,
      receive: all,
      delete: all,
      changeVisibility: all,
    });
    expect(findings.filter(({ status }) => status === "failed").map(({ check }) => check)).toEqual(["queue"]);
  });

  test("two receive counts that are as good: 14 days are all there is, and a FIFO queue counts anew", () => {
    const longest = 1_209_600;
    const both = { description: queue({ retentionSeconds: longest }), redriveTarget: { value: target() } };
    expectOnly(checkQueues({ ...goodQueue, ...both }), good, []);
    const fifo = {
      description: queue({ fifo: true }),
      redriveTarget: { value: target({ fifo: true, retentionSeconds: 60 }) },
    };
    expectOnly(checkQueues({ ...goodQueue, ...fifo }), good, [/^ok \| queue \| logins, a FIFO queue/]);
  });
});

describe("where rejected messages are sent", () => {
  const unusable = new EtlError({
    kind: "config",
    operation: "x",
    message: "no dead-letter queue is named",
    hint: "name it",
  });
  test.each<[what: string, deadLetters: QueueFacts["deadLetters"], lines: readonly RegExp[]]>([
    [
      "none is named",
      unusable,
      [/^failed \| rejects queue \| no dead-letter queue is named \| name it \| 78$/],
    ],
    [
      "it does not exist",
      letters({
        description: {
          error: new EtlError({
            kind: "config",
            operation: "attributes",
            message: "the queue does not exist",
            hint: "check the queue URL: account, region and name",
          }),
        },
      }),
      [/^failed \| rejects queue \| the dead-letter queue does not exist \| check --dead-letter-url: .* 78$/],
    ],
    [
      "it is the queue itself",
      letters({ description: { value: described("logins") } }),
      [/^failed \| rejects queue \| .* is drained/],
    ],
    [
      "it is of another kind",
      letters({ description: { value: described("rejected", { fifo: true }) } }),
      [/^failed \| rejects queue \| rejected is a FIFO queue, and the drained one is none/],
    ],
    [
      "its attributes may not be read",
      letters({ description: failing("permission", "attributes", "AccessDenied") }),
      [/^failed \| rejects queue \| .*sqs:GetQueueAttributes on the dead-letter queue .* 77$/],
    ],
    [
      "sending is denied",
      letters({ send: { value: "denied" } }),
      [/^failed \| rejects sending \| .*sqs:SendMessage on the .* 77$/],
    ],
    [
      "it stores in clear",
      letters({ description: { value: described("rejected", { encryption: { by: "nobody" } }) } }),
      [/^warning \| rejects encryption \| .* in clear \| .*\/rejected --attributes/],
    ],
  ])("%s", (_, deadLetters, lines) => {
    expectOnly(checkQueues({ ...goodQueue, deadLetters }), withLetters, lines);
  });
});

test("every hint that is a command names the queue it is for", () => {
  const findings = checkQueues({ ...goodQueue, description: queue({ visibilityTimeoutSeconds: 1 }) });
  expect(findings.find(({ status }) => status === "warning")?.hint).toContain(`--queue-url ${queueUrl} `);
});
