/** Makes every check of `etl doctor`: both sides at the same time, each within its own time. */

import { checkDatabase, databaseChecks } from "../../doctor/database-checks.ts";
import { type Answer, type Finding, failedBy, skipped } from "../../doctor/finding.ts";
import { allSkipped, checkQueues, queueChecks } from "../../doctor/queue-checks.ts";
import { checkKey, checkSettings } from "../../doctor/settings-checks.ts";
import { EtlError } from "../../errors.ts";
import type { Settings } from "../../settings/settings.ts";
import type { Context } from "../context.ts";
import { answerNow } from "./answer.ts";
import { databaseFacts } from "./database.ts";
import { queueFacts } from "./queue.ts";
import { keyFacts } from "./settings.ts";

/** All findings, in the order of the checks. Nothing is thrown but bugs. */
export async function allFindings(settings: Answer<Settings>, context: Context): Promise<readonly Finding[]> {
  if ("error" in settings) {
    const others = [
      "mask key",
      "identity",
      "clock",
      ...queueChecks({ deadLetters: undefined }),
      ...databaseChecks,
    ] as const;
    return [checkSettings(settings), ...allSkipped(others, "needs the settings")];
  }
  const { configPath, table } = settings.value;
  const facts = { configPath, table: table.name, columns: table.mapping.columns.length };
  const waiting = new Set<string>();
  const arn = Promise.withResolvers<string | undefined>();
  const [queue, database] = await Promise.all([
    shownWaiting("the queue", waiting, context, queueFindings(settings.value, context, arn.resolve)),
    shownWaiting(
      "the database",
      waiting,
      context,
      databaseFacts(settings.value, arn.promise, context).then(checkDatabase),
    ),
  ]);
  context.log.status(null);
  const key = checkKey(answerNow(() => keyFacts(settings.value)));
  return [checkSettings({ value: facts }), key, ...queue, ...database];
}

async function queueFindings(
  settings: Settings,
  context: Context,
  onArn: (arn: string | undefined) => void,
): Promise<readonly Finding[]> {
  try {
    return checkQueues(await queueFacts(settings, context, onArn));
  } catch (error) {
    if (!(error instanceof EtlError)) throw error;
    onArn(undefined);
    const deadLetters = settings.rejects.action === "leave" ? undefined : error;
    const because = "needs a queue that can be asked";
    const [, ...rest] = queueChecks({ deadLetters });
    return [
      skipped("identity", because),
      skipped("clock", because),
      failedBy("queue", error),
      ...allSkipped(rest, because),
    ];
  }
}

/** Says on a terminal what is still waited for. */
async function shownWaiting<T>(
  subject: string,
  waiting: Set<string>,
  { log }: Context,
  promise: Promise<T>,
): Promise<T> {
  const show = () => log.status(waiting.size === 0 ? null : `asking ${[...waiting].join(" and ")} …`);
  waiting.add(subject);
  show();
  try {
    return await promise;
  } finally {
    waiting.delete(subject);
    show();
  }
}
