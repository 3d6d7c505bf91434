/** Messages that overwrite each other's rows: sends them in any order, and says at the end what became of each. */

import { runEtl } from "./binary.ts";
import { Reports, type Settled } from "./chaos-audit.ts";
import type { Chance } from "./chaos-chance.ts";
import { type ChaosWorld, writer } from "./chaos-world.ts";
import { column, writeJob } from "./mapped-job.ts";

/** What a conflict is settled by. */
export type ConflictAction = "ignore" | "update";

/** One message, as it was sent. */
interface Sent {
  readonly key: number;
  /** No two messages have the same; the greatest is the newest. */
  readonly version: number;
  readonly good: boolean;
  readonly body: string;
}

/** What became of the messages. */
export interface UpsertFigures {
  readonly messages: number;
  readonly keys: number;
  /** How often the table took a row. */
  readonly changes: number;
  /** Keys whose row is not the one that is to stay, or is missing. */
  readonly wrong: number;
  /** Rows that were there and gave way to one that is not newer, or to any under `ignore`. */
  readonly backwards: number;
  /** Messages whose row went in more than once. */
  readonly doubled: number;
  /** Good messages that the ledger does not know. */
  readonly lost: number;
  /** Bad messages that were reported. */
  readonly rejected: number;
}

/** Writes the job's settings, and makes its table and one that records each change of it. */
export async function openUpsert(world: ChaosWorld, action: ConflictAction) {
  const { ETL_CONFIG: file } = writeJob(world, settings(action));
  await world.admin.query("drop schema public cascade; create schema public");
  const env = { DATABASE_URL: world.postgres.url(world.databaseName) };
  const made = await runEtl(["migrate", "--config", file], { env });
  if (made.exitCode !== 0) throw new Error(`etl migrate ended with ${made.exitCode}:\n${made.stderr}`);
  await world.admin.query(recording);
  return { args: ["--config", file], book: new UpsertBook(world, action) };
}

function settings(action: ConflictAction): string {
  return `
[table]
name = "orders"
conflict = "${action}"
key = ["order_id", "shop"]
${action === "update" ? 'newest_by = "version"' : ""}

${[
  column("version", 'from = "order.version"', 'type = "bigint"', "required = true"),
  column("order_id", 'from = "order.id"', 'type = "bigint"', "required = true"),
  column("shop", 'from = "order.shop"', "required = true"),
  column("content", 'from = "order.content"', 'transform = "json"'),
  column("amount", 'from = "order.amount"', 'type = "numeric"'),
].join("\n")}`;
}

const recording = `
  alter table orders add constraint amount_known check (amount >= 0);
  create table change (id bigint generated always as identity, order_id bigint, version bigint, was bigint);
  create function record() returns trigger language plpgsql security definer as $$
    begin
      insert into change (order_id, version, was) values (new.order_id, new.version, case when tg_op = 'UPDATE' then old.version end);
      return null;
    end $$;
  create trigger record after insert or update on orders for each row execute function record();
  grant usage on schema public to ${writer};
  grant select, insert, update, delete on all tables in schema public to ${writer}`;

/** The book of one run. */
class UpsertBook {
  readonly #world: ChaosWorld;
  readonly #action: ConflictAction;
  readonly #chance: Chance;
  readonly #sent = new Map<string, Sent>();
  #pending: Sent[] = [];
  readonly reports = new Reports();

  constructor(world: ChaosWorld, action: ConflictAction) {
    this.#world = world;
    this.#action = action;
    this.#chance = world.chance.fork();
  }

