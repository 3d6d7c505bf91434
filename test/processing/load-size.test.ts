import { expect, test } from "bun:test";
import { LoadSize } from "../../src/processing/load-size.ts";

test("after a load that takes too long the next one has a quarter, down to one message: from 500 in five steps", () => {
  const size = new LoadSize();
  expect(size.most).toBe(Number.POSITIVE_INFINITY);
  const sizes = [500, 125, 32, 8, 2].map((messages) => {
    size.tookTooLong(messages, 54_000);
    return size.most;
  });
  expect(sizes).toEqual([125, 32, 8, 2, 1]);
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
  expect(size.most).toBe(25);
});

test("full loads that are fast make the next one larger by half; slow ones and small ones do not", () => {
  const size = new LoadSize();
  size.took(500, 10);
  size.tookTooLong(500, 54_000);
  size.took(125, 13_500);
  size.took(124, 10);
  expect(size.most).toBe(125);
  size.took(125, 13_000);
  expect(size.most).toBe(188);
});
