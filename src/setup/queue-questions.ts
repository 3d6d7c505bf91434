/** The first questions: which queue, and what its messages look like. */

import { EtlError } from "../errors.ts";
import { fewReceives, type Message } from "../message/message.ts";
import type { QueueAttributes } from "../polling/ports.ts";
import { type Asker, setupError, untilRight } from "./asker.ts";
import type { Plan, Session, SetupPorts, SetupQueue } from "./ports.ts";
import { formatInWords, isPointer, type ReadSample, readSample } from "./sample.ts";

/** How many messages are looked at: one call's worth. */
const sampleSize = 10;

/** A queue that has answered, and what is in it. */
export interface ChosenQueue extends Pick<Plan["queue"], "url" | "body" | "extendedPayloads"> {
  readonly name: string;
  /** Empty if the queue is. */
  readonly messages: readonly Message[];
  readonly sample: ReadSample;
}

/** Says who asks, asks for the queue, and looks at a few of its messages. */
export async function chooseQueue(session: Session): Promise<ChosenQueue> {
  const { asker, ports, start } = session;
  const { source, arn } = await ports.identity();
  await asker.tell(`AWS credentials from ${source}`, ...(arn === undefined ? [] : [`identity ${arn}`]));
  let urls: readonly string[] | undefined;
  const { url, queue, attributes } = await untilRight(asker, start.given.queueUrl, async (given) => {
    if (given === undefined) urls ??= asker.isPerson ? await listed(asker, ports) : [];
    const typed = given ?? (await askForUrl(session, urls ?? []));
    const opened = ports.openQueue(typed);
    return { url: typed, queue: opened, attributes: await opened.attributes() };
  });
  await tellOfQueue(asker, queue, attributes);
  const { messages, extendedPayloads } = await look(session, queue, attributes);
  const sample = readSample(messages, start.queue.body);
  const body = messages.length === 0 ? start.queue.body : sample.format;
  const words = messages.length === 0 ? undefined : formatInWords(sample);
  if (words !== undefined) await asker.tell(words);
  if (sample.unreadable > 0) {
    await asker.warn(
      `${sample.unreadable} of ${messages.length} messages hold no JSON object: a drain would reject them`,
    );
  }
  return { url, name: queue.name, body, extendedPayloads, messages, sample };
}

async function askForUrl({ asker, start }: Session, urls: readonly string[]): Promise<string> {
  const configured = start.queue.url;
  const known = [...new Set([...(configured === undefined ? [] : [configured]), ...urls])];
  if (known.length > 0) {
    const chosen = await asker.choose<string | undefined>({
      message: "Which queue?",
      choices: [
        ...known.map((url) => ({ value: url, label: url.split("/").at(-1) ?? url, hint: url })),
        { value: undefined, label: "Another: give its URL" },
      ],
      proposed: known[0],
    });
    if (chosen !== undefined) return chosen;
  }
  return await asker.text({
    message: "The queue's URL",
    example: "https://sqs.REGION.amazonaws.com/ACCOUNT/QUEUE",
    fault: (text) => (/^https?:\/\/./.test(text.trim()) ? undefined : "A queue's URL begins with https://"),
  });
}

/** A person who may not list the queues can still give a URL. */
async function listed(asker: Asker, ports: SetupPorts): Promise<readonly string[]> {
  try {
    return await ports.queueUrls();
  } catch (error) {
    if (!(error instanceof EtlError)) throw error;
    await asker.tell(`Cannot list the queues: ${error.message}`);
    return [];
  }
}

async function tellOfQueue(asker: Asker, { name }: SetupQueue, attributes: QueueAttributes): Promise<void> {
  const { visible, inFlight, visibilityTimeoutSeconds, fifo, maxReceiveCount, deadLetterArn } = attributes;
  await asker.tell(
    `${name}: about ${visible} messages, and ${inFlight} in flight${fifo ? "; FIFO" : ""}`,
    `visibility timeout ${visibilityTimeoutSeconds} s`,
    maxReceiveCount === undefined
      ? "no redrive policy: a rejected message stays until it expires"
      : `after ${maxReceiveCount} receives, SQS moves a message to ${deadLetterArn?.split(":").at(-1)}`,
  );
}

async function look(
  { asker, start }: Session,
  queue: SetupQueue,
  { maxReceiveCount = Number.POSITIVE_INFINITY, visibilityTimeoutSeconds }: QueueAttributes,
): Promise<Pick<ChosenQueue, "messages" | "extendedPayloads">> {
  if (maxReceiveCount === 1 && !asker.isPerson) {
    throw setupError(
      "the queue moves a message to its dead-letter queue after one receive, and looking at it is a receive",
      "run etl init in a terminal, or write the columns yourself: etl config example",
    );
  }
  if (maxReceiveCount <= fewReceives) {
    await asker.warn(
      maxReceiveCount === 1
        ? "looking at a message is its only receive: SQS then moves it to the dead-letter queue"
        : `looking at a message counts as one of its ${maxReceiveCount} receives`,
    );
    if (!(await asker.confirm("Look at a few messages anyway?", maxReceiveCount > 1))) {
      return { messages: [], extendedPayloads: start.queue.extendedPayloads };
    }
  }
  const sample = async (extendedPayloads: boolean) => {
    const { messages, notReleased } = await queue.sample(sampleSize, extendedPayloads);
    if (notReleased > 0) {
      await asker.warn(
        `${notReleased} messages could not be released; they are visible again within ${visibilityTimeoutSeconds} s`,
      );
    }
    return { messages, extendedPayloads };
  };
  const first = await sample(start.queue.extendedPayloads);
  if (!first.messages.some(isPointer)) return first;
  await asker.tell("The bodies point to objects in S3: fetching those");
  return await sample(true);
}
