import { expect, test } from "bun:test";
import { SignatureClock } from "../../src/sqs/signature-clock.ts";

const hour = 60 * 60_000;

/** A clock that stands at an hour past 1970, and what it told. */
function start() {
  const told: number[] = [];
  const clock = new SignatureClock(
    () => hour,
    (aheadMillis) => told.push(aheadMillis),
  );
  return { clock, told };
}

test("is this machine's until it is corrected", () => {
  const { clock } = start();
  expect(clock.now()).toBe(hour);
  clock.correct(clock.aheadOf(hour / 4));
  expect(clock.now()).toBe(hour / 4);
});

test("measures by this machine's own time, corrected or not", () => {
  const { clock } = start();
  clock.correct(hour / 2);
  expect(clock.aheadOf(2 * hour)).toBe(-hour);
});

test("takes measurements that differ by less than a minute for one", () => {
  const { clock, told } = start();
  for (const aheadMillis of [hour, hour + 59_999, hour - 59_999]) clock.correct(aheadMillis);
  expect([clock.now(), told]).toEqual([0, [hour]]);
  clock.correct(hour + 60_000);
  expect([clock.now(), told]).toEqual([-60_000, [hour, hour + 60_000]]);
});

test("has nothing to tell where there was no difference", () => {
  const { clock, told } = start();
  clock.correct(-59_999);
  expect([clock.now(), told]).toEqual([hour, []]);
});
