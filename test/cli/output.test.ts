import { describe, expect, test } from "bun:test";
import { executable } from "../support/binary.ts";
import { fileWorld, loginEvent, visible } from "../support/world.ts";

const world = await fileWorld("once");

/** Runs a shell script in which `"$@"` is a dry run of all messages with `--json`, the database out of reach. */
async function shell(script: string, url: string) {
  const args = ["drain", "--dry-run", "--json", "--wait-seconds", "0", "--max-messages", "1000"];
  return await shellWith(args, script, world.env(url, { DATABASE_URL: "postgres://x@127.0.0.1:1/x" }));
}

async function shellWith(args: readonly string[], script: string, env: Readonly<Record<string, string>>) {
  const child = Bun.spawn(["sh", "-c", script, "sh", executable, ...args], {
    cwd: world.folder,
    env: { PATH: "/usr/bin:/bin", ...env },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  await child.exited;
  return { stdout, stderr };
}

/** Each is a row of some 200 kB where no table says how long a text may be. */
const largeEvents = Array.from({ length: 100 }, (_, index) =>
  loginEvent({ user_id: `${index}:${"x".repeat(200_000)}` }),
);

async function largeQueue(): Promise<string> {
  const url = await world.newQueue();
  await world.server.send(url, largeEvents);
  return url;
}

describe("20 MB of output", () => {
  test("piped into a reader that leaves after a line is no failure, and every message is given back", async () => {
    const url = await largeQueue();
    const { stdout, stderr } = await shell('{ "$@"; echo "exit $?" >&2; } | head -n 1', url);
    expect(stdout.split("\n").length).toBe(2);
    expect(stderr).toMatch(/exit (0|141)\n$/);
    expect(stderr).not.toContain("error: ");
    expect(world.server.depth(url)).toEqual(visible(100));
  });

  test("written onto a full disk is an error that says so, and every message is given back", async () => {
    const url = await largeQueue();
    const { stderr } = await shell('"$@" >/dev/full; echo "exit $?" >&2', url);
    expect(stderr).toMatch(/\nerror: .*no space is left.*\ntry: .*\nexit 69\n$/);
    expect(world.server.depth(url)).toEqual(visible(100));
  });
});

test("a log that is written onto a full disk ends a drain that follows, and nothing stays in flight", async () => {
  const url = await world.newQueue();
  await world.server.send(url, [loginEvent()]);
  const args = ["drain", "--follow", "--wait-seconds", "1"];
  const { stdout } = await shellWith(args, '"$@" 2>/dev/full >/dev/null; echo "exit $?"', world.env(url));
  expect(stdout).toBe("exit 69\n");
  expect(world.server.depth(url).inFlight).toBe(0);
}, 20_000);
