import { describe, expect, test } from "bun:test";
import { closeSync, constants, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { hangUpEnds } from "../../src/terminal/output.ts";
import { fileFolder } from "../support/folder.ts";
import { openPseudoTerminal } from "../support/pseudo-terminal.ts";
import { openUnreadPipe } from "../support/unread-pipe.ts";

const program = [process.execPath, join(import.meta.dir, "programs/write.ts")];
const shellProgram = program.map((word) => `'${word}'`).join(" ");

const folder = fileFolder();

/** Runs a shell script with the program as `$PROGRAM`. */
async function shell(script: string) {
  const child = Bun.spawn(["sh", "-c", script.replaceAll("$PROGRAM", shellProgram)], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  const lines = stderr.split("\n").filter((line) => line !== "");
  return { stdout, stderr, end: lines.find((line) => line.includes('"end"')) ?? "", last: lines.at(-1) };
}

describe("a pipe", () => {
  /** Runs the program into a pipe that nobody reads until the program has stood still for many turns of its event loop. */
  async function stalledThenRead(before: string, options: string) {
    const { path, reading, writing } = openUnreadPipe(folder);
    const script = `${before} exec ${shellProgram} ${options}`;
    const child = Bun.spawn(["sh", "-c", script], { stdout: writing, stderr: "pipe" });
    closeSync(writing);
    const done: number[] = [];
    let doneWhileStalled = Number.NaN;
    let text: Promise<string> | undefined;
    let end: unknown;
    for await (const line of createInterface({ input: Readable.from(child.stderr) })) {
      end = JSON.parse(line);
      done.push(JSON.parse(line).done);
      if (text !== undefined || done.length < 10 || done.at(-1) !== done.at(-8)) continue;
      doneWhileStalled = done.at(-1) ?? Number.NaN;
      text = Bun.spawn(["cat", path], { stdout: "pipe" }).stdout.text();
    }
    const run = { text: (await text) ?? "", doneWhileStalled, end, exitCode: await child.exited };
    closeSync(reading);
    return run;
  }

  const size = 100_000;
  const count = 200;
  const inOrder = Array.from({ length: count }, (_, number) => number);

  test.each([
    ["a blocking one", "", ""],
    // A command of the same script leaves the pipe so, as everything that uses Bun's own streams does.
    ["a non-blocking one", `'${process.execPath}' -e 'process.stdout.columns';`, ""],
    ["one whose writes nobody awaits", "", "together"],
  ])(
    "gets 20 MB whole and in order, and a write resolves only when it is handed over: %s",
    async (_, before, how) => {
      const run = await stalledThenRead(before, `${size} ${count} ${how}`);
      expect(run.text.length).toBe(size * count);
      const lines = run.text.split("\n").slice(0, -1);
      expect(lines.map((line) => Number.parseInt(line, 10))).toEqual(inOrder);
      expect(lines.every((line) => line.length === size - 1)).toBeTrue();
      // A pipe takes 64 KiB, so not even the first write can have been done.
      expect(run.doneWhileStalled).toBe(0);
      expect(run.end).toEqual({ end: true, done: count, closed: false, errors: [] });
      expect(run.exitCode).toBe(7);
    },
  );

  test("two stalled streams leave a thread for everything else", async () => {
    const { reading, writing } = openUnreadPipe(folder);
    const child = Bun.spawn([process.execPath, join(import.meta.dir, "programs/stall.ts")], {
      stdout: writing,
      stderr: writing,
      // As few as there are on a small machine.
      env: { ...process.env, UV_THREADPOOL_SIZE: "2" },
    });
    closeSync(writing);
    try {
      expect(await child.exited).toBe(9);
    } finally {
      child.kill("SIGKILL");
      closeSync(reading);
    }
  });

  const abandonment = [
    { stuck: false, backlog: 1_000_000 },
    { stuck: true, abandoned: false },
    { stuck: false, abandoned: true, backlog: 0 },
  ];
  const objects = (text: string) =>
    text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));

  test("that nobody reads holds up no other stream, and is not waited for once it is abandoned", async () => {
    const { reading, writing } = openUnreadPipe(folder);
    const child = Bun.spawn([process.execPath, join(import.meta.dir, "programs/abandon.ts")], {
      stdout: writing,
      stderr: "pipe",
    });
    closeSync(writing);
    expect(objects(await child.stderr.text())).toEqual(abandonment);
    expect(await child.exited).toBe(9);
    closeSync(reading);
  }, 20_000);

  test("that is a stopped terminal is not waited for, either", async () => {
    const path = join(folder, crypto.randomUUID());
    const program = [process.execPath, join(import.meta.dir, "programs/abandon.ts"), path];
    await using terminal = openPseudoTerminal(program, { env: process.env, cwd: folder });
    terminal.type("\u0013");
    expect(await terminal.ended).toBe(9);
    expect(objects(readFileSync(path, "utf8"))).toEqual(abandonment);
  }, 20_000);

  test("a reader that goes away is no failure: what comes later is dropped", async () => {
    const run = await shell(`{ $PROGRAM ${size} 20; echo "exit $?" >&2; } | head -n 1`);
    expect(run.stdout).toHaveLength(size);
    expect(JSON.parse(run.end)).toEqual({ end: true, done: 20, closed: true, errors: [] });
    expect(run.last).toBe("exit 7");
    expect(run.stderr).not.toContain("uncaughtException");
    expect(run.stderr).not.toContain("unhandledRejection");
  });

  test.if(process.platform === "linux")(
    "stays as the next command of the script needs it: blocking",
    async () => {
      const run = await shell(`{ $PROGRAM 10 1; grep flags /proc/self/fdinfo/3 >&2; } 3>&1 | cat`);
      const flags = Number.parseInt(run.last?.split(/\s+/)[1] ?? "", 8);
      expect(flags & constants.O_NONBLOCK).toBe(0);
    },
  );
});

describe("a file", () => {
  test("takes everything, and is appended to where it was opened so", async () => {
    const run = await shell(`cd ${folder} && $PROGRAM 1000 3 > out; $PROGRAM 1000 2 >> out; wc -c < out`);
    expect(run.stdout.trim()).toBe("5000");
  });

  test.if(process.platform === "linux")(
    "on a full disk is an error at every write, also when there is room again: output was lost",
    async () => {
      const run = await shell(`$PROGRAM 10 3 > /dev/full`);
      const lost =
        "unavailable ENOSPC writing to standard output failed, output is lost: no space is left on the device";
      expect(JSON.parse(run.end)).toEqual({ end: true, done: 0, closed: false, errors: [lost, lost, lost] });
      expect(run.stderr).not.toContain("unhandledRejection");
    },
  );
});

test.each([
  [true, "SigIgn:\t0000000000000000"],
  [true, "SigIgn:\t0000000000001000"],
  [false, "SigIgn:\t0000000000001001"],
  [false, "SigIgn:\t000000000000000f"],
  [false, "no such line"],
])("the end of the terminal ends the process: %j, if the system says %j", (ends, line) => {
  const path = join(folder, "status");
  writeFileSync(path, `Name:\tetl\nSigBlk:\t0000000000000001\n${line}\nSigCgt:\t0000000000000001\n`);
  expect(hangUpEnds(path)).toBe(ends);
});

test("the end of the terminal is left to the system if that says nothing", () => {
  expect(hangUpEnds(join(folder, "missing"))).toBe(false);
});
