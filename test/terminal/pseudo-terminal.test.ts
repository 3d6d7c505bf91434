import { expect, test } from "bun:test";
import { join } from "node:path";
import { lineControls, Screen } from "../support/screen.ts";

/** Runs the session program on a pseudo-terminal. */
function session(columns: number, env: Record<string, string> = {}) {
  let received = "";
  let changed = Promise.withResolvers<void>();
  const decoder = new TextDecoder();
  const terminal = new Bun.Terminal({
    cols: columns,
    data(_terminal, bytes) {
      received += decoder.decode(bytes, { stream: true });
      changed.resolve();
      changed = Promise.withResolvers();
    },
  });
  // What is typed would be echoed on the screen; -8 is the mask without ECHO.
  terminal.localFlags &= ~0o10;
  const { NO_COLOR: _, ...inherited } = process.env;
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "programs/session.ts")], {
    terminal,
    env: { ...inherited, TERM: "xterm", ...env },
  });
  return {
    terminal,
    child,
    type: (line: string) => terminal.write(`${line}\n`),
    async until(text: string, last = false) {
      while (!(last ? received.endsWith(text) : received.includes(text))) await changed.promise;
    },
    received: () => received,
    screen() {
      const screen = new Screen(columns, lineControls);
      screen.write(received);
      return screen;
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      terminal.close();
    },
  };
}

test.each([80, 60, 40])("log lines and the progress line share a terminal of %d columns", async (columns) => {
  await using run = session(columns);
  await run.until(`columns=${columns}`);
  run.type("progress 1000");
  await run.until("1,000 loaded");
  run.type("info receiving from \\u001b[2Jlogin-queue");
  run.type("progress 2000");
  await run.until("2,000 loaded");
  run.type("warn one message was rejected");
  await run.until("rejected\r\n");
  await run.until("2,000 loaded");
  const during = run.screen();
  expect(during.lines.slice(1, 3)).toEqual([
    "receiving from \\u{1b}[2Jlogin-queue",
    "warning: one message was rejected",
  ]);
  run.type("end");
  expect(await run.child.exited).toBe(0);
  // What a process wrote last may arrive after its end.
  await run.until("\r\u001b[K", true);
  const after = run.screen();
  expect(after.lines).toEqual([
    `terminal=true colours=true columns=${columns}`,
    "receiving from \\u{1b}[2Jlogin-queue",
    "warning: one message was rejected",
    "",
  ]);
  expect(after.wraps).toBe(0);
});

test("the width follows the terminal's", async () => {
  await using run = session(100);
  await run.until("columns=100");
  run.terminal.resize(60, 24);
  // The kernel sends this to a shell's foreground job; here the terminal controls no job.
  run.child.kill("SIGWINCH");
  while (!run.received().includes("columns=60")) {
    run.type("columns");
    await run.until("columns=");
    await Bun.sleep(1);
  }
  expect(run.received()).toContain("columns=60");
});

test.each([
  [{ NO_COLOR: "1" }, "terminal=true colours=false columns=100"],
  [{ NO_COLOR: "" }, "terminal=true colours=true columns=100"],
  [{ TERM: "dumb" }, "terminal=false colours=false columns=80"],
])("%j makes it %j", async (env, shown) => {
  await using run = session(100, env);
  await run.until("\n");
  expect(run.received().trim()).toBe(shown);
});

test("a terminal that is closed is no failure: what comes later is dropped", async () => {
  await using run = session(80);
  await run.until("columns=80");
  run.type("talk");
  await run.until("...");
  run.terminal.close();
  expect(await run.child.exited).toBe(0);
});
