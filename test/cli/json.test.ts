import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { commands } from "../../src/cli/commands.ts";
import { documentedKinds, type Kind, strayings } from "../support/json-documentation.ts";
import { fileWorld, loginEvent } from "../support/world.ts";

const kinds = await documentedKinds();

function kindOf(title: string): Kind {
  const kind = kinds.get(title);
  if (kind === undefined) throw new Error(`docs/json.md has no heading "${title}"`);
  return kind;
}

describe("docs/json.md", () => {
  test("has every command that knows --json", async () => {
    const text = await Bun.file(join(import.meta.dir, "../../docs/json.md")).text();
    for (const { name, flags } of commands) {
      if (!Object.hasOwn(flags, "json")) continue;
      expect(text).toContain(`\n## \`etl ${name} --json\`\n`);
    }
  });

  test.each([...kinds.values()])("its examples are as its tables say: $title", (kind) => {
    expect(kind.fields).not.toBeEmpty();
    expect(kind.examples).not.toBeEmpty();
    for (const example of kind.examples) expect(strayings(kind, JSON.parse(example))).toEqual([]);
  });

  test("a field that is new, absent, or of another type is noticed", () => {
    const rejection = { reason: "field_null", path: "ip", messageId: "1" };
    const strayed = (changes: object) =>
      strayings(kindOf("A rejection"), { rejection: { ...rejection, ...changes } });
    expect(strayed({ column: "ip" })).toEqual([]);
    expect(strayed({ colour: "red" })).toEqual(["rejection.colour is not documented"]);
    expect(strayed({ reason: 5 })).toEqual(["rejection.reason is no text: 5"]);
    expect(strayings(kindOf("A rejection"), { rejection: { reason: "x", path: "" } })).toEqual([
      "rejection.messageId is absent",
    ]);
    expect(strayings(kindOf("A rejection"), { other: {} })).toEqual([
      "rejection is absent",
      "other is not documented",
    ]);
  });
});

const world = await fileWorld("never");
const deadLetterUrl = await world.newQueue();
const bodies = [loginEvent(), loginEvent({ locale: null }), loginEvent({ ip: null }), "no json"];
const { url: queueUrl } = await world.queueWith(bodies);

describe("real output is as docs/json.md says", () => {
  test("etl migrate, which has none, makes the table", async () => {
    expect(await world.etl(queueUrl, ["migrate"])).toMatchObject({ exitCode: 0 });
  });

  /** Runs it, and gives each line of one of its outputs with the kind that it should be. */
  async function linesOf(
    words: readonly string[],
    kindOfLine: (line: Readonly<Record<string, unknown>>) => string,
    from: "stdout" | "stderr" = "stdout",
  ): Promise<string[]> {
    const run = await world.etl(queueUrl, words);
    const found = run[from]
      .split("\n")
      .filter((line) => line !== "")
      .map((text) => {
        const line = JSON.parse(text) as Record<string, unknown>;
        const title = kindOfLine(line);
        return [title, ...strayings(kindOf(title), line)].join("; ");
      });
    if (found.length === 0) throw new Error(`nothing was written (exit ${run.exitCode})\n${run.stderr}`);
    return found;
  }

  const ofDrain = (line: object) => {
    if ("row" in line) return "A row";
    return "receipt" in line ? "The receipt" : "A rejection";
  };

  test("etl drain --dry-run, etl drain", async () => {
    const wait = ["--wait-seconds", "0"];
    expect((await linesOf(["drain", "--dry-run", "--json", ...wait], ofDrain)).sort()).toEqual([
      "A rejection",
      "A rejection",
      "A row",
      "A row",
      "The receipt",
    ]);
    const dead = ["--on-reject", "dead-letter", "--dead-letter-url", deadLetterUrl];
    expect(await linesOf(["drain", "--json", ...wait, ...dead], ofDrain)).toEqual([
      "A rejection",
      "A rejection",
      "The receipt",
    ]);
  });

  test("etl status, after a drain", async () => {
    const found = await linesOf(["status", "--json"], ({ status }) => {
      // What is not there would agree with every table.
      expect(status).toMatchObject({
        queue: { deadLetters: [] },
        table: {
          ledger: { entries: 2 },
          records: { runs: [{ rejected: 2 }], rejections: [{ messages: 1 }, { messages: 1 }] },
        },
      });
      return "The status";
    });
    expect(found).toEqual(["The status"]);
  });

  test("etl rejects list, after a drain", async () => {
    expect(await linesOf(["rejects", "list", "--json"], () => "A rejected message")).toEqual([
      "A rejected message",
      "A rejected message",
    ]);
  });

  test("etl rejects retry, dry and for real", async () => {
    const words = ["rejects", "retry", "--json", "--dead-letter-url", deadLetterUrl, "--max", "1"];
    expect(await linesOf([...words, "--dry-run"], () => "A retry")).toEqual(["A retry"]);
    expect(await linesOf(words, () => "A retry")).toEqual(["A retry"]);
  });

  test("etl doctor", async () => {
    const found = await linesOf(["doctor", "--json"], (line) =>
      "summary" in line ? "The summary" : "A finding",
    );
    expect(found.length).toBeGreaterThan(10);
    expect([...new Set(found)]).toEqual(["A finding", "The summary"]);
    expect(await linesOf(["doctor", "--policy", "--json"], () => "The policy")).toEqual(["The policy"]);
    expect(await linesOf(["doctor", "--grants", "--json"], () => "The grants")).toEqual(["The grants"]);
  });

  test("etl config show, and the log", async () => {
    const path = join(world.folder, "logged.toml");
    writeFileSync(path, '[drain]\nbatch_size = 7\n[log]\nformat = "json"\n');
    const shown = await linesOf(["config", "show", "--json", "--config", path], () => "A setting");
    expect(shown.length).toBeGreaterThan(30);
    expect([...new Set(shown)]).toEqual(["A setting"]);
    const words = ["drain", "--dry-run", "--wait-seconds", "0", "--config", path];
    expect([...new Set(await linesOf(words, () => "A log line", "stderr"))]).toEqual(["A log line"]);
  });

  test("etl status says in JSON, too, that the database cannot be reached", async () => {
    const away = { DATABASE_URL: "postgres://x@127.0.0.1:1/x" };
    const { stdout, exitCode } = await world.etl(queueUrl, ["status", "--json"], away);
    expect(exitCode).toBe(69);
    const line = JSON.parse(stdout);
    expect(strayings(kindOf("The status"), line)).toEqual([]);
    expect(line.status).toMatchObject({ table: null, missing: [{ kind: "unavailable" }] });
  });
});
