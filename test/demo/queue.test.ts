import { afterEach, describe, expect, test } from "bun:test";
import { type EmbeddedQueues, startEmbeddedQueues } from "../../src/demo/queue.ts";

let queue: EmbeddedQueues;
afterEach(() => queue.stop());

async function start(forgottenDeletes = 0): Promise<void> {
  queue = await startEmbeddedQueues({ names: ["login-queue", "order-events"], forgottenDeletes });
}

async function call(parameters: Record<string, string>, signal?: AbortSignal): Promise<string> {
  const answer = await fetch(queue.endpoint, {
    method: "POST",
    body: new URLSearchParams({ Version: "2012-11-05", QueueUrl: queue.url, ...parameters }),
    signal: signal ?? null,
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return text;
}

const receive = (more: Record<string, string> = {}) =>
  call({ Action: "ReceiveMessage", MaxNumberOfMessages: "10", "AttributeName.1": "All", ...more });

const all = (xml: string, tag: string) =>
  [...xml.matchAll(new RegExp(`<${tag}>([^]*?)</${tag}>`, "g"))].map(([, text]) => text ?? "");

const remove = (handle: string) => call({ Action: "DeleteMessage", ReceiptHandle: handle });

async function counts(): Promise<{ visible: number; inFlight: number }> {
  const xml = await call({ Action: "GetQueueAttributes", "AttributeName.1": "All" });
  const [names, values] = [all(xml, "Name"), all(xml, "Value")];
  const value = (name: string) => Number(values[names.indexOf(name)]);
  return {
    visible: value("ApproximateNumberOfMessages"),
    inFlight: value("ApproximateNumberOfMessagesNotVisible"),
  };
}

describe("the queue of the demo", () => {
  test("hands out what was sent, ten at a time, and is empty after the deletes", async () => {
    await start();
    const bodies = Array.from({ length: 12 }, (_, index) => `body ${index}`);
    queue.send("login-queue", bodies);
    const received = (await receive()) + (await receive());
    expect(all(received, "Body").toSorted()).toEqual(bodies.toSorted());
    expect(await counts()).toEqual({ visible: 0, inFlight: 12 });
    for (const handle of all(received, "ReceiptHandle")) await remove(handle);
    expect(await counts()).toEqual({ visible: 0, inFlight: 0 });
  });

  test("hands out of as many messages as a demo may have", async () => {
    await start();
    queue.send("login-queue", new Array<string>(10_000).fill("one of many"));
    expect(all(await receive(), "Body")).toHaveLength(10);
  });

  test("escapes a body that would be XML", async () => {
    await start();
    queue.send("login-queue", ["<html>&amp;\r</html>"]);
    expect(all(await receive(), "Body")).toEqual(["&lt;html&gt;&amp;amp;&#xD;&lt;/html&gt;"]);
  });

  test("a long poll ends as soon as there is a message", async () => {
    await start();
    const polling = receive({ WaitTimeSeconds: "20" });
    queue.send("login-queue", ["late"]);
    expect(all(await polling, "Body")).toEqual(["late"]);
  });

  test("a caller that has hung up is given no message", async () => {
    await start();
    const gone = new AbortController();
    const polling = call({ Action: "ReceiveMessage", WaitTimeSeconds: "20" }, gone.signal);
    // The poll is open once the server has answered a call that came after it.
    await counts();
    gone.abort();
    await expect(polling).rejects.toThrow("aborted");
    await counts();
    queue.send("login-queue", ["for the next one"]);
    expect(all(await receive({ WaitTimeSeconds: "20" }), "Body")).toEqual(["for the next one"]);
  });

  test("a message given back is there at once, and its receives are counted right", async () => {
    await start();
    queue.send("login-queue", ["again"]);
    const [handle = ""] = all(await receive(), "ReceiptHandle");
    await call({ Action: "ChangeMessageVisibility", ReceiptHandle: handle, VisibilityTimeout: "0" });
    expect(await counts()).toEqual({ visible: 1, inFlight: 0 });
    expect(await receive()).toMatch(/<Name>ApproximateReceiveCount<\/Name>\s*<Value>2<\/Value>/);
  });

  test("forgets as many deletes as it is told to, and no more", async () => {
    await start(1);
    queue.send("login-queue", ["twice"]);
    const first = await receive();
    await remove(all(first, "ReceiptHandle")[0] ?? "");
    const second = await receive();
    expect(all(second, "MessageId")).toEqual(all(first, "MessageId"));
    await remove(all(second, "ReceiptHandle")[0] ?? "");
    expect(all(await receive(), "Body")).toEqual([]);
    expect(await counts()).toEqual({ visible: 0, inFlight: 0 });
  });

  test("listens on loopback, and frees its port when it is stopped", async () => {
    await start();
    expect(new URL(queue.url).hostname).toBe("127.0.0.1");
    const polling = receive({ WaitTimeSeconds: "20" });
    await counts();
    const end = polling.catch(() => "cut off");
    await queue.stop();
    expect(await end).toBe("cut off");
    await expect(fetch(queue.endpoint)).rejects.toThrow();
    await start();
  });
});
