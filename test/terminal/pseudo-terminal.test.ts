import { expect, test } from "bun:test";
import { join } from "node:path";

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
    async until(text: string) {
      while (!received.includes(text)) await changed.promise;
    },
    received: () => received,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      terminal.close();
    },
  };
}

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
