import { expect, test } from "bun:test";
import { LoadSize } from "../../src/processing/load-size.ts";

test("a load that takes too long halves the next one, down to one message", () => {
  const size = new LoadSize();
  expect(size.most).toBe(Number.POSITIVE_INFINITY);
  const sizes = [500, 250, 125, 2].map((messages) => {
    size.tookTooLong(messages, 54_000);
    return size.most;
  });
  expect(sizes).toEqual([250, 125, 63, 1]);
});

test("one message that waits alone, such as for a lock, makes the loads of others no smaller", () => {
  const size = new LoadSize();
  size.tookTooLong(1, 54_000);
  expect(size.most).toBe(Number.POSITIVE_INFINITY);
});

test("of several that took too long at a time, the smallest counts", () => {
  const size = new LoadSize();
  size.tookTooLong(100, 54_000);
  size.tookTooLong(500, 54_000);
  expect(size.most).toBe(50);
});

test("full loads that are fast make the next one larger by half; slow ones and small ones do not", () => {
  const size = new LoadSize();
  size.took(500, 10);
  size.tookTooLong(500, 54_000);
  size.took(250, 13_500);
  size.took(249, 10);
  expect(size.most).toBe(250);
  size.took(250, 13_000);
  expect(size.most).toBe(375);
});
