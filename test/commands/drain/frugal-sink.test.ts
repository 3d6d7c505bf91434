import { expect, test } from "bun:test";
import { frugalSink } from "../../../src/commands/drain/frugal-sink.ts";
import type { MappedMessage } from "../../../src/message/row.ts";

const batch = (count: number) =>
  Array.from(
    { length: count },
    (): MappedMessage => ({
      ref: { messageId: "m", receiptHandle: "h", sentAtMillis: 0, receiveCount: 1 },
      row: [],
    }),
  );

test.each([
  ["once every 4,000 messages", 0, 4_000],
  ["sooner where requests are open, each for ten messages", 200, 2_000],
])("garbage is collected beside a load, %s", async (_, openRequests, between) => {
  const happened: string[] = [];
  let answer = () => {};
  const sink = frugalSink(
    {
      load: ({ length }) => {
        happened.push(`load ${length}`);
        return new Promise((resolve) => {
          answer = () => resolve({ inserted: length, duplicates: 0, leftOut: 0, rejections: [] });
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
    },
  );
  const first = between - 501;
  for (let load = 0; load < 2; load += 1) {
    const loaded = await sink.load(batch(first));
    expect(loaded).toEqual({ inserted: first, duplicates: 0, leftOut: 0, rejections: [] });
    await sink.load(batch(1));
    // Answered by the collection: the load is under way while it happens.
    await sink.load(batch(500));
  }
  const once = [`load ${first}`, "load 1", "load 500", "collect"];
  expect(happened).toEqual([...once, ...once]);
});
