import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Message } from "../../src/message/message.ts";
import type { Clock, Source, VisibilityChange } from "../../src/polling/ports.ts";
import { withExtendedPayloads } from "../../src/s3/extended-payloads.ts";
import type { SqsSource } from "../../src/sqs/source.ts";
import { type S3Server, s3Error, s3Signer, startS3Server } from "../support/s3-server.ts";
import { clientParts, rejection } from "../support/sqs-client.ts";

let server: S3Server;
beforeEach(async () => {
  server = await startS3Server();
});
afterEach(() => server.stop());

/** A queue that hands out the receives it is given, and notes what is asked of it. */
class Queue implements SqsSource {
  /** The only ones that S3 can be asked with: the environment holds none. */
  readonly credentials = { current: async () => s3Signer, renew: async () => s3Signer };
  readonly requests = 0;
  readonly openRequests = 0;
  receives = 0;
  readonly changes: VisibilityChange[][] = [];
  readonly #batches: (readonly Message[])[];
  /** Resolves at the next change of visibility. */
  onChange: () => void = () => {};

  constructor(...batches: (readonly Message[])[]) {
    this.#batches = batches;
  }

  async receive() {
    this.receives += 1;
    return this.#batches.shift() ?? [];
  }
  async delete(handles: readonly string[]) {
    return { settled: handles.length, failed: 0 };
  }
  async changeVisibility(changes: readonly VisibilityChange[]) {
    this.changes.push([...changes]);
    this.onChange();
    return { settled: changes.length, failed: 0 };
  }
  async attributes() {
    const counts = { visible: 0, inFlight: 0, delayed: 0, retentionSeconds: 60 };
    return { ...counts, arn: "arn", visibilityTimeoutSeconds: 60, fifo: false };
  }
}

/** A clock that goes when it is told to. */
class HandClock implements Clock {
  #now = 0;
  readonly #sleepers = new Set<{ readonly until: number; readonly wake: () => void }>();

