import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Message } from "../../src/message/message.ts";
import type { ReceiveOptions, VisibilityChange } from "../../src/polling/ports.ts";
import { withExtendedPayloads } from "../../src/s3/extended-payloads.ts";
import type { SqsSource } from "../../src/sqs/source.ts";
import { SkippingClock } from "../support/memory-ports.ts";
import { type S3Server, s3Error, s3Signer, startS3Server } from "../support/s3-server.ts";
import { clientParts, rejection, url } from "../support/sqs-client.ts";

let server: S3Server;
beforeEach(async () => {
  server = await startS3Server();
});
afterEach(() => server.stop());

/** A queue that hands out the receives it is given, with what is asked of it, and its payloads. */
function open(...batches: (readonly Message[])[]) {
  const queue = { receives: 0, changes: [] as VisibilityChange[][], onChange: () => {} };
  const counts = { visible: 0, inFlight: 0, delayed: 0, retentionSeconds: 60 };
  const plain: SqsSource = {
    // The only ones that S3 can be asked with: the environment holds none.
    credentials: { current: async () => s3Signer, renew: async () => s3Signer },
    requests: 0,
    openRequests: 0,
    async receive() {
      queue.receives += 1;
      return batches.shift() ?? [];
    },
    delete: async (handles) => ({ settled: handles.length, failed: 0 }),
    async changeVisibility(changes) {
      queue.changes.push([...changes]);
      queue.onChange();
      return { settled: changes.length, failed: 0 };
    },
    attributes: async () => ({ ...counts, arn: "arn", visibilityTimeoutSeconds: 60, fifo: false }),
  };
  const clock = new SkippingClock(0);
  const env = { AWS_ENDPOINT_URL_S3: server.endpoint };
  const source = withExtendedPayloads(plain, { ...clientParts, queue: { url }, env, clock });
  const receive = (more: Partial<ReceiveOptions> = {}) => {
    const { signal } = new AbortController();
    return source.receive({ maxMessages: 10, waitSeconds: 0, signal, ...more });
  };
  return { queue, source, clock, receive };
}

let count = 0;
function message(body: string, more: Partial<Message> = {}): Message {
  count += 1;
  const received = { messageId: String(count), receiptHandle: `handle ${count}`, receiveCount: 1 };
  return { ...received, sentAtMillis: 1, body, bodyIntact: true, ...more };
}

function pointerTo(key: string, bucket = "payloads", more: Partial<Message> = {}): Message {
  const object = { s3BucketName: bucket, s3Key: key };
  return message(JSON.stringify(["software.amazon.payloadoffloading.PayloadS3Pointer", object]), more);
}

/** Puts payloads into the bucket: each its own key in quotes. */
const store = (...keys: string[]) => {
  for (const key of keys) server.objects.set(`/payloads/${key}`, { body: `"${key}"` });
};
/** Lets S3 answer every request with that error. */
const fail = (status: number, code: string) => {
  server.answer = ({ response }) => s3Error(response, status, code);
};
const hidden = (batch: readonly Message[], timeoutSeconds: number) =>
  batch.map(({ receiptHandle }) => ({ receiptHandle, timeoutSeconds }));

