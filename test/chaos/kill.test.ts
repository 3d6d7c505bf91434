import { expect, test } from "bun:test";
import { printFigures } from "../support/chaos-audit.ts";
import { killLoop } from "../support/chaos-kill.ts";
import { fileChaosWorld } from "../support/chaos-world.ts";

const world = await fileChaosWorld(4);

test("kill -9 a hundred times over 20,000 messages: each is one row or one rejection", async () => {
  const figures = await killLoop(world, { kills: 100, messages: 20_000, queues: 4 });
  printFigures("kill -9", { ...figures });
  const { messages, rows, rejected, killsInFlight, deliveries } = figures;
  expect(figures).toMatchObject({ kills: 100, messages: 20_000, lost: 0, doubled: 0 });
  expect(rows + rejected).toBe(messages);
  expect(rejected).toBeGreaterThan(100);
  // Else nothing was put to the test: kills have to hit work, and work has to come again.
  expect(killsInFlight).toBeGreaterThan(30);
  expect(deliveries).toBeGreaterThan(messages + 200);
}, 180_000);
