import { expect, test } from "bun:test";
import { firstAnswer, type OpenQueue, openDeadLetters } from "../../src/commands/queue.ts";
import { EtlError } from "../../src/errors.ts";
import type { QueueAttributes } from "../../src/polling/ports.ts";

const attributes = { visible: 3 } as QueueAttributes;

/** A queue that answers when it is told to, and a clock whose one sleep ends when it is told to. */
function scene() {
  const warnings: string[] = [];
  const answer = Promise.withResolvers<QueueAttributes>();
  const wake = Promise.withResolvers<void>();
  const pauses: number[] = [];
  const queue = { name: "login-queue", source: { attributes: () => answer.promise } } as unknown as OpenQueue;
  const log = { warn: (text: string) => warnings.push(text) } as never;
  const clock = {
    sleep(millis: number, signal?: AbortSignal) {
      pauses.push(millis);
      signal?.addEventListener("abort", () => wake.resolve());
      return wake.promise;
    },
  };
  return { log, warnings, answer, wake, pauses, asked: firstAnswer(queue, { log }, clock) };
}

test("a queue that answers in time is not spoken of", async () => {
  const { warnings, answer, asked, pauses } = scene();
  answer.resolve(attributes);
  expect(await asked).toBe(attributes);
  await Bun.sleep(0);
  expect(pauses).toEqual([5_000]);
  expect(warnings).toEqual([]);
});

test("of one that says nothing a person is told once, while it is still waited for", async () => {
  const { warnings, answer, wake, asked } = scene();
  wake.resolve();
  await Bun.sleep(0);
  expect(warnings).toEqual(["the queue login-queue has not answered yet; waiting"]);
  answer.resolve(attributes);
  expect(await asked).toBe(attributes);
  expect(warnings).toHaveLength(1);
});

test("a failure is thrown as it is, and nothing is said of it twice", async () => {
  const { warnings, answer, asked } = scene();
  const error = new EtlError({ kind: "unavailable", operation: "attributes", message: "no answer" });
  answer.reject(error);
  expect(await asked.catch((thrown: unknown) => thrown)).toBe(error);
  await Bun.sleep(0);
  expect(warnings).toEqual([]);
});

test("a dead-letter queue that is named in vain is spoken of", async () => {
  const { log, warnings } = scene();
  const settings = { queue: {}, rejects: { action: "leave", deadLetterUrl: "https://queue" } } as never;
  expect(await openDeadLetters(settings, attributes, { log } as never)).toBeUndefined();
  expect(warnings).toEqual([expect.stringContaining("--on-reject dead-letter")]);
});
