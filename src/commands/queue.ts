/** Opens what the settings name: the queue, its account, and its dead-letter queue. */

import { isAwsHost } from "../aws/endpoint.ts";
import type { AccountParts } from "../aws/identity.ts";
import { EtlError } from "../errors.ts";
import { fewReceives } from "../message/message.ts";
import type { Clock, DeadLetterQueue, QueueAttributes, Source } from "../polling/ports.ts";
import { withExtendedPayloads } from "../s3/extended-payloads.ts";
import type { QueueSettings, Settings } from "../settings/settings.ts";
import { createSqsDeadLetterQueue, readDeadLetterAttributes } from "../sqs/dead-letter.ts";
import { parseQueueUrl } from "../sqs/queue-url.ts";
import { createSqsSource } from "../sqs/source.ts";
import { countOf, formatSeconds } from "../terminal/text.ts";
import type { Context } from "./context.ts";
import { systemClock } from "./system-clock.ts";

type Surroundings = Pick<Context, "env" | "log">;

/** An opened queue. */
export interface OpenQueue {
  /** The last part of its URL. */
  readonly name: string;
  readonly source: Source;
  /** Calls to the queue that are not over. */
  readonly openRequests: () => number;
}

/**
 * Opens the queue; nothing is sent yet.
 *
 * @param withAttributes whether messages are to come with their senders' attributes
 * @throws EtlError of kind config if no queue is named, or its URL cannot be used
 */
export function openQueue(settings: QueueSettings, context: Surroundings, withAttributes = false): OpenQueue {
  const parts = sourceParts(settings, context);
  const source = createSqsSource({ ...parts, withAttributes });
  return {
    name: parseQueueUrl(parts.queue.url).name,
    source: settings.extendedPayloads ? withExtendedPayloads(source, parts) : source,
    openRequests: () => source.openRequests,
  };
}

/** What every adapter of an SQS queue is made of. */
export function sourceParts(settings: QueueSettings, context: Surroundings) {
  const { url } = settings;
  if (url === undefined) {
    throw new EtlError({
      kind: "config",
      operation: "queue",
      message: "no queue is named",
      hint: "set ETL_QUEUE_URL, or give --queue-url https://sqs.REGION.amazonaws.com/ACCOUNT/QUEUE",
    });
  }
  return { queue: { ...settings, url }, ...serviceParts(context) };
}

/** What every call to AWS is made with, whichever service it goes to. */
function serviceParts({ env, log }: Surroundings) {
  return {
    env,
    clock: systemClock,
    now: Date.now,
    random: Math.random,
    // Bun's fetch asks the process's environment, and what is passed in may be that of the demo's embedded queue.
    direct: env.NO_PROXY === "*",
    onClockSkew(aheadMillis: number) {
      const seconds = formatSeconds(Math.abs(aheadMillis) / 1000);
      log.warn(
        `this machine's clock is ${seconds} ${aheadMillis > 0 ? "ahead of" : "behind"} that of SQS; requests are signed with SQS's time`,
      );
    },
  };
}

/** Everything of the account, as far as the settings know it. A queue's URL tells the region, or what stands for AWS. */
export function accountParts(
  { url, region, environmentRegion, endpoint }: QueueSettings,
  context: Surroundings,
): AccountParts {
  const queue = url === undefined ? undefined : parseQueueUrl(url);
  const standIn = queue !== undefined && !isAwsHost(new URL(queue.origin).hostname);
  return {
    ...serviceParts(context),
    region: region ?? queue?.region ?? environmentRegion,
    endpoint: endpoint ?? (standIn ? queue.origin : undefined),
  };
}

/** When a person begins to wonder. A queue that takes the connection and says nothing is given a minute, tries included. */
const wonderMillis = 5_000;

/**
 * Asks a queue for its attributes, and says so once if no answer comes.
 *
 * @throws EtlError what the queue's client does
 */
export async function firstAnswer(
  { name, source }: { readonly name: string; readonly source: Pick<Source, "attributes"> },
  { log }: Pick<Context, "log">,
  clock: Pick<Clock, "sleep">,
): Promise<QueueAttributes> {
  const answered = new AbortController();
  void clock.sleep(wonderMillis, answered.signal).then(() => {
    if (!answered.signal.aborted) log.warn(`the queue ${name} has not answered yet; waiting`);
  });
  try {
    return await source.attributes();
  } finally {
    answered.abort();
  }
}

/** Warns in one line if the queue's redrive policy allows so few receives that a look at its messages counts. */
export function warnOfRedrive(
  { maxReceiveCount }: QueueAttributes,
  { log }: Pick<Context, "log">,
  look: string,
): void {
  if (maxReceiveCount === undefined || maxReceiveCount > fewReceives) return;
  log.warn(
    `the queue moves a message to its dead-letter queue after ${countOf(maxReceiveCount, "receive")}, and ${look} is one of them`,
  );
}

/** If rejected messages are to be sent to a dead-letter queue, and none is named. */
export function noDeadLetterQueue(): EtlError {
  return new EtlError({
    kind: "config",
    operation: "dead letters",
    message: "no dead-letter queue is named",
    hint: "--dead-letter-url https://sqs.REGION.amazonaws.com/ACCOUNT/QUEUE",
  });
}

/**
 * The dead-letter queue of `--on-reject dead-letter`; undefined where rejected messages stay.
 *
 * @param origin the queue that is drained
 * @throws EtlError of kind config where none is named, or where it is the drained queue itself or of another kind;
 * whatever asking it for its attributes throws
 */
export async function openDeadLetters(
  settings: Pick<Settings, "queue" | "rejects">,
  origin: QueueAttributes,
  context: Context,
): Promise<DeadLetterQueue | undefined> {
  const { action, deadLetterUrl } = settings.rejects;
  if (action === "leave") {
    if (deadLetterUrl !== undefined)
      context.log.warn(
        "rejected messages stay in the queue: --dead-letter-url needs --on-reject dead-letter",
      );
    return undefined;
  }
  if (deadLetterUrl === undefined) throw noDeadLetterQueue();
  const parts = sourceParts({ ...settings.queue, url: deadLetterUrl }, context);
  const { arn, fifo } = await readDeadLetterAttributes(parts);
  if (arn === origin.arn) {
    throw unusable("the dead-letter queue is the queue that is drained", "give another --dead-letter-url");
  }
  if (fifo !== origin.fifo) {
    throw unusable(
      `the dead-letter queue is ${fifo ? "a FIFO queue" : "no FIFO queue"}, and the drained one is ${origin.fifo ? "one" : "none"}`,
      "give a --dead-letter-url of the same kind",
    );
  }
  return createSqsDeadLetterQueue({ ...parts, originArn: origin.arn });
}

function unusable(message: string, hint: string): EtlError {
  return new EtlError({ kind: "config", operation: "dead letters", message, hint });
}
