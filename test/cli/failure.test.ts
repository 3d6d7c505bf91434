import { describe, expect, test } from "bun:test";
import { describeFailure } from "../../src/cli/failure.ts";
import { type ErrorKind, EtlError, exitCodes } from "../../src/errors.ts";

describe("describeFailure", () => {
  test.each(Object.entries(exitCodes) as [ErrorKind, number][])(
    "an error of kind %s ends with %d",
    (kind, exitCode) => {
      const error = new EtlError({
        kind,
        operation: "test",
        message: "it broke",
        hint: "etl doctor",
        cause: "canary",
      });
      expect(describeFailure(error)).toEqual({ text: "error: it broke\ntry: etl doctor\n", exitCode });
    },
  );

  test("without a hint there is one line, and control characters are made visible", () => {
    const error = new EtlError({ kind: "config", operation: "test", message: "no \u001b[31mfile\n\u202e" });
    expect(describeFailure(error).text).toBe("error: no \\u{1b}[31mfile\\u{a}\\u{202e}\n");
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
