/** A queue of bodies of any size, far away: it hands out messages in order, holds each answer back, and remembers deletes. */

import { hash } from "node:crypto";
import { answer } from "./sqs-faults.ts";

/** What the queue is to be. */
export interface SizedQueueOptions {
  readonly count: number;
  /** The body of a message, by its place. */
  readonly bodyOf: (index: number) => string;
  /** Each answer is held back for so long. */
  readonly roundTripMillis: number;
}

/** A running queue on 127.0.0.1. */
export interface SizedQueue {
  readonly url: string;
  /** Messages that have been deleted. */
  readonly deleted: number;
  stop(): Promise<void>;
}

const entryHandle = /^\w+RequestEntry\.(\d+)\.ReceiptHandle$/;

/** Starts it on a free port. What was handed out stays hidden until its delete. */
export function startSizedQueue({ count, bodyOf, roundTripMillis }: SizedQueueOptions): SizedQueue {
  const deleted = new Set<string>();
  let next = 0;

  function messages(most: number): string {
    const first = next;
    next = Math.min(count, first + most);
    return Array.from({ length: next - first }, (_, offset) => message(first + offset)).join("");
  }

  function message(index: number): string {
    const body = bodyOf(index);
    const id = `${index.toString(16).padStart(8, "0")}-0000-4000-8000-000000000000`;
    return (
      `<Message><MessageId>${id}</MessageId><ReceiptHandle>${index}</ReceiptHandle>` +
      `<MD5OfBody>${hash("md5", body)}</MD5OfBody><Body>${body.replaceAll('"', "&quot;")}</Body>` +
      `<Attribute><Name>SentTimestamp</Name><Value>${1_750_000_000_000 + index}</Value></Attribute>` +
      "<Attribute><Name>ApproximateReceiveCount</Name><Value>1</Value></Attribute></Message>"
    );
  }

  function answerTo(form: URLSearchParams): string {
    const action = form.get("Action") ?? "";
    if (action === "ReceiveMessage") return messages(Number(form.get("MaxNumberOfMessages")));
    if (action === "GetQueueAttributes") {
      const attributes = {
        QueueArn: "arn:aws:sqs:us-east-1:000000000000:sized",
        ...{ ApproximateNumberOfMessages: count - next, ApproximateNumberOfMessagesNotVisible: 0 },
        ...{ ApproximateNumberOfMessagesDelayed: 0, VisibilityTimeout: 600, MessageRetentionPeriod: 345_600 },
      };
      const texts = Object.entries(attributes).map(
        ([name, value]) => `<Attribute><Name>${name}</Name><Value>${value}</Value></Attribute>`,
      );
      return texts.join("");
    }
    const ids: string[] = [];
    for (const [name, handle] of form) {
      const place = entryHandle.exec(name)?.[1];
      if (place === undefined) continue;
      if (action === "DeleteMessageBatch") deleted.add(handle);
      ids.push(form.get(`${action}RequestEntry.${place}.Id`) ?? "");
    }
    return ids.map((id) => `<${action}ResultEntry><Id>${id}</Id></${action}ResultEntry>`).join("");
  }

  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    // An answer that is not read for a while is not cut off.
    idleTimeout: 120,
    async fetch(request) {
      const form = new URLSearchParams(await request.text());
      await Bun.sleep(roundTripMillis);
      const action = form.get("Action") ?? "";
      return new Response(answer(action, answerTo(form)).body, { headers: { "content-type": "text/xml" } });
    },
  });
  return {
    url: new URL("/000000000000/sized", server.url).href,
    get deleted() {
      return deleted.size;
    },
    stop: () => server.stop(true),
  };
}
