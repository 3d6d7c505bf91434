import { expect, test } from "bun:test";
import { frugalLoader } from "../../../src/commands/drain/frugal-loader.ts";
import type { MappedMessage } from "../../../src/message/message.ts";
import type { Fate } from "../../../src/processing/outcome.ts";

const batch = (count: number) =>
  Array.from(
    { length: count },
    (): MappedMessage => ({
      ref: { messageId: "m", receiptHandle: "h", sentAtMillis: 0, receiveCount: 1 },
      rows: [],
    }),
  );

const fates = (count: number): Fate[] => Array(count).fill({ kind: "stored", rows: 1 });

test.each([
  ["once every 4,000 messages", 0, 800, 4_000],
  ["sooner if requests are open, each for ten messages", 200, 800, 2_000],
  ["sooner if messages are large, by what they take up", 0, 4 * 2_048, 1_000],
])("garbage is collected beside a load, %s", async (_, openRequests, messageBytes, between) => {
  let received = 0;
  const happened: string[] = [];
  let answer = () => {};
  const loader = frugalLoader(
    {
      load: ({ length }) => {
        happened.push(`load ${length}`);
        return new Promise((resolve) => {
          answer = () => resolve(fates(length));
          if (length !== 500) answer();
        });
      },
    },
    {
      collectGarbage() {
        happened.push("collect");
        answer();
      },
      openRequests: () => openRequests,
      receivedBytes: () => received * messageBytes,
    },
  );
  const first = between - 501;
  for (let load = 0; load < 2; load += 1) {
    received += first;
    const loaded = await loader.load(batch(first));
    expect(loaded).toEqual(fates(first));
    received += 501;
    await loader.load(batch(1));
    // Answered by the collection: the load is under way while it happens.
    await loader.load(batch(500));
  }
  const once = [`load ${first}`, "load 1", "load 500", "collect"];
  expect(happened).toEqual([...once, ...once]);
});
