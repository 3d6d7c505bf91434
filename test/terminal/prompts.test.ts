import { expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keys, openPseudoTerminal } from "../support/pseudo-terminal.ts";

const program = [process.execPath, join(import.meta.dir, "programs/questions.ts")];

function open(columns = 100, env: Record<string, string> = {}) {
  return openPseudoTerminal(program, { columns, env, cwd: tmpdir() });
}

const questions = [/Text\?/, /Secret\?/, /One\?/, /Several\?/, /Sure\?/];

/** What the program says it was answered. */
function answers(text: string): unknown[] {
  return JSON.parse(text.split("\n").findLast((line) => line.startsWith("[")) ?? "");
}

test("each kind of question gives its answer", async () => {
  await using terminal = open();
  await terminal.answer(/Text\?/, keys.ctrlU, "n", "e", "w", keys.enter);
  await terminal.answer(/Secret\?/, "h", "i", "d", "d", "e", "n", keys.enter);
  await terminal.answer(/One\?/, keys.up, keys.enter);
  await terminal.answer(/Several\?/, keys.space, keys.down, keys.space, keys.enter);
  await terminal.answer(/Sure\?/, keys.down, keys.enter);
  expect(await terminal.ended).toBe(0);
  expect(answers(terminal.screen.text)).toEqual(["new", "hidden", 0, [2, 1], false]);
});

test("a wrong text is told at once and can be mended; a secret is never shown", async () => {
  await using terminal = open();
  await terminal.answer(/Text\?/, keys.ctrlU, keys.enter);
  await terminal.answer(/It is not empty/, "x", keys.enter);
  await terminal.answer(/Secret\?/, "t", "o", "p", keys.enter);
  await terminal.question(/One\?/);
  expect(terminal.output).not.toContain("top");
  expect(terminal.screen.text).not.toContain("It is not empty");
});

test.each([
  ["Esc", keys.escape, "stepped back"],
  ["Ctrl-C", keys.ctrlC, "backed out"],
  ["Ctrl-D", keys.ctrlD, "backed out"],
])("%s leaves any question, and that one alone", async (_, key, answer) => {
  for (const [index, question] of questions.entries()) {
    await using terminal = open();
    for (const earlier of questions.slice(0, index)) await terminal.answer(earlier, keys.enter);
    await terminal.question(question);
    terminal.type(key);
    // This program asks on; a question that is backed out of does not keep the next from being answered.
    for (const later of questions.slice(index + 1)) await terminal.answer(later, keys.enter);
    expect(await terminal.ended).toBe(0);
    expect(answers(terminal.screen.text)[index]).toBe(answer);
    expect(terminal.screen.cursorShown).toBe(true);
  }
});

test("a signal backs out of the open question and of all later ones, once each", async () => {
  await using terminal = open();
  await terminal.answer(/Text\?/, keys.enter);
  await terminal.answer(/Secret\?/, keys.enter);
  await terminal.question(/One\?/);
  const before = terminal.screen.lines.length;
  process.kill(terminal.pid, "SIGTERM");
  expect(await terminal.ended).toBe(0);
  const gone = "backed out";
  expect(answers(terminal.screen.text)).toEqual(["old", "", gone, gone, gone]);
  // The library's own listeners of the questions before would each draw an empty line.
  expect(terminal.screen.lines.length - before).toBeLessThan(6);
});

test.each([60, 80])("%d columns are enough: no line runs over the edge", async (columns) => {
  await using terminal = open(columns);
  await terminal.question(/Text\?/);
  const asked = terminal.screen.text;
  expect(asked).toContain("\\u{1b}[2J");
  expect(asked.replaceAll(/\n│ +/g, " ")).toContain("could show on one line of its own");
  await terminal.answer(/Text\?/, keys.enter);
  await terminal.answer(/Secret\?/, keys.enter);
  await terminal.answer(/One\?/, keys.down, keys.enter);
  await terminal.question(/Several\?/);
  expect(terminal.screen.text).toMatch(/a label that is much longer.*…/);
  expect(terminal.screen.wraps).toBe(0);
});

test("Enter alone takes what is proposed; NO_COLOR keeps every style out and changes nothing else", async () => {
  const [coloured, plain] = await Promise.all(
    [{}, { NO_COLOR: "1" }].map(async (env) => {
      await using terminal = open(80, env);
      for (const question of questions) await terminal.answer(question, keys.enter);
      expect(await terminal.ended).toBe(0);
      return terminal.screen;
    }),
  );
  expect(answers(coloured?.text ?? "")).toEqual(["old", "", 1, [0, 2], true]);
  expect(coloured?.styles).toBeGreaterThan(20);
  expect(plain?.styles).toBe(0);
  expect(plain?.text).toBe(coloured?.text ?? "");
});
