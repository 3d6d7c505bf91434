import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { foundPlans } from "./found.ts";
import { mutations } from "./mutations.ts";
import { planOf } from "./plan.ts";
import { runWorld } from "./world.ts";

const script = join(import.meta.dirname, "../../scripts/simulate.ts");

async function simulate(...args: readonly string[]) {
  const child = Bun.spawn([process.execPath, script, ...args], { stdout: "pipe", stderr: "pipe" });
  const [text, exitCode] = await Promise.all([child.stdout.text(), child.exited]);
  return { text, exitCode };
}

describe("the simulation", () => {
  test("the same seed gives the same trace, byte for byte", () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const [one, other] = [runWorld(planOf(seed), true), runWorld(planOf(seed), true)];
      expect(one.trace?.length).toBeGreaterThan(0);
      expect(other.trace).toEqual(one.trace as readonly string[]);
      expect(runWorld(planOf(seed)).hash).toBe(one.hash);
    }
  });

  test("the same seed gives the same trace in another process", async () => {
    const { text } = await simulate("--hashes", "--seeds", "20");
    const hashes = Array.from({ length: 20 }, (_, index) => runWorld(planOf(index + 1)).hash);
    expect(text.trim().split("\n")).toEqual(hashes);
  });

  test("a world in which nothing goes wrong receives each message once", () => {
    let messages = 0;
    for (let seed = 1; seed <= 60; seed += 1) {
      const plan = planOf(seed);
      const calm = plan.messages.filter(({ nature }) => nature === "good");
      const { broken, trace = [] } = runWorld({ ...plan, faults: [], messages: calm }, true);
      expect(broken).toBeUndefined();
      const again = trace.filter((line) => / hands .*#[2-9]/.test(line));
      expect(again).toEqual([]);
      messages += calm.length;
    }
    expect(messages).toBeGreaterThan(100);
  });

  test("keeps every promise in 1,000 worlds, and finds each way to break the core within 3,000", async () => {
    const { text, exitCode } = await simulate("--mutations", "--seeds", "3000");
    const found = text.split("\n").filter((line) => line.includes("breaks a promise"));
    expect(found.length).toBe(mutations.length);
    expect(exitCode).toBe(1);
    expect((await simulate("--seeds", "1000")).exitCode).toBe(0);
  }, 600_000);
});

describe("worlds that once broke a promise keep it", () => {
  for (const [name, plan] of foundPlans)
    test(name, () => {
      expect(runWorld(plan).broken).toBeUndefined();
    });
});
