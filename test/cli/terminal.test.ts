import { describe, expect, test } from "bun:test";
import { endOf } from "../support/binary.ts";
import { closeGate } from "../support/gate.ts";
import { lineControls, Screen } from "../support/screen.ts";
import { fileWorld, loginEvent } from "../support/world.ts";

const world = await fileWorld("each test");

/** Text that would clear a terminal, name its window, and turn the reading direction. */
const hostile = "\u001b[2J\u001b]0;owned\u0007\u009b31m\u202e\r\n";

/** What a person sees at the end; fails where a control came through that we do not use. Log lines may run over the edge. */
function seen(output: string, columns: number): string[] {
  const screen = new Screen(columns, lineControls);
  screen.write(output);
  return screen.lines;
}

/** What was written from the first line of that kind on; fails where a line of it ran over the edge. */
function fitting(output: string, columns: number, from: RegExp): string[] {
  const lines = output.split("\r\n").map((line) => line.split("\r\u001b[K").at(-1) ?? "");
  const rest = lines.slice(lines.findIndex((line) => from.test(line)));
  expect(rest[0]).toMatch(from);
  for (const line of rest) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns);
  return rest;
}

describe.each([100, 60])("a terminal of %d columns", (columns) => {
  test("shows the progress while it runs; at the end rejections stand above the receipt, and it is gone", async () => {
    const gate = await closeGate(world.database);
    const { url, ids } = await world.queueWith([loginEvent({ user_id: hostile }), "no json", loginEvent()]);
    const run = world.spawnInTerminal(url, ["drain", "--wait-seconds", "1"], columns);
    await run.until(/0 loaded/);
    await gate.open();
    await run.until(/2 loaded · 1 rejected/);
    const { exitCode, output } = await endOf(run);
    expect(exitCode).toBe(65);
    const receipt = fitting(output, columns, /^Drained: /);
    expect(receipt.join("\n")).toMatch(/received +3\n= inserted +2\n/);
    const above = output.slice(0, output.indexOf("Drained: "));
    expect(above).toContain(`rejected message ${ids[1]}`);
    expect(seen(output, columns).join("\n")).not.toMatch(/loaded ·/);
  });

  test("fits the table of a dry run, and shows no escape of the data", async () => {
    const { url } = await world.queueWith([loginEvent({ user_id: hostile, locale: null }), loginEvent()]);
    const { exitCode, output } = await endOf(
      world.spawnInTerminal(url, ["drain", "--dry-run", "--wait-seconds", "0"], columns),
    );
    expect(exitCode).toBe(0);
    seen(output, columns);
    // Seven columns of six letters each would tell nobody anything: there they stand below each other.
    const [begin, lines] = columns > 60 ? [/^user_id/, 4] : [/^-- row 1 /, 17];
    const shown = fitting(output, columns, begin).slice(0, lines);
    expect(shown.filter((line) => line.includes("user_id")).length).toBe(columns > 60 ? 1 : 2);
    expect(shown.join("\n")).toContain("∅");
    expect(shown.join("\n")).toMatch(/\\u\{?/);
    expect(shown.join("\n").match(/hmac:/g)?.length).toBe(4);
  });
});

test("NO_COLOR keeps colour out, and nothing else changes", async () => {
  const { url } = await world.queueWith(["no json"]);
  const run = async (env: Record<string, string>) =>
    endOf(world.spawnInTerminal(url, ["drain", "--dry-run", "--wait-seconds", "0"], 100, env));
  const coloured = await run({});
  const plain = await run({ NO_COLOR: "1" });
  expect(coloured.output).toContain("\u001b[33mwarning:\u001b[39m would be rejected");
  expect(plain.output).not.toContain("\u001b[3");
  const withoutTime = (lines: readonly string[]) => lines.filter((line) => !line.startsWith("time"));
  expect(withoutTime(plain.lines)).toEqual(withoutTime(coloured.lines));
});

test("Ctrl-C, typed, stops it in order", async () => {
  const { url } = await world.queueWith([]);
  const run = world.spawnInTerminal(url, ["drain", "--wait-seconds", "1"]);
  while (world.server.openReceives === 0) await Bun.sleep(5);
  run.type("\u0003");
  const { exitCode, lines } = await endOf(run);
  expect(exitCode).toBe(130);
  expect(lines.join("\n")).toContain("Stopped on request.");
});

test("an error on a terminal is two lines, the progress line gone", async () => {
  const { url } = await world.queueWith([]);
  const { exitCode, output } = await endOf(world.spawnInTerminal(url, ["drain", "--table", "nowhere"], 60));
  expect(exitCode).toBe(78);
  expect(output).toMatch(/^error: .*\r\ntry: etl migrate --table nowhere\r\n$/);
});
