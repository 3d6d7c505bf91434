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

describe("a queue that answers at once and brings nothing new", () => {
  test("is asked after pauses that double up to a second, and at once again when messages have come", async () => {
    const it = world();
    it.polls[0]?.answer([]);
    for (let pauses = 1; pauses <= 7; pauses += 1) {
      await opened(it, pauses + 1);
      it.polls.at(-1)?.answer([]);
      while (it.clock.pauses.length < pauses) await turn();
      it.clock.advance((it.clock.pauses.at(-1) ?? 0) - 1);
      await turn();
      expect(it.polls).toHaveLength(pauses + 1);
      it.clock.advance(1);
    }
    expect(it.clock.pauses).toEqual([50, 100, 200, 400, 800, 1_000, 1_000]);
    await opened(it, 9);
    it.polls[8]?.answer(["a"]);
    await opened(it, 10);
    it.polls[9]?.answer([]);
    await opened(it, 11);
    expect(it.clock.pauses).toHaveLength(7);
    it.stop.abort();
    for (const poll of it.polls) poll.answer([]);
    await it.running;
  });

  test("is not asked after a pause if it held the poll open as long", async () => {
    const it = world();
    for (let answers = 0; answers < 8; answers += 1) {
      await opened(it, answers + 1);
      it.clock.advance(1_000);
      it.polls.at(-1)?.answer([]);
    }
    await opened(it, 9);
    expect(it.clock.pauses).toEqual([]);
    it.stop.abort();
    it.polls.at(-1)?.answer([]);
    await it.running;
  });

  test("is not waited for by a stop", async () => {
    const it = world();
    it.polls[0]?.answer([]);
    await opened(it, 2);
    it.polls[1]?.answer([]);
    while (it.clock.pauses.length === 0) await turn();
    it.stop.abort();
    await it.running;
    expect(it.polls).toHaveLength(2);
  });

  test("is asked again at once if a poll that was open all the while brings messages", async () => {
    const it = world();
    it.polls[0]?.answer(["a", "b", "c", "d", "e"]);
    await opened(it, 3);
    it.polls[1]?.answer([]);
    await turn();
    it.polls[2]?.answer([]);
    await opened(it, 4);
    it.polls[3]?.answer([]);
    while (it.clock.pauses.length === 0) await turn();
    const paused = it.polls.length;
    it.polls.at(-1)?.answer(["f"]);
    await opened(it, paused + 1);
    it.stop.abort();
    for (const poll of it.polls) poll.answer([]);
    await it.running;
  });
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
