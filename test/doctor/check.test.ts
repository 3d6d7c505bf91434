import { describe, expect, test } from "bun:test";
import {
  type Check,
  failed,
  flawed,
  known,
  type Outcome,
  ok,
  runChecks,
  skipped,
  summaryOf,
  warning,
} from "../../src/doctor/check.ts";
import { checks } from "../../src/doctor/checks.ts";
import { failing, goodFacts, lineOf } from "../support/doctor-facts.ts";

const check = (name: string, needs: readonly string[], run: () => Outcome, applies = true): Check => ({
  name,
  needs,
  run,
  applies: () => applies,
});

/** What becomes of a check that needs `a`, and of one that needs that one. */
function after(a: () => Outcome): readonly string[] {
  const dependants = [check("b", ["a"], () => ok("yes")), check("c", ["b"], () => ok("yes"))];
  return runChecks([check("a", [], a), ...dependants], goodFacts).map(lineOf);
}

describe("a check", () => {
  test("runs after a check that it needs and that is ok, a warning, skipped by itself, or flawed", () => {
    const outcomes = [ok("x"), warning("x", "y"), skipped("unknown"), flawed("config", "x", "y")];
    for (const outcome of outcomes) {
      expect(after(() => outcome).slice(1)).toEqual(["ok | b | yes |  | 0", "ok | c | yes |  | 0"]);
    }
  });

  test.each<[how: string, a: () => Outcome, line: string]>([
    ["failed", () => failed("config", "bad", "mend it"), "failed | a | bad | mend it | 78"],
    [
      "found no answer",
      () => known(failing("temporary", "ask")) ?? ok(""),
      "failed | a | ask failed | mend ask | 75",
    ],
  ])("is skipped with the name of the check that %s first, however far before it", (_, a, line) => {
    expect(after(a)).toEqual([line, 'skipped | b | needs "a" |  | 0', 'skipped | c | needs "a" |  | 0']);
  });

  test("is not reported if there is nothing to check, and holds up no other", () => {
    const list = [
      check("a", [], () => failed("config", "x", "y"), false),
      check("b", ["a"], () => ok("yes")),
    ];
    expect(runChecks(list, goodFacts).map(lineOf)).toEqual(["ok | b | yes |  | 0"]);
  });

  test("has a name of its own, and comes after the checks that it needs", () => {
    const names = checks.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const [index, { needs }] of checks.entries()) {
      expect(names.slice(0, index)).toEqual(expect.arrayContaining([...needs]));
    }
  });

  test("that a bug breaks is no finding", () => {
    const broken = check("a", [], () => known(undefined));
    expect(() => runChecks([broken], goodFacts)).toThrow("not asked for");
  });
});

test("the doctor exits with the code of the first failure; warnings and what is unknown are not failures", () => {
  const of = (outcomes: readonly Outcome[]) =>
    summaryOf(outcomes.map((outcome, index) => ({ check: `${index}`, ...outcome })));
  const fine = [ok("fine"), skipped("unknown"), warning("hm", "mend it")];
  expect(of(fine)).toEqual({ ok: 1, warnings: 1, failed: 0, skipped: 1, exitCode: 0 });
  const bad = [failed("permission", "no", "x"), failed("config", "no", "y")];
  expect(of([...fine, ...bad])).toEqual({ ok: 1, warnings: 1, failed: 2, skipped: 1, exitCode: 77 });
});
