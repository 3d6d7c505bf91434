/** A set-up without the world: a queue, a database and a key in memory, and a person who has made up their mind. */

import { EtlError } from "../../src/errors.ts";
import type { Message } from "../../src/message/message.ts";
import { needsValue } from "../../src/postgres/column-types.ts";
import { type Asker, goBack } from "../../src/setup/asker.ts";
import type { SetupDatabase, SetupPorts, Start, TargetColumn, TargetTable } from "../../src/setup/ports.ts";

/** A message with a body. */
export function messageOf(body: unknown, index = 0): Message {
  return {
    messageId: `message-${index}`,
    receiptHandle: `handle-${index}`,
    sentAtMillis: Date.UTC(2026, 0, 2, 3, 4, 5),
    receiveCount: 1,
    body: typeof body === "string" ? body : JSON.stringify(body),
    bodyIntact: true,
  };
}

/**
 * A column of an existing table.
 *
 * @param type its name in `pg_type`; for a text, with how many characters it takes, such as `varchar(32)`
 */
export function columnOf(name: string, type = "text", more: Partial<TargetColumn> = {}): TargetColumn {
  const [, base = type, characters] = /^(\w+)\((\d+)\)$/.exec(type) ?? [];
  const modifier = characters === undefined ? -1 : Number(characters) + 4;
  return {
    name,
    type: { name: base, isEnum: false, modifier },
    nullable: true,
    hasDefault: false,
    generated: "no",
    ...more,
  };
}

/** An existing table. Each key is one that it keeps unique. */
export function tableOf(
  name: string,
  columns: readonly TargetColumn[],
  ...uniqueKeys: readonly (readonly string[])[]
): TargetTable {
  const uniqueIndexes = uniqueKeys.map((key) => ({ name: key.join("_"), columns: key, defect: undefined }));
  const limits = new Map(columns.map(({ name: column, nullable }) => [column, { nullable }]));
  return { name, columns, uniqueIndexes, limits };
}

/** What the world holds, and what was done to it. */
export interface MemoryWorld {
  readonly ports: SetupPorts;
  /** How many databases are open. */
  open: number;
  /** How often messages were received. */
  samples: number;
}

/** What a world can be given. */
export interface MemoryWorldParts {
  readonly messages: readonly Message[];
  readonly tables?: readonly TargetTable[];
  readonly password?: string;
  readonly maxReceiveCount?: number;
}

/** Makes one; its only queue is `https://sqs.example/1/orders-queue`, its only database is on `db.example`. */
export function memoryWorld({
  messages,
  tables = [],
  password,
  maxReceiveCount,
}: MemoryWorldParts): MemoryWorld {
  const refused = (message: string, kind: "config" | "permission" = "config") =>
    new EtlError({ kind, operation: "test", message });
  const database: SetupDatabase = {
    address: "db.example:5432",
    name: "shop",
    user: "loader",
    tables: async () =>
      tables.map(({ name, columns }) => ({
        sqlName: name,
        columns: columns.length,
        estimatedRows: undefined,
      })),
    table: async (name) => tables.find((table) => table.name === name),
    async faults(name, { columns }) {
      const table = tables.find((candidate) => candidate.name === name);
      const filled = columns.map(({ column }) => column);
      const open = (table?.columns ?? []).filter(
        (column) => needsValue(column) && !filled.includes(column.name),
      );
      return open.map((column) => refused(`nothing fills ${column.name}`));
    },
    migrate: async () => [],
    close() {
      world.open -= 1;
    },
  };
  const world: MemoryWorld = {
    open: 0,
    samples: 0,
    ports: {
      now: () => Date.UTC(2026, 0, 2),
      key: () => ({ bytes: Buffer.alloc(32, 7), place: "etl-mask.key", file: "etl-mask.key", isNew: true }),
      identity: async () => ({ source: "the test", arn: "arn:aws:iam::1:user/test" }),
      queueUrls: async () => ["https://sqs.example/1/other", "https://sqs.example/1/orders-queue"],
      openQueue(url) {
        if (!url.endsWith("/orders-queue")) throw refused("there is no such queue");
        return {
          name: "orders-queue",
          attributes: async () => ({
            arn: "arn:aws:sqs:r:1:orders-queue",
            ...{ visible: messages.length, inFlight: 0, delayed: 0, fifo: false },
            ...{ visibilityTimeoutSeconds: 30, retentionSeconds: 345_600 },
            ...(maxReceiveCount && { maxReceiveCount, deadLetterArn: "arn:aws:sqs:r:1:dead" }),
          }),
          async sample() {
            world.samples += 1;
            return { messages, notReleased: 0 };
          },
        };
      },
      async connect(answer) {
        const { url, password: given } = answer === "settings" ? { url: "db.example" } : answer;
        if (!url.includes("db.example")) throw refused("nothing listens there");
        if (password !== given) throw refused("the password is wrong", "permission");
        world.open += 1;
        return { ...database };
      },
    },
  };
  return world;
}

