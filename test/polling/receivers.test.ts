import { describe, expect, test } from "bun:test";
import type { Message } from "../../src/message/message.ts";
import { AnswerRoom } from "../../src/polling/answer-room.ts";
import { Meter } from "../../src/polling/meter.ts";
import { Receivers } from "../../src/polling/receivers.ts";
import { Tuning } from "../../src/polling/tuning.ts";
import { SkippingClock, turn } from "../support/memory-ports.ts";

interface Poll {
  readonly answer: (bodies: readonly string[]) => void;
  readonly isCut: () => boolean;
  /** Its answer begins to come. */
  readonly begin: () => void;
}

/** Receivers on a queue whose answers the test gives. */
function world(hasRoom = true) {
  // No pause passes by itself.
  const clock = new SkippingClock(-1);
  const stop = new AbortController();
  const polls: Poll[] = [];
  const taken: string[] = [];
  const messageOf = (body: string): Message => ({
    ...{ messageId: body, receiptHandle: body, sentAtMillis: 0, receiveCount: 1, body, bodyIntact: true },
  });
  const receivers: Receivers = new Receivers({
    source: {
      receive: ({ signal, admit }) =>
        new Promise((resolve, reject) => {
          polls.push({
            answer: (bodies) => resolve(bodies.map(messageOf)),
            isCut: () => signal.aborted,
            begin: () => void admit?.(10),
          });
          signal.addEventListener("abort", () => reject(signal.reason));
        }),
    },
    deliveries: {
      answers: new AnswerRoom(
        () => hasRoom,
        () => {},
      ),
      tryReserve: () => true,
      arrive(_, messages) {
        taken.push(...messages.map(({ body }) => body));
        return messages.length;
      },
    },
    meter: new Meter({
      monotonicMillis: () => clock.monotonicMillis(),
      runnableMillis: () => 0,
      requests: () => 0,
      loadsHoldUp: () => false,
      connections: () => 1,
    }),
    tuning: new Tuning({ receivers: 4 }),
    clock,
    waitSeconds: 5,
    follow: true,
    signal: stop.signal,
    stop: new AbortController().signal,
    lastPollsMillis: () => 7_000,
    isKnown: () => false,
    onAnswer: () => {},
    onFailure: (error) => {
      throw error;
    },
  });
  return { clock, stop, polls, taken, receivers, running: receivers.run() };
}

/** Until so many polls have been opened. */
async function opened({ polls }: ReturnType<typeof world>, count: number): Promise<void> {
  while (polls.length < count) await turn();
}

/** Waits for the end, and sees that the queue is given time to notice. */
async function endOf({ clock, polls, running }: ReturnType<typeof world>): Promise<void> {
  while (polls.at(-1)?.isCut() !== true) await turn();
  let isOver = false;
  void running.then(() => {
    isOver = true;
  });
  while (!clock.pauses.includes(200)) await turn();
  clock.advance(199);
  await turn();
  expect(isOver).toBe(false);
  clock.advance(1);
  await running;
}

test("nothing comes while all answers wait for room", async () => {
  const it = world(false);
  expect(it.receivers.nothingComes).toBe(false);
  it.polls[0]?.begin();
  expect(it.receivers.nothingComes).toBe(true);
  it.stop.abort();
  it.polls[0]?.answer([]);
  await it.running;
});

describe("at a stop", () => {
  test("open polls are left to be answered, and none is begun", async () => {
    const it = world();
    it.polls[0]?.answer(["a", "b", "c", "d", "e"]);
    await opened(it, 3);
    it.stop.abort();
    await turn();
    for (const poll of it.polls.slice(1)) expect(poll.isCut()).toBe(false);
    for (const [index, poll] of it.polls.slice(1).entries()) poll.answer([`late ${index}`]);
    await it.running;
    expect(it.taken.slice(5)).toEqual(it.polls.slice(1).map((_, index) => `late ${index}`));
  });

  test("a poll that is not answered in time is cut off, and the queue is given time to notice", async () => {
    const it = world();
    it.polls[0]?.answer(["a"]);
    await opened(it, 2);
    it.stop.abort();
    it.clock.advance(6_999);
    await turn();
    expect(it.polls.at(-1)?.isCut()).toBe(false);
    it.clock.advance(1);
    await endOf(it);
    expect(it.taken).toEqual(["a"]);
  });
});
