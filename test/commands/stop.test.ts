import { describe, expect, test } from "bun:test";
import type { StopSignal } from "../../src/commands/context.ts";
import { aborted, listenForStop } from "../../src/commands/stop.ts";
import { MemoryOutput } from "../support/memory-output.ts";

function listen(graceMillis?: number) {
  let send = (_: StopSignal) => {};
  const [stdout, stderr] = [new MemoryOutput(), new MemoryOutput()];
  const stop = listenForStop(
    {
      ...{ stdout, stderr, log: { info() {} } },
      onStopSignal(listener) {
        send = listener;
        return () => {};
      },
    },
    graceMillis,
  );
  return { stop, stdout, stderr, send: (signal: StopSignal) => send(signal) };
}

const forever = new Promise<number>(() => {});

describe("a stop", () => {
  test("is graceful at the first signal, and forced at the second", () => {
    const { stop, send } = listen();
    send("SIGTERM");
    expect([stop.graceful.aborted, stop.forced.aborted]).toEqual([true, false]);
    send("SIGINT");
    expect([stop.forced.aborted, stop.exitCode]).toEqual([true, 143]);
  });

  test("is forced at the end of its grace", async () => {
    const { stop, send } = listen(20);
    send("SIGTERM");
    await aborted(stop.forced);
    expect(stop.exitCode).toBe(143);
  });

  test("that is forced waits neither for a command that does not end nor for a reader", async () => {
    const { stop, stdout, stderr, send } = listen();
    const ended = stop.orForced(forever);
    send("SIGINT");
    send("SIGINT");
    expect(await ended).toBe(130);
    expect([stdout.abandoned, stderr.abandoned]).toEqual([true, true]);
  });

  test("abandons a reader that is stuck, and no other; a command whose results that costs has not succeeded", async () => {
    const { stop, stdout, stderr, send } = listen();
    const command = Promise.withResolvers<number>();
    const ended = stop.orForced(command.promise);
    send("SIGTERM");
    stdout.stuck = true;
    while (!stdout.abandoned) await Bun.sleep(5);
    command.resolve(0);
    expect(await ended).toBe(143);
    expect(stderr.abandoned).toBeFalse();
  });

  test("is none without a signal: a command's exit code is its own", async () => {
    const { stop } = listen(0);
    expect(await stop.orForced(Promise.resolve(65))).toBe(65);
    expect(stop.forced.aborted).toBeFalse();
  });
});
