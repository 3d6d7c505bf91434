/** Sends messages, keeps book of every one, and says at the end what became of them. */

import type { Receipt } from "../../src/polling/receipt.ts";
import type { Chance } from "./chaos-chance.ts";
import type { ChaosWorld } from "./chaos-world.ts";
import { loginEvent } from "./world.ts";

/** What became of the messages of a run of chaos. */
export interface Figures {
  readonly messages: number;
  /** Messages that were sent good, and have their row. */
  readonly rows: number;
  /** Messages that were sent bad, and were reported with a reason by a run. */
  readonly rejected: number;
  /** Messages that have no row, and are neither in the queue nor in the dead-letter queue. */
  readonly lost: number;
  /** Rows beyond the first of a message, and rows of messages that must have none. */
  readonly doubled: number;
}

/** What a line of `etl drain --json` can say. */
interface JsonLine {
  readonly rejection?: { readonly messageId: string };
  readonly receipt?: Receipt;
}

/** Bodies that become no row: four by their content, one by the table's constraint. */
const badBodies: readonly ((user: string) => string)[] = [
  (user) => `not JSON ${user}`,
  (user) => loginEvent({ user_id: user, app_version: "1..2" }),
  (user) => loginEvent({ user_id: user, ip: null }),
  (user) => loginEvent({ user_id: user, device_type: "x".repeat(40) }),
  (user) => loginEvent({ user_id: user, locale: "ZZ" }),
];

/** What runs have told of: the messages they rejected, and their receipts. */
export class Reports {
  /** Ids of rejected messages. */
  readonly rejected = new Set<string>();
  /** Of the runs that ended by themselves or by a graceful stop. */
  readonly receipts: Receipt[] = [];

  /** Reads what a run wrote; the last line of one that was killed may be cut off. */
  read(stdout: string): void {
    for (const line of stdout.split("\n").slice(0, -1)) {
      const { rejection, receipt } = JSON.parse(line) as JsonLine;
      if (rejection !== undefined) this.rejected.add(rejection.messageId);
      if (receipt !== undefined) this.receipts.push(receipt);
    }
  }

  /** Whether each of the messages was rejected, by the runs read or by one that has written this. */
  have(messageIds: Iterable<string>, stdouts: readonly string[]): boolean {
    return [...messageIds].every(
      (id) => this.rejected.has(id) || stdouts.some((stdout) => stdout.includes(id)),
    );
  }
}

/** What a settled queue holds, and what has to have been reported of it. */
export interface Settled {
  /** How many messages stay in the queue. */
  readonly staying: number;
  readonly reports: Reports;
  /** Ids of messages that must have been rejected. */
  readonly bad: Iterable<string>;
}

/** The book of one run. */
export class Audit {
  readonly #world: ChaosWorld;
  readonly #chance: Chance;
  readonly #good = new Set<string>();
  /** Message ids, and whom each is of. */
  readonly #badByQueue = new Map<string, Map<string, string>>();
  readonly #deadLetterQueues = new Map<string, string>();
  readonly reports = new Reports();
  #sent = 0;

  constructor(world: ChaosWorld) {
    this.#world = world;
    this.#chance = world.chance.fork();
  }

  /** Sends so many messages, one in a hundred of them bad. */
  async send(queueUrl: string, count: number): Promise<void> {
    const first = this.#sent;
    this.#sent += count;
    const bodies: string[] = [];
    const badUsers = new Map<number, string>();
    for (let place = 0; place < count; place += 1) {
      const bad = this.#chance.happens(0.01);
      const user = `${bad ? "bad" : "user"}-${first + place}`;
      if (bad) badUsers.set(place, user);
      else this.#good.add(user);
      bodies.push(bad ? this.#chance.pick(badBodies)(user) : loginEvent({ user_id: user }));
    }
    const sent = await this.#world.server.send(queueUrl, bodies);
    const bad = this.#badByQueue.get(queueUrl) ?? new Map<string, string>();
    for (const [place, user] of badUsers) bad.set(sent[place] ?? "", user);
    this.#badByQueue.set(queueUrl, bad);
  }

  /** Bad messages of this queue are looked for in that one. */
  deadLettersGo(queueUrl: string, deadLetterUrl: string): void {
    this.#deadLetterQueues.set(queueUrl, deadLetterUrl);
  }

  /** Messages sent so far. */
  get messages(): number {
    return this.#sent;
  }

  get good(): number {
    return this.#good.size;
  }

  /** Messages sent bad to one queue. */
  badIn(queueUrl: string): number {
    return this.#badByQueue.get(queueUrl)?.size ?? 0;
  }

  /** What the queue is to come to. @param bad what becomes of bad messages */
  settled(queueUrl: string, bad: "left" | "moved" = "left"): Settled {
    const ids = this.#badByQueue.get(queueUrl)?.keys() ?? [];
    return { staying: bad === "left" ? this.badIn(queueUrl) : 0, reports: this.reports, bad: [...ids] };
  }

  /** How many rows there are, the doubled ones included. */
  async rowCount(): Promise<number> {
    const [found] = await this.#world.admin.query("select count(*)::int as rows from user_logins");
    return found?.rows as number;
  }

  /** Counts, when all is quiet. */
  async figures(): Promise<Figures> {
    const found = (await this.#world.admin.query(
      "select user_id, count(*)::int as copies from user_logins group by user_id",
    )) as { user_id: string; copies: number }[];
    let rows = 0;
    let doubled = 0;
    for (const { user_id, copies } of found) {
      if (this.#good.has(user_id)) rows += 1;
      else doubled += 1;
      doubled += copies - 1;
    }
    let lost = this.#good.size - rows;
    let rejected = 0;
    for (const [queueUrl, bad] of this.#badByQueue) {
      lost += await this.#lostBad(queueUrl, new Set(bad.values()));
      for (const id of bad.keys()) if (this.reports.rejected.has(id)) rejected += 1;
    }
    return { messages: this.messages, rows, rejected, lost, doubled };
  }

  /** Of the queue's own messages only the number is known. A dead-letter queue may hold a message twice. */
  async #lostBad(queueUrl: string, users: ReadonlySet<string>): Promise<number> {
    const deadLetterUrl = this.#deadLetterQueues.get(queueUrl);
    const { visible, inFlight } = this.#world.server.depth(queueUrl);
    if (deadLetterUrl === undefined) return Math.max(0, users.size - visible - inFlight);
    const moved = new Set((await this.#world.server.takeAll(deadLetterUrl)).match(/bad-\d+/g));
    return [...users].filter((user) => !moved.has(user)).length;
  }
}

/** Whether the receipt adds up. */
export function addsUp(receipt: Receipt): boolean {
  const { received, inserted, duplicates, rejected, released, unsettled, rejections } = receipt;
  const reasons = Object.values(rejections).reduce((sum, count) => sum + count, 0);
  return received === inserted + duplicates + rejected + released + unsettled && reasons === rejected;
}

/** Prints figures in one line, in the same form everywhere. */
export function printFigures(what: string, figures: Readonly<Record<string, number>>): void {
  const parts = Object.entries(figures).map(([name, value]) => `${name} ${value}`);
  console.log(`chaos: ${what}: ${parts.join(", ")}`);
}