  monotonicMillis() {
    return this.#now;
  }
  sleep(millis: number, signal?: AbortSignal) {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (millis === 0 || signal?.aborted) resolve();
    else this.#sleepers.add({ until: this.#now + millis, wake: resolve });
    signal?.addEventListener("abort", () => resolve());
    return promise;
  }
  advance(millis: number) {
    this.#now += millis;
    for (const sleeper of this.#sleepers) {
      if (sleeper.until > this.#now) continue;
      this.#sleepers.delete(sleeper);
      sleeper.wake();
    }
  }
}

function open(queue: SqsSource, clock: Clock = new HandClock()): Source {
  return withExtendedPayloads(queue, {
    ...clientParts,
    queue: { url: "https://sqs.eu-west-1.amazonaws.com/123456789012/login-queue" },
    env: { AWS_ENDPOINT_URL_S3: server.endpoint },
    clock,
  });
}

let count = 0;
function message(body: string, more: Partial<Message> = {}): Message {
  count += 1;
  const received = { messageId: String(count), receiptHandle: `handle ${count}`, receiveCount: 1 };
  return { ...received, sentAtMillis: 1, body, bodyIntact: true, ...more };
}

const pointerTo = (key: string, bucket = "payloads") =>
  JSON.stringify([
    "software.amazon.payloadoffloading.PayloadS3Pointer",
    { s3BucketName: bucket, s3Key: key },
  ]);

const options = (more: Partial<Parameters<Source["receive"]>[0]> = {}) => ({
  maxMessages: 10,
  waitSeconds: 0,
  signal: new AbortController().signal,
  ...more,
});

describe("a receive", () => {
  test("without a pointer is handed on as it is", async () => {
    const batch = [message("{}"), message("[1]"), message('["software.amazon"]')];
    expect(await open(new Queue(batch)).receive(options())).toBe(batch);
    expect(server.targets).toEqual([]);
  });

  test("comes in its order, each pointer with its payload, and its body as it was", async () => {
    const batch = ["a", "{}", "b", "c"].map((name) => message(name === "{}" ? name : pointerTo(name)));
    for (const name of ["a", "b", "c"]) server.objects.set(`/payloads/${name}`, { body: `"${name}"` });
    const received = await open(new Queue(batch)).receive(options());
    expect(received).toEqual(
      batch.map((sent, index) => ({ ...sent, ...(index === 1 ? {} : { payload: `"${"a bc"[index]}"` }) })),
    );
    expect(server.targets.toSorted()).toEqual(["/payloads/a", "/payloads/b", "/payloads/c"]);
  });

  test("with what can never be had says why, and hands on the others", async () => {
    const batch = [
      message(pointerTo("gone")),
      message(pointerTo("bytes")),
      message(pointerTo("k", "evil.example/")),
      message(pointerTo("k")),
    ];
    server.objects.set("/payloads/bytes", { body: Uint8Array.of(0xff) });
    server.objects.set("/payloads/k", { body: "{}" });
    const received = await open(new Queue(batch)).receive(options());
    expect(received.map(({ payload, payloadFault }) => payload ?? payloadFault)).toEqual([
      "payload_missing",
      "payload_not_text",
      "payload_missing",
      "{}",
    ]);
  });

  test("does not follow a body that was damaged on its way", async () => {
    const batch = [message(pointerTo("k"), { bodyIntact: false })];
    expect(await open(new Queue(batch)).receive(options())).toBe(batch);
    expect(server.targets).toEqual([]);
  });

  test("deletes nothing in S3, and passes on what else is asked of the queue", async () => {
    const queue = new Queue();
    const source = open(queue);
    expect(await source.delete(["h"])).toEqual({ settled: 1, failed: 0 });
    await source.changeVisibility([{ receiptHandle: "h", timeoutSeconds: 5 }]);
    expect(queue.changes).toEqual([[{ receiptHandle: "h", timeoutSeconds: 5 }]]);
    expect((await source.attributes()).visibilityTimeoutSeconds).toBe(60);
    expect(server.targets).toEqual([]);
  });
});

const hidden = (batch: readonly Message[], timeoutSeconds: number) =>
  batch.map(({ receiptHandle }) => ({ receiptHandle, timeoutSeconds }));

describe("while payloads are on their way", () => {
  test("the messages are kept invisible, by thirds of the time-out", async () => {
    const batch = [message(pointerTo("a")), message("{}")];
    const queue = new Queue(batch);
    const clock = new HandClock();
    const source = open(queue, clock);
    await source.attributes();
    const asked = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    server.answer = async () => {
      asked.resolve();
      await release.promise;
      return false;
    };
    const receiving = source.receive(options());
    await asked.promise;
    for (const round of [1, 2]) {
      const changed = new Promise<void>((resolve) => {
        queue.onChange = resolve;
      });
      clock.advance(19_999);
      await Bun.sleep(0);
      expect(queue.changes).toHaveLength(round - 1);
      clock.advance(1);
      await changed;
    }
    expect(queue.changes).toEqual([hidden(batch, 60), hidden(batch, 60)]);
    clock.advance(15_001);
    release.resolve();
    await receiving;
    // More than a quarter has gone since: whoever takes over has the whole time.
    expect(queue.changes).toHaveLength(3);
  });

  test("no request is spent on that where they come at once", async () => {
    server.objects.set("/payloads/a", { body: "{}" });
    const queue = new Queue([message(pointerTo("a"))]);
    await open(queue).receive(options());
    expect(queue.changes).toEqual([]);
  });
});

describe("where S3 fails for now", () => {
  test("the messages are kept, and a later receive tries again for what is missing", async () => {
    const batch = [message(pointerTo("a")), message(pointerTo("b"))];
    for (const name of ["a", "b"]) server.objects.set(`/payloads/${name}`, { body: `"${name}"` });
    const queue = new Queue(batch, [message("{}")]);
    const source = open(queue);
    const first = Promise.withResolvers<void>();
    server.answer = async ({ target, response }) => {
      if (target !== "/payloads/b") {
        response.on("close", first.resolve);
        return false;
      }
      await first.promise;
      return s3Error(response, 503, "SlowDown");
    };
    expect(await rejection(source.receive(options()))).toMatchObject({ kind: "temporary", retryable: true });
    expect([queue.receives, queue.changes]).toEqual([1, []]);
    server.answer = () => false;
    const received = await source.receive(options());
    expect(received.map(({ payload }) => payload)).toEqual(['"a"', '"b"']);
    expect(queue.receives).toBe(1);
    expect(server.targets.filter((target) => target === "/payloads/a")).toHaveLength(1);
    expect(await source.receive(options())).toMatchObject([{ body: "{}" }]);
  });

  test("a receive that has no room for them leaves them to another", async () => {
    const batch = [message(pointerTo("a")), message(pointerTo("b"))];
    const queue = new Queue(batch);
    const source = open(queue);
    server.answer = ({ response }) => s3Error(response, 500, "InternalError");
    await rejection(source.receive(options()));
    expect(await source.receive(options({ maxMessages: 1 }))).toEqual([]);
    server.answer = () => false;
    expect(await source.receive(options({ maxMessages: 2 }))).toHaveLength(2);
  });

  test("they are given back when the run ends meanwhile", async () => {
    const batch = [message(pointerTo("a"))];
    const queue = new Queue(batch);
    const source = open(queue);
    server.answer = ({ response }) => s3Error(response, 500, "InternalError");
    const stop = new AbortController();
    await rejection(source.receive(options({ signal: stop.signal })));
    stop.abort();
    expect(queue.changes).toEqual([hidden(batch, 0)]);
  });
});

describe("all messages of the receive are given back", () => {
  test("where a payload may not be read, which ends the run", async () => {
    const batch = [message(pointerTo("a")), message("{}")];
    const queue = new Queue(batch);
    server.answer = ({ response }) => s3Error(response, 403, "AccessDenied");
    const error = await rejection(open(queue).receive(options()));
    expect(error).toMatchObject({ kind: "permission", retryable: false });
    expect(queue.changes).toEqual([hidden(batch, 0)]);
  });

  test("where the receive is ended", async () => {
    const batch = [message(pointerTo("a")), message(pointerTo("b"))];
    const queue = new Queue(batch);
    const stop = new AbortController();
    server.answer = () => {
      stop.abort(new Error("stopped"));
      return true;
    };
    await expect(open(queue).receive(options({ signal: stop.signal }))).rejects.toThrow("stopped");
    expect(queue.changes).toEqual([hidden(batch, 0)]);
  });
});