describe("a receive", () => {
  test.each([
    ["without a pointer", [message("{}"), message("[1]"), message('["software.amazon"]')]],
    ["whose body was damaged on its way", [pointerTo("k", "payloads", { bodyIntact: false })]],
  ])("%s is handed on as it is", async (_, batch) => {
    expect(await open(batch).receive()).toBe(batch);
    expect(server.targets).toEqual([]);
  });

  test("comes in its order, each pointer with its payload, and its body as it was", async () => {
    const batch = [pointerTo("a"), message("{}"), pointerTo("b"), pointerTo("c")];
    store("a", "b", "c");
    const payloads = [{ payload: '"a"' }, {}, { payload: '"b"' }, { payload: '"c"' }];
    expect(await open(batch).receive()).toEqual(
      batch.map((sent, index) => ({ ...sent, ...payloads[index] })),
    );
    expect(server.targets.toSorted()).toEqual(["/payloads/a", "/payloads/b", "/payloads/c"]);
  });

  test("with what can never be had says why, and hands on the others", async () => {
    const batch = [pointerTo("gone"), pointerTo("bytes"), pointerTo("k", "evil.example/"), pointerTo("k")];
    store("k");
    server.objects.set("/payloads/bytes", { body: Uint8Array.of(0xff) });
    const received = await open(batch).receive();
    expect(received.map(({ payload, payloadFault }) => payload ?? payloadFault)).toEqual([
      "payload_missing",
      "payload_not_text",
      "payload_missing",
      '"k"',
    ]);
  });

  test("deletes nothing in S3, and passes on what else is asked of the queue", async () => {
    const { queue, source } = open();
    expect(await source.delete(["h"])).toEqual({ settled: 1, failed: 0 });
    const change = { receiptHandle: "h", timeoutSeconds: 5 };
    await source.changeVisibility([change]);
    expect(queue.changes).toEqual([[change]]);
    expect((await source.attributes()).visibilityTimeoutSeconds).toBe(60);
    expect(server.targets).toEqual([]);
  });
});

test("messages are kept invisible while payloads are on their way, by thirds of the timeout", async () => {
  const batch = [pointerTo("a"), message("{}")];
  const { queue, source, clock, receive } = open(batch);
  await source.attributes();
  const asked = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  server.answer = async () => {
    asked.resolve();
    await release.promise;
    return false;
  };
  const receiving = receive();
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

test("no request is spent on visibility if payloads come at once", async () => {
  store("a");
  const { queue, receive } = open([pointerTo("a")]);
  await receive();
  expect(queue.changes).toEqual([]);
});

describe("if S3 fails for now", () => {
  test("the messages are kept, and a later receive tries again for what is missing", async () => {
    store("a", "b");
    const { queue, receive } = open([pointerTo("a"), pointerTo("b")], [message("{}")]);
    const first = Promise.withResolvers<void>();
    server.answer = async ({ target, response }) => {
      if (target !== "/payloads/b") {
        response.on("close", first.resolve);
        return false;
      }
      await first.promise;
      return s3Error(response, 503, "SlowDown");
    };
    expect(await rejection(receive())).toMatchObject({ kind: "temporary", retryable: true });
    expect([queue.receives, queue.changes]).toEqual([1, []]);
    server.answer = () => false;
    expect((await receive()).map(({ payload }) => payload)).toEqual(['"a"', '"b"']);
    expect(queue.receives).toBe(1);
    expect(server.targets.filter((target) => target === "/payloads/a")).toHaveLength(1);
    expect(await receive()).toMatchObject([{ body: "{}" }]);
  });

  test("a receive that has no room for them leaves them to another", async () => {
    const { receive } = open([pointerTo("a"), pointerTo("b")]);
    fail(500, "InternalError");
    await rejection(receive());
    expect(await receive({ maxMessages: 1 })).toEqual([]);
    server.answer = () => false;
    expect(await receive({ maxMessages: 2 })).toHaveLength(2);
  });
});

describe("all messages of the receive are given back", () => {
  const batch = [pointerTo("a"), message("{}"), pointerTo("b")];

  test("if the run ends while they wait for another try", async () => {
    const { queue, receive } = open(batch);
    fail(500, "InternalError");
    const stop = new AbortController();
    await rejection(receive({ signal: stop.signal }));
    stop.abort();
    expect(queue.changes).toEqual([hidden(batch, 0)]);
  });

  test("if a payload may not be read, which ends the run", async () => {
    const { queue, receive } = open(batch);
    fail(403, "AccessDenied");
    expect(await rejection(receive())).toMatchObject({ kind: "permission", retryable: false });
    expect(queue.changes).toEqual([hidden(batch, 0)]);
  });

  test("if the receive is ended", async () => {
    const { queue, receive } = open(batch);
    const stop = new AbortController();
    server.answer = () => {
      stop.abort(new Error("stopped"));
      return true;
    };
    await expect(receive({ signal: stop.signal })).rejects.toThrow("stopped");
    expect(queue.changes).toEqual([hidden(batch, 0)]);
  });
});
