import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { executable, type Running, spawnEtl } from "../support/binary.ts";
import { closeGate } from "../support/gate.ts";
import { readJson } from "../support/json-drain.ts";
import { openFullPipe } from "../support/unread-pipe.ts";
import { loginEvent, loginEvents, noMessages, openWorld, visible, type World } from "../support/world.ts";

/** A world for one test alone, and a pipe that takes nothing. */
async function openPlace() {
  const world = await openWorld();
  await world.emptyTable();
  const pipe = openFullPipe(world.folder);
  const spawn = (url: string, args: readonly string[], stream: "stdout" | "stderr", changes = {}) =>
    spawnEtl(args, {
      ...{ env: world.env(url, changes), cwd: world.folder, [stream]: pipe.writing },
      timeoutMillis: 60_000,
    });
  const close = async () => {
    pipe[Symbol.dispose]();
    await world.close();
  };
  return { world, pipe, spawn, [Symbol.asyncDispose]: close };
}

async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await condition())) await Bun.sleep(10);
}

async function count({ database }: World, from: string): Promise<number> {
  const [found] = await database.sql.unsafe(`select count(*)::int as count from ${from}`);
  return found?.count;
}

/** Sends a signal, and waits until the process has taken it: of two that are under way, one would be lost. */
async function signal(run: Running, name: NodeJS.Signals): Promise<void> {
  run.kill(name);
  const pending = /^S[ih][gd]Pnd:\t0*[1-9a-f]/m;
  await until(() => !pending.test(readFileSync(`/proc/${run.pid}/status`, "latin1")));
}

const good = 20;
const bad = 1500;

describe.concurrent("a reader of standard error that does not read", () => {
  /** Follows a queue of good messages and many bad ones until each is dealt with. */
  async function followed({ world, spawn }: Awaited<ReturnType<typeof openPlace>>) {
    const url = await world.newQueue({ VisibilityTimeout: 300 });
    await world.server.send(url, loginEvents(good));
    const args = ["drain", "--follow", "--json", "--wait-seconds", "1", "--grace-seconds", "60"];
    const run = spawn(url, args, "stderr");
    await until(async () => (await count(world, "user_logins")) === good);
    await world.server.send(url, Array<string>(bad).fill("no json"));
    await until(async () => (await count(world, "etl_rejection")) === bad);
    return { url, run };
  }

  test("does not hold up a drain, and a first SIGTERM ends it with its receipt", async () => {
    await using at = await openPlace();
    const { run } = await followed(at);
    run.kill("SIGTERM");
    const { exitCode, receipt } = readJson(await run.finished);
    expect(exitCode).toBe(143);
    expect(receipt).toMatchObject({ inserted: good, deleted: good, rejected: bad, unsettled: 0 });
  }, 90_000);

  test("gets every line if it reads again", async () => {
    await using at = await openPlace();
    const { run } = await followed(at);
    const log = at.pipe.readOn();
    await until(() => run.stdout.text.includes('"rejection"'));
    run.kill("SIGTERM");
    await run.finished;
    expect((await log).match(/ warn rejected message /g)?.length).toBe(bad);
    expect(await log).toContain("stopping: ");
  }, 90_000);

  test("does not keep a second signal from ending a drain at once", async () => {
    await using at = await openPlace();
    const { world } = at;
    const { url, run } = await followed(at);
    const gate = await closeGate(world.database);
    await world.server.send(url, loginEvents(1, "late"));
    await gate.reached(run);
    await signal(run, "SIGTERM");
    await signal(run, "SIGTERM");
    const { exitCode, receipt } = readJson(await run.finished);
    expect(exitCode).toBe(143);
    expect(receipt).toMatchObject({ inserted: good, rejected: bad, unsettled: 1 });
    await gate.open();
  }, 90_000);

  test("does not keep a drain beyond its grace", async () => {
    await using at = await openPlace();
    const { world, spawn } = at;
    const gate = await closeGate(world.database);
    const { url } = await world.queueWith(loginEvents(good));
    const run = spawn(url, ["drain", "--json", "--grace-seconds", "1"], "stderr");
    await gate.reached(run);
    run.kill("SIGTERM");
    const { exitCode, receipt } = readJson(await run.finished);
    expect(exitCode).toBe(143);
    expect(receipt).toMatchObject({ inserted: 0, unsettled: good });
    await gate.open();
  }, 90_000);
});

