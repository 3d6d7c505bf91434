/** The first questions: which queue, and what its messages look like. */

import { EtlError } from "../errors.ts";
import type { BodyFormat } from "../message/mapping.ts";
import type { Message } from "../message/message.ts";
import type { Asker } from "./asker.ts";
import { formatInWords, isPointer, type ReadSample, readSample } from "./body-format.ts";
import type { Start } from "./plan.ts";
import type { QueueFacts, SetupPorts, SetupQueue } from "./ports.ts";
import { untilRight } from "./retry.ts";

/** How many messages are looked at: one call's worth. */
const sampleSize = 10;

/** Below so many receives, looking at a message a few times sends it to the dead-letter queue. */
const fewReceives = 3;

const queueFlag = "--queue-url URL";

/** A queue that has answered, and what is in it. */
export interface ChosenQueue {
  readonly url: string;
  readonly name: string;
  readonly body: BodyFormat;
  readonly extendedPayloads: boolean;
  /** Empty where the queue is. */
  readonly messages: readonly Message[];
  readonly sample: ReadSample;
}

/** Says who asks, asks for the queue, and looks at a few of its messages. */
export async function chooseQueue(asker: Asker, ports: SetupPorts, start: Start): Promise<ChosenQueue> {
  const { source, arn } = await ports.queues.identity();
  await asker.tell(`AWS credentials from ${source}`, ...(arn === undefined ? [] : [`identity ${arn}`]));
  let urls: readonly string[] | undefined;
  const listOnce = async () => {
    urls ??= asker.isPerson ? await listed(asker, ports.queues) : [];
    return urls;
  };
  const { url, queue, facts } = await untilRight(asker, start.given.queueUrl, async (given) => {
    const typed = given ?? (await askForUrl(asker, start, await listOnce()));
    const opened = ports.queues.open(typed);
    return { url: typed, queue: opened, facts: await opened.facts() };
  });
  await tellOfQueue(asker, queue, facts);
  const { messages, extendedPayloads } = await takeSample(asker, queue, facts, start);
  const sample = readSample(messages);
  const body = messages.length === 0 ? start.body : sample.format;
  const words = formatInWords(body);
  if (messages.length > 0 && words !== undefined) {
    await asker.tell(`The bodies are ${words}: that is taken off`);
  }
  if (sample.unreadable > 0) {
    await asker.warn(
      `${sample.unreadable} of ${messages.length} messages hold no JSON object: they would be rejected`,
    );
  }
  return { url, name: queue.name, body, extendedPayloads, messages, sample };
}

async function askForUrl(asker: Asker, start: Start, urls: readonly string[]): Promise<string> {
  const known = [...new Set([...(start.queueUrl === undefined ? [] : [start.queueUrl]), ...urls])];
  if (known.length > 0) {
    const chosen = await asker.choose<string | undefined>({
      message: "Which queue?",
      flag: queueFlag,
      choices: [
        ...known.map((url) => ({ value: url, label: url.split("/").at(-1) ?? url, hint: url })),
        { value: undefined, label: "Another: give its URL" },
      ],
      proposed: start.queueUrl ?? known[0],
      mayAssume: start.queueUrl !== undefined,
    });
    if (chosen !== undefined) return chosen;
  }
  return await asker.text({
    message: "The queue's URL",
    flag: queueFlag,
    example: "https://sqs.REGION.amazonaws.com/ACCOUNT/QUEUE",
    fault: (text) => (/^https?:\/\/./.test(text.trim()) ? undefined : "It begins with https://"),
  });
}

/** Without the permission to list, a URL does. */
async function listed(asker: Asker, queues: SetupPorts["queues"]): Promise<readonly string[]> {
  try {
    return await queues.list();
  } catch (error) {
    if (!(error instanceof EtlError)) throw error;
    await asker.tell(`The queues cannot be listed: ${error.message}`);
    return [];
  }
}

async function tellOfQueue(asker: Asker, { name }: SetupQueue, facts: QueueFacts): Promise<void> {
  const { visible, inFlight, visibilityTimeoutSeconds, fifo, maxReceiveCount, deadLetterArn } = facts;
  await asker.tell(
    `${name}: about ${visible} messages, and ${inFlight} in flight${fifo ? "; FIFO" : ""}`,
    `visibility time-out ${visibilityTimeoutSeconds} s`,
    maxReceiveCount === undefined
      ? "no redrive policy: a rejected message stays until it expires"
      : `after ${maxReceiveCount} receives a message goes to ${deadLetterArn?.split(":").at(-1)}`,
  );
}

async function takeSample(
  asker: Asker,
  queue: SetupQueue,
  { maxReceiveCount = Number.POSITIVE_INFINITY, visibilityTimeoutSeconds }: QueueFacts,
  start: Start,
): Promise<Pick<ChosenQueue, "messages" | "extendedPayloads">> {
  if (maxReceiveCount === 1 && !asker.isPerson) throw lookMoves();
  if (maxReceiveCount <= fewReceives) {
    await asker.warn(
      maxReceiveCount === 1
        ? "looking at a message is its one receive: it goes to the dead-letter queue then"
        : `looking at a message counts as one of its ${maxReceiveCount} receives`,
    );
    const message = "Look at a few messages all the same?";
    if (!(await asker.confirm({ message, flag: "--yes", proposed: maxReceiveCount > 1 }))) {
      return { messages: [], extendedPayloads: start.extendedPayloads };
    }
  }
  const look = async (extendedPayloads: boolean) => {
    const { messages, notReleased } = await queue.sample({ maxMessages: sampleSize, extendedPayloads });
    if (notReleased > 0) {
      await asker.warn(
        `${notReleased} messages could not be given back at once: they return after ${visibilityTimeoutSeconds} s`,
      );
    }
    return messages;
  };
  const messages = await look(start.extendedPayloads);
  if (!messages.some(isPointer)) return { messages, extendedPayloads: start.extendedPayloads };
  await asker.tell("Bodies point to objects in S3: those are fetched");
  return { messages: await look(true), extendedPayloads: true };
}

/** Nobody is there to say that they may be lost to the queue. */
function lookMoves(): EtlError {
  return new EtlError({
    kind: "config",
    operation: "init",
    message: "the queue moves a message to its dead-letter queue after one receive, and a look is one",
    hint: "run etl init in a terminal, or write the columns yourself: etl config example",
  });
}