  /** Writes so many messages over so many keys, one in a hundred of them bad, and shuffles them. */
  write(count: number, keys: number): void {
    const messages = Array.from({ length: count }, (_, place) => {
      const [key, good] = [this.#chance.between(0, keys), !this.#chance.happens(0.01)];
      // What is bad is newer than all that is good: a newer row of its batch would have it left out before it is refused.
      const version = good ? place : count + place;
      return { key, version, good, body: this.#body(key, version, good) };
    });
    this.#pending = this.#chance.shuffled(messages);
  }

  #body(id: number, version: number, good: boolean): string {
    if (!good && this.#chance.happens(0.7)) return `no JSON ${version}`;
    const content = JSON.stringify({ key: id, version });
    return JSON.stringify({
      order: { id, shop: `shop ${id % 3}`, version, content, amount: good ? version : -1 },
    });
  }

  /** Sends so many of what was written, or all that is left. */
  async send(queueUrl: string, count = this.#pending.length): Promise<void> {
    const portion = this.#pending.splice(0, count);
    const ids = await this.#world.server.send(
      queueUrl,
      portion.map(({ body }) => body),
    );
    for (const [index, id] of ids.entries()) this.#sent.set(id, portion[index] as Sent);
  }

  /** Hands out so many once more that are stored already, as a queue may do after their delete. */
  async redeliver(queueUrl: string, count: number): Promise<void> {
    const entries = await this.#world.admin.query(`
      select message_id::text as id, extract(epoch from sent_at) * 1000 as sent_at
      from etl_ledger join etl_queue using (queue_id)
      where arn like '%:${queueUrl.split("/").at(-1)}'
      order by message_id limit ${count}`);
    for (const { id, sent_at } of entries) {
      const { body } = this.#sent.get(id as string) as Sent;
      this.#world.server.redeliver(queueUrl, {
        messageId: id as string,
        sentAtMillis: Number(sent_at),
        body,
      });
    }
  }

  /** Messages that were sent bad, and stay in their queue. */
  get bad(): number {
    return this.settled().staying;
  }

  /** Messages that were sent good. */
  get good(): number {
    return this.#sent.size - this.bad;
  }

  /** What the queues are to come to. */
  settled(): Settled {
    const bad = [...this.#sent].filter(([, { good }]) => !good).map(([id]) => id);
    return { staying: bad.length, reports: this.reports, bad };
  }

  /** Counts, when all is quiet. */
  async figures(): Promise<UpsertFigures> {
    const { admin } = this.#world;
    const rows = await admin.query("select order_id::int, version::int, content::text from orders");
    const changes = await admin.query("select order_id::int, version::int, was::int from change order by id");
    const ledger = await admin.query("select message_id::text as id from etl_ledger");
    const known = new Set(ledger.map(({ id }) => id as string));
    const good = [...this.#sent].filter(([, message]) => message.good);
    const [first] =
      this.#action === "ignore" ? [firstOf(changes)] : [newestOf(good.map(([, message]) => message))];
    const right = rows.filter(
      ({ order_id, version, content }) =>
        first.get(order_id as number) === version &&
        content === `{"key": ${order_id}, "version": ${version}}`,
    );
    const goneBack = changes.filter(
      ({ version, was }) => was !== null && (was as number) >= (version as number),
    );
    return {
      messages: this.#sent.size,
      keys: rows.length,
      changes: changes.length,
      wrong: new Set(good.map(([, { key }]) => key)).size - right.length,
      backwards: this.#action === "ignore" ? changes.length - rows.length : goneBack.length,
      doubled: changes.length - new Set(changes.map(({ version }) => version)).size,
      lost: good.filter(([id]) => !known.has(id)).length,
      rejected: [...this.#sent].filter(([id, message]) => !message.good && this.reports.rejected.has(id))
        .length,
    };
  }
}

function newestOf(messages: readonly Sent[]): Map<number, number> {
  const newest = new Map<number, number>();
  for (const { key, version } of messages) newest.set(key, Math.max(version, newest.get(key) ?? 0));
  return newest;
}

/** Which message came first is the table's to say; that its row stays is what can be held against it. */
function firstOf(changes: readonly Record<string, unknown>[]): Map<number, number> {
  const first = new Map<number, number>();
  for (const { order_id, version } of changes) {
    if (!first.has(order_id as number)) first.set(order_id as number, version as number);
  }
  return first;
}