describe.concurrent("a reader of standard output that does not read", () => {
  const look = ["drain", "--dry-run", "--json", "--wait-seconds", "0"];

  test.each([1, 2])(
    "does not keep a dry run from ending on SIGTERM: %d of them",
    async (signals) => {
      await using at = await openPlace();
      const { world, spawn } = at;
      const { url } = await world.queueWith(loginEvents(10), { VisibilityTimeout: 300 });
      const run = spawn(url, look, "stdout");
      await until(() => world.server.depth(url).inFlight > 0);
      run.kill("SIGTERM");
      await run.stderr.until(/stopping: /);
      if (signals === 2) run.kill("SIGTERM");
      const { exitCode, stderr } = await run.finished;
      expect(exitCode).toBe(143);
      expect(stderr).not.toContain("error: ");
      expect(world.server.depth(url)).toEqual(visible(10));
    },
    90_000,
  );

  test("holds up a drain that prints rejections, and SIGTERM ends that with nothing lost", async () => {
    await using at = await openPlace();
    const { world, spawn } = at;
    const url = await world.newQueue({ VisibilityTimeout: 300 });
    await world.server.send(url, loginEvents(good));
    const run = spawn(url, ["drain", "--follow", "--json", "--wait-seconds", "1"], "stdout");
    await until(async () => (await count(world, "user_logins")) === good);
    const many = 6_000;
    await world.server.send(url, Array<string>(many).fill("no json"));
    await until(() => / [\d,]+ rejected/.test(run.stderr.text) || world.server.depth(url).inFlight > 1000);
    let before = -1;
    await until(async () => {
      const now = world.server.depth(url).inFlight;
      const stands = now === before && world.server.openReceives === 0;
      before = now;
      if (!stands) await Bun.sleep(200);
      return stands;
    });
    expect(world.server.depth(url).visible).toBeGreaterThan(0);
    run.kill("SIGTERM");
    const { exitCode, stderr } = await run.finished;
    expect(exitCode).toBe(143);
    expect(stderr).not.toContain("error: ");
    expect(await count(world, "user_logins")).toBe(good);
  }, 90_000);

  test("gets no receipt: a drain that waits to print it ends on SIGTERM with the signal's exit code", async () => {
    await using at = await openPlace();
    const { world, spawn } = at;
    const { url } = await world.queueWith(loginEvents(good));
    const run = spawn(url, ["drain", "--wait-seconds", "0"], "stdout");
    await until(async () => (await count(world, "etl_run where outcome = 'drained'").catch(() => 0)) === 1);
    run.kill("SIGTERM");
    expect((await run.finished).exitCode).toBe(143);
    expect(world.server.depth(url)).toEqual(noMessages);
  }, 90_000);
});

test.if(process.platform === "linux")(
  "standard output that is closed is an error before anything is received; a closed standard error is none",
  async () => {
    await using world = await openWorld();
    await world.emptyTable();
    const { url } = await world.queueWith([loginEvent()]);
    async function shell(script: string) {
      const run = Bun.spawn(["sh", "-c", script, "sh", executable, "drain", "--wait-seconds", "0"], {
        env: { PATH: "/usr/bin:/bin", ...world.env(url) },
        cwd: world.folder,
        stdout: "pipe",
        stderr: "pipe",
      });
      const [stdout, stderr, exitCode] = await Promise.all([
        run.stdout.text(),
        run.stderr.text(),
        run.exited,
      ]);
      return { stdout, stderr, exitCode };
    }
    const closed = await shell('"$@" >&-');
    expect(closed).toMatchObject({ exitCode: 69, stdout: "" });
    expect(closed.stderr).toMatch(
      /^error: writing to standard output failed, output is lost: it is closed\ntry: .*\n$/,
    );
    expect(world.server.depth(url)).toEqual(visible(1));
    const silent = await shell('"$@" 2>&-');
    expect(silent).toMatchObject({ exitCode: 0, stderr: "" });
    expect(silent.stdout).toMatch(/inserted +1\n/);
  },
  90_000,
);
