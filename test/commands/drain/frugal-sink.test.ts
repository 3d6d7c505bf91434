import { expect, test } from "bun:test";
import { frugalSink } from "../../../src/commands/drain/frugal-sink.ts";
import type { MappedMessage } from "../../../src/pipeline/row.ts";

const batch = (count: number) =>
  Array.from(
    { length: count },
    (): MappedMessage => ({
      ref: { messageId: "m", receiptHandle: "h", sentAtMillis: 0, receiveCount: 1 },
      row: [],
    }),
  );

test("garbage is collected beside a load, once every 2,000 messages", async () => {
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
    () => {
      happened.push("collect");
      answer();
    },
  );
  for (let load = 0; load < 2; load += 1) {
    expect(await sink.load(batch(1_500))).toEqual({
      inserted: 1_500,
      duplicates: 0,
      leftOut: 0,
      rejections: [],
    });
    // Answered by the collection: the load is under way while it happens.
    await sink.load(batch(500));
  }
  expect(happened).toEqual(["load 1500", "load 500", "collect", "load 1500", "load 500", "collect"]);
});
