import { expect, test } from "bun:test";
import { messagesLeft } from "../../../src/commands/drain/report.ts";

test.each<
  [left: number, what: string, visible: number, receivedThen: number, received: number, inserted: number]
>([
  [1500, "nothing is received yet", 1500, 0, 0, 0],
  [1240, "all is received, and most of it waits for the database", 1500, 0, 1500, 260],
  [1240, "the queue was counted meanwhile", 1000, 500, 1000, 260],
  [0, "more came than were counted", 10, 0, 12, 12],
])("%d messages are left where %s", (left, _, visible, receivedThen, received, inserted) => {
  const counted = { visible, received: receivedThen };
  expect(messagesLeft(counted, received, received - inserted)).toBe(left);
});