/** Where a set-up starts that knows nothing yet. */
export const blankStart: Start = {
  given: {},
  queue: { body: { envelope: "none", encoding: "none" }, extendedPayloads: false },
  defaultMask: "hmac",
  configPath: "etl.toml",
  acceptGuesses: false,
  writes: true,
};

/** What a person answers to a question that matches, or `goBack`: once for each entry, then what is proposed. */
export type Answers = readonly (readonly [question: RegExp, answer: unknown])[];

/** A person who answers as they have made up their mind, and remembers everything. */
export interface ScriptedPerson extends Asker {
  readonly asked: string[];
  /** All that was told and shown, one line each. */
  readonly heard: string[];
}

/** The reason that a set-up rejects with where the person backs out. */
export const backingOut = new Error("backed out");

/**
 * Makes a person.
 *
 * @param backsOutAt the number of the question, from 0, that is not answered
 */
export function scriptedPerson(answers: Answers = [], backsOutAt = Number.POSITIVE_INFINITY): ScriptedPerson {
  const left = [...answers];
  const asked: string[] = [];
  const heard: string[] = [];
  function answerTo(message: string): { readonly given: unknown } | undefined {
    if (asked.length === backsOutAt) throw backingOut;
    // A script that changes nothing would be asked for ever.
    if (asked.length > 100) throw new Error(`the script leads nowhere: ${heard.slice(-20).join("\n")}`);
    asked.push(message);
    const index = left.findIndex(([question]) => question.test(message));
    if (index < 0) return undefined;
    const [[, given] = [undefined, undefined]] = left.splice(index, 1);
    if (given === goBack) throw goBack;
    return { given };
  }
  return {
    asked,
    heard,
    isPerson: true,
    async text({ message, initial, fault }) {
      const answer = answerTo(message);
      const text = answer === undefined ? initial : String(answer.given);
      if (text === undefined) throw new Error(`nobody said what to answer to ${message}`);
      const found = fault(text);
      if (found === undefined) return text;
      heard.push(found);
      return await this.text({ message, initial, fault });
    },
    secret: async (message) => String(answerTo(message)?.given ?? ""),
    async choose({ message, choices, proposed }) {
      const answer = answerTo(message);
      const chosen =
        answer === undefined
          ? (choices.find(({ value }) => value === proposed) ?? choices[0])
          : choices.find(({ label }) => label === answer.given);
      if (chosen === undefined) {
        throw new Error(`${message} has no ${String(answer?.given)}: ${choices.map(({ label }) => label)}`);
      }
      return chosen.value;
    },
    async several({ message, choices, proposed }) {
      const answer = answerTo(message);
      if (answer === undefined) return proposed;
      return choices
        .filter(({ label }) => (answer.given as string[]).includes(label))
        .map(({ value }) => value);
    },
    confirm: async (message, proposed) => (answerTo(message)?.given as boolean | undefined) ?? proposed,
    async tell(...lines) {
      heard.push(...lines);
    },
    async warn(text) {
      heard.push(text);
    },
    async show(title, headers, rows) {
      heard.push(title, headers.join(" "), ...rows.map((row) => row.map((cell) => cell ?? "∅").join(" ")));
    },
  };
}
