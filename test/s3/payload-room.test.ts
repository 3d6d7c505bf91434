import { describe, expect, test } from "bun:test";
import { type PayloadHold, PayloadRoom } from "../../src/s3/payload-room.ts";

const never = new AbortController().signal;
const kibibyte = 1024;

/** A room, and reads that end when they are told to. */
function open(reads: number, bytes: number) {
  const room = new PayloadRoom({ reads, bytes });
  const begun: string[] = [];
  const ends = new Map<string, (bytes: number) => void>();
  return {
    room,
    begun,
    /** Asks for a read; resolves when it has ended. */
    read(name: string, hold: PayloadHold, signal = never) {
      return room.read(hold, signal, () => {
        begun.push(name);
        return new Promise<{ bytes: number }>((resolve) =>
          ends.set(name, (length) => resolve({ bytes: length })),
        );
      });
    },
    async end(name: string, length: number) {
      ends.get(name)?.(length);
      await settled();
    },
  };
}

/** Resolves when nothing goes on by itself any more. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

describe("reads begin", () => {
  test("as many as may at one time, in the order they were asked for", async () => {
    const { begun, read, end } = open(2, 1024 * kibibyte);
    const hold = { bytes: 0 };
    const all = ["a", "b", "c", "d"].map((name) => read(name, hold));
    expect(begun).toEqual(["a", "b"]);
    await end("b", 1);
    expect(begun).toEqual(["a", "b", "c"]);
    await end("a", 1);
    await end("c", 1);
    await end("d", 1);
    expect(await Promise.all(all)).toHaveLength(4);
  });

  test("while there is room for one like the largest so far; the oldest receive always goes on", async () => {
    const { room, begun, read, end } = open(8, 1000 * kibibyte);
    const [older, newer] = [{ bytes: 0 }, { bytes: 0 }];
    void read("a", older);
    await end("a", 600 * kibibyte);
    void read("b", newer);
    await settled();
    expect(begun).toEqual(["a"]); // 600 are held, and another 600 are too much.
    void read("c", older);
    await end("c", 600 * kibibyte);
    expect(begun).toEqual(["a", "c"]);
    room.free(older);
    await settled();
    expect(begun).toEqual(["a", "c", "b"]);
  });

  test("again where one has failed", async () => {
    const { room, begun, read } = open(1, kibibyte);
    const hold = { bytes: 0 };
    const failing = room.read(hold, never, async () => {
      throw new Error("down");
    });
    void read("a", hold);
    await expect(failing).rejects.toThrow("down");
    await settled();
    expect(begun).toEqual(["a"]);
  });

  test("not once the signal is aborted, whoever has room then", async () => {
    const { begun, read, end } = open(1, kibibyte);
    const hold = { bytes: 0 };
    const stop = new AbortController();
    void read("a", hold);
    const waiting = read("b", hold, stop.signal);
    stop.abort(new Error("stopped"));
    await expect(waiting).rejects.toThrow("stopped");
    await end("a", 1);
    expect(begun).toEqual(["a"]);
  });
});
