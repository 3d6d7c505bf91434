import { describe, expect, test } from "bun:test";
import { describeFailure } from "../../src/cli/failure.ts";
import { type ErrorKind, EtlError, exitCodes } from "../../src/errors.ts";

describe("describeFailure", () => {
  test.each(Object.entries(exitCodes) as [ErrorKind, number][])(
    "an error of kind %s ends with %d, and with a hint even if it knows none",
    (kind, exitCode) => {
      const parts = { kind, operation: "test", message: "it broke", cause: "canary" };
      const hinted = describeFailure(new EtlError({ ...parts, hint: "etl doctor" }));
      expect(hinted).toEqual({ text: "error: it broke\ntry: etl doctor\n", exitCode });
      const { text } = describeFailure(new EtlError(parts));
      expect(text).toMatch(/^error: it broke\ntry: (etl |run it again).+\n$/);
    },
  );

  test.each([
    [
      "etl migrate --table 'a b'",
      ["drain", "--config", "my jobs/x.toml"],
      "etl migrate --table 'a b' --config 'my jobs/x.toml'",
    ],
    ["etl rejects list", ["drain", "--config=x.toml"], "etl rejects list --config x.toml"],
    ["etl migrate", ["drain"], "etl migrate"],
    ["etl keys generate", ["drain", "--config", "x.toml"], "etl keys generate"],
    ["etl migrate --print, and give the SQL to an administrator", ["drain", "--config", "x.toml"], undefined],
  ])("the hint %j behind %j", (hint, words, shown = hint) => {
    const error = new EtlError({ kind: "config", operation: "test", message: "it broke", hint });
    expect(describeFailure(error, words).text).toBe(`error: it broke\ntry: ${shown}\n`);
  });

  test("control characters are made visible", () => {
    const [message, hint] = ["no \u001b[31mfile\n\u202e", "rm '\u001b[2J'"];
    const error = new EtlError({ kind: "config", operation: "test", message, hint });
    expect(describeFailure(error).text).toBe(
      "error: no \\u{1b}[31mfile\\u{a}\\u{202e}\ntry: rm '\\u{1b}[2J'\n",
    );
  });

  test("an exception is told by its class and our own lines, never by its message", () => {
    for (const message of [
      "canary",
      "",
      "canary\n    at src/canary.ts:1\n",
      "x\n    at f (src/canary.ts:1)",
    ]) {
      const { text, exitCode } = describeFailure(new RangeError(message, { cause: new Error("canary") }));
      expect(exitCode).toBe(70);
      expect(text).toStartWith("error: internal: RangeError\n");
      expect(text).not.toContain("canary");
      expect(text).toMatch(/\ntry: .*\n$/);
    }
  });

  test("the lines are those of our own source files", () => {
    let thrown: unknown;
    try {
      describeFailure(
        new Proxy(new EtlError({ kind: "data", operation: "test", message: "x" }), {
          get: (target, key) => (key === "message" ? undefined : Reflect.get(target, key)),
        }),
      );
    } catch (error) {
      thrown = error;
    }
    expect(describeFailure(thrown).text).toMatch(
      /^error: internal: TypeError\n {2}at src\/[a-z/-]+\.ts:\d+\n/,
    );
  });

  test.each(["canary", 42, null, undefined, { message: "canary" }, Promise.resolve()])(
    "%p thrown is a bug",
    (thrown) => {
      const { text, exitCode } = describeFailure(thrown);
      expect(exitCode).toBe(70);
      expect(text).toMatch(/^error: internal: [a-z]+\ntry: /);
      expect(text).not.toContain("canary");
    },
  );

  test("a class cannot put its own text into the line", () => {
    class Named extends Error {}
    Object.defineProperty(Named, "name", { value: "\u001b[31mcanary" });
    expect(describeFailure(new Named()).text).toStartWith("error: internal: an unnamed error\n");
  });
});
