import { describe, test } from "bun:test";
import type { Facts } from "../../src/doctor/check.ts";
import { EtlError } from "../../src/errors.ts";
import {
  deadLettersWith,
  described,
  expectOnly,
  failing,
  goodFacts,
  goodKey,
  linesFor,
  queueWith,
  settingsWith,
  targetWith,
} from "../support/doctor-facts.ts";

const good = linesFor(goodFacts);
const sending: Facts = { ...goodFacts, ...deadLettersWith({}) };
const denied = failing("permission", "attributes", "AccessDenied");
const slow = new EtlError({ kind: "unavailable", operation: "x", message: "too late", retryable: true });
const noRedrive = () => {
  const { maxReceiveCount: _, deadLetterArn: __, ...value } = described("logins").value;
  return { description: { value }, redriveTarget: undefined };
};

describe("one thing is wrong, and one line says so", () => {
  test.each<[what: string, changes: Partial<Facts>, ...lines: RegExp[]]>([
    [
      "a table of one's own",
      settingsWith({ table: "t" }),
      /^ok \| settings \| no etl.toml; 7 columns into t \| {2}\| 0$/,
    ],
    [
      "a key in a variable",
      { maskKey: { value: { key: { ...goodKey, place: "ETL_MASK_KEY", inFile: false }, plainHash: false } } },
      /^ok \| mask key \| ETL_MASK_KEY: 32 bytes \| {2}\| 0$/,
    ],
    [
      "no key is needed",
      { maskKey: { value: { plainHash: false } } },
      /^ok \| mask key \| not needed: no column is masked under a key \|/,
      /^ok \| masked rows \| no column is masked under a key \|/,
    ],
    [
      "a hash without a key",
      { maskKey: { value: { plainHash: true, key: goodKey } } },
      /^warning \| mask key \| .*sha256 and no key: .*--mask hmac-sha256/,
    ],
    [
      "no key",
      { maskKey: failing("config", "mask key") },
      /^failed \| mask key \| mask key failed \| mend mask key \| 78$/,
    ],
    [
      "no credentials",
      { identity: failing("config", "credentials") },
      /^failed \| identity \| credentials failed \| mend credentials \| 78$/,
    ],
    [
      "AWS does not say whose the credentials are",
      { identity: { value: { source: "the instance's role" } } },
      /^ok \| identity \| from the instance's role/,
    ],
    [
      "AWS does not say in time whose they are",
      { identity: { error: slow } },
      /^skipped \| identity \| too late \|/,
    ],
    ["a clock ahead", { clockAheadMillis: 31_000 }, /^warning \| clock \| .* 31 s ahead of .* timedatectl/],
    ["a clock behind", { clockAheadMillis: -600_000 }, /^warning \| clock \| .* 600 s behind /],
    ["no clock", { clockAheadMillis: undefined }, /^skipped \| clock \| the queue's server did not say/],
    [
      "no queue is named",
      { queue: failing("config", "queue"), identity: undefined, description: undefined },
      /^failed \| queue \| queue failed \| mend queue \| 78$/,
      /^skipped \| queue in ledger \| the queue did not say its ARN/,
    ],
    [
      "a queue that cannot be reached",
      { description: failing("unavailable", "attributes") },
      /^failed \| queue \| attributes failed \| mend attributes \| 69$/,
      /^skipped \| queue in ledger \| the queue did not say its ARN/,
    ],
    [
      "a key that AWS does not know",
      { description: failing("permission", "attributes", "InvalidClientTokenId") },
      /^failed \| queue \| .* 77$/,
      /^skipped \| queue in ledger/,
    ],
    [
      "attributes may not be read",
      { description: denied, redriveTarget: undefined },
      /^ok \| queue \| logins answers/,
      /^failed \| read attributes \| .*sqs:GetQueueAttributes \| .* \| 77$/,
      /^skipped \| queue in ledger/,
    ],
    [
      "receive is denied",
      { receive: { value: "denied" } },
      /^failed \| receive \| .*sqs:ReceiveMessage \| allow sqs:ReceiveMessage; .*--policy \| 77$/,
    ],
    [
      "receive is permitted",
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
      "no visibility timeout",
      queueWith({ visibilityTimeoutSeconds: 0 }),
      /^failed \| visibility time-out \| 0 s: .* --queue-url https:\S+\/logins .*VisibilityTimeout=30 \| 78$/,
    ],
    [
      "a visibility timeout that a batch outlasts",
      queueWith({ visibilityTimeoutSeconds: 14 }),
      /^warning \| visibility time-out \| 14 s: .* a batch of 500 .* VisibilityTimeout=16, or a smaller --batch-size \| 0$/,
    ],
    [
      "a batch that outlasts the visibility timeout",
      settingsWith({ batchSize: 10_000 }),
      /^warning \| visibility time-out \| .* VisibilityTimeout=110/,
    ],
    [
      "no redrive policy",
      noRedrive(),
      /^warning \| redrive policy \| none: .* 4 days .* --on-reject dead-letter/,
    ],
    [
      "a redrive after few receives",
      queueWith({ maxReceiveCount: 3 }),
      /^warning \| redrive policy \| after 3 receives .* raise maxReceiveCount/,
    ],
    [
      "a dead-letter queue that does not exist",
      { redriveTarget: failing("config", "attributes") },
      /^failed \| redrive target \| the dead-letter queue logins-dead does not exist \| .* \| 78$/,
    ],
    [
      "a dead-letter queue that does not answer",
      { redriveTarget: failing("unavailable", "attributes") },
      /^failed \| redrive target \| attributes failed \| mend attributes \| 69$/,
    ],
    [
      "a dead-letter queue of another kind",
      targetWith({ fifo: true }),
      /^failed \| redrive target \| logins-dead is a FIFO queue, but the drained queue is a standard queue .* 78$/,
    ],
    [
      "a dead-letter queue that takes nothing",
      targetWith({ redriveAllow: "none" }),
      /^failed \| redrive target \| the redrive allow policy .* 78$/,
    ],
    [
      "a dead-letter queue that takes other queues' messages",
      targetWith({ redriveAllow: ["arn:aws:sqs:x"] }),
      /^failed \| redrive target \| the redrive allow policy/,
    ],
    [
      "a dead-letter queue that takes this queue's",
      targetWith({ redriveAllow: [described("logins").value.arn] }),
    ],
    [
      "a dead-letter queue that forgets as soon as the queue does",
      targetWith({ retentionSeconds: 345_600 }),
      /^warning \| redrive target \| .*no longer than .* --queue-url https:\S+\/logins-dead --attributes MessageRetentionPeriod=1209600 \| 0$/,
    ],
    ["two queues that keep messages for 14 days", queueWith({ retentionSeconds: 1_209_600 })],
    [
      "FIFO queues, in which the time starts again",
      { ...queueWith({ fifo: true }), ...targetWith({ fifo: true, retentionSeconds: 60 }) },
      /^ok \| queue \| logins, a FIFO queue/,
    ],
    [
      "a dead-letter queue that may not be asked",
      { redriveTarget: denied },
      /^skipped \| redrive target \| the credentials may not ask logins-dead; a drain does not need to/,
    ],
    [
      "a dead-letter queue of another account",
      { redriveTarget: undefined },
      /^skipped \| redrive target \| not asked: logins-dead is in another account or region/,
    ],
    [
      "messages in clear",
      queueWith({ encryption: { by: "nobody" } }),
      /^warning \| queue encryption \| .* in clear \| .* SqsManagedSseEnabled=true \| 0$/,
    ],
    [
      "a key of KMS",
      queueWith({ encryption: { by: "kms", key: "alias/ours" } }),
      /^ok \| queue encryption \| .*alias\/ours; not tested/,
    ],
    [
      "the key of AWS",
      queueWith({ encryption: { by: "kms", key: "alias/aws/sqs" } }),
      /^ok \| queue encryption \| encrypted, with the KMS key alias\/aws\/sqs \|/,
    ],
    [
      "a server that does not say how it stores messages",
      queueWith({ encryption: undefined }),
      /^skipped \| queue encryption \| the queue's server/,
    ],
  ])("%s", (_, changes, ...lines) => {
    expectOnly(linesFor({ ...goodFacts, ...changes }), good, lines);
  });

  test.each<[what: string, changes: Partial<Facts>, line: RegExp]>([
    [
      "no dead-letter queue is named",
      { deadLetters: failing("config", "name") },
      /^failed \| rejects queue \| name failed \| mend name \| 78$/,
    ],
    [
      "the dead-letter queue does not exist",
      deadLettersWith({ description: failing("config", "attributes of the dead-letter queue") }),
      /^failed \| rejects queue \| attributes of the dead-letter queue failed \| mend .* 78$/,
    ],
    [
      "the dead-letter queue is the queue itself",
      deadLettersWith({ description: described("logins") }),
      /^failed \| rejects queue \| .* is drained .* 78$/,
    ],
    [
      "the dead-letter queue is of another kind",
      deadLettersWith({ description: described("rejected", { fifo: true }) }),
      /^failed \| rejects queue \| rejected is a FIFO queue, but the drained queue is a standard queue .* 78$/,
    ],
    [
      "the dead-letter queue's attributes may not be read",
      deadLettersWith({
        description: failing("permission", "attributes of the dead-letter queue", "AccessDenied"),
      }),
      /^failed \| rejects queue \| .*sqs:GetQueueAttributes on the dead-letter queue .* 77$/,
    ],
    [
      "sending is denied",
      deadLettersWith({ send: { value: "denied" } }),
      /^failed \| rejects sending \| .*sqs:SendMessage on the dead-letter queue .* 77$/,
    ],
    [
      "the dead-letter queue stores in clear",
      deadLettersWith({ description: described("rejected", { encryption: { by: "nobody" } }) }),
      /^warning \| rejects encryption \| .* in clear \| .*\/rejected --attributes/,
    ],
    [
      "the queue has no redrive policy",
      noRedrive(),
      /^ok \| redrive policy \| none; etl sends rejected messages/,
    ],
  ])("with --on-reject dead-letter: %s", (_, changes, line) => {
    expectOnly(linesFor({ ...sending, ...changes }), linesFor(sending), [line]);
  });
});
