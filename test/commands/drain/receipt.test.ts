import { describe, expect, test } from "bun:test";
import { toReceipt } from "../../../src/commands/drain/receipt.ts";
import { Tally } from "../../../src/polling/tally.ts";

const facts = { queue: "q", table: "t", dryRun: false, outcome: "stopped", requests: 1, millis: 1 } as const;

describe("the receipt of a run that was not waited for", () => {
  test("counts what is open as unsettled, and does not change with what comes after", () => {
    const tally = Object.assign(new Tally(), { received: 10, inserted: 1, unsettled: 2 });
    const receipt = toReceipt(tally, { ...facts, isForced: true });
    tally.inserted += 7;
    expect(receipt).toMatchObject({ received: 10, inserted: 1, unsettled: 9 });
  });

  test("and of any other one: what was counted", () => {
    const tally = Object.assign(new Tally(), { received: 10, inserted: 1, unsettled: 2 });
    expect(toReceipt(tally, facts)).toMatchObject({ received: 10, inserted: 1, unsettled: 2 });
  });
});
