import { expect, test } from "bun:test";
import { printFigures } from "../support/chaos-audit.ts";
import { mixedFaults } from "../support/chaos-mixed.ts";
import { fileChaosWorld } from "../support/chaos-world.ts";

const world = await fileChaosWorld(2);

test("all faults at once: each message is one row or one rejection, and every receipt adds up", async () => {
  const figures = await mixedFaults(world, { messages: 5_000, databaseFaults: 22 });
  printFigures("all faults mixed", { ...figures });
  expect(figures).toMatchObject({ messages: 5_000, lost: 0, doubled: 0 });
  expect(figures.rows + figures.rejected).toBe(figures.messages);
  expect(figures.faults).toBeGreaterThan(100);
  expect(figures.runs).toBeGreaterThan(2);
}, 120_000);
