import { describe, expect, test } from "bun:test";
import { EtlError } from "../../src/errors.ts";
import { type ColumnMapping, sourceName } from "../../src/message/mapping.ts";
import { maskOf } from "../../src/setup/masking.ts";
import type { Start } from "../../src/setup/plan.ts";
import { setUp } from "../../src/setup/set-up.ts";
import { unasked } from "../../src/setup/unasked.ts";
import { tokenOf } from "../support/json-web-token.ts";
import {
  backingOut,
  blankStart,
  columnOf,
  type MemoryWorldParts,
  memoryWorld,
  messageOf,
  scriptedPerson,
  tableOf,
} from "../support/setup-world.ts";

const canary = "canary";
const order = (index: number) => ({
  orderId: index,
  user: { email: `${canary}${index}@example.com` },
  ip: "203.0.113.7",
  note: index % 2 === 0 ? `${canary}-note` : null,
});
const messages = [1, 2, 3].map((index) => messageOf(order(index), index));
const queueUrl = "https://sqs.example/1/orders-queue";
const databaseUrl = "postgres://loader@db.example/shop";
const orders = tableOf("public.orders", [
  columnOf("order_id", ["bigint"], { nullable: false }),
  columnOf("masked_user_email", ["text"]),
  columnOf("created_at", ["timestamptz"]),
  columnOf("remark", ["text"]),
]);

const answers = [
  [/URL; a password/, databaseUrl],
  [/new table/, "orders"],
] as const;

function lines(columns: readonly ColumnMapping[]): string[] {
  return columns.map(({ column, source, transforms }) =>
    [column, sourceName(source), ...transforms.map(({ kind }) => kind)].join(" "),
  );
}

async function run(
  person = scriptedPerson(answers),
  parts: Partial<MemoryWorldParts> = {},
  start: Partial<Start> = {},
) {
  const world = memoryWorld({ messages, ...parts });
  const outcome = await setUp(person, world.ports, { ...blankStart, ...start }).then(
    (plan) => ({ plan, error: undefined }),
    (error: unknown) => ({ plan: undefined, error }),
  );
  return { world, person, ...outcome };
}

describe("a person", () => {
  test("who takes what is proposed gets a new table, masked where it is personal", async () => {
    const { plan, person } = await run(scriptedPerson([[/Which queue/, "orders-queue"], ...answers]));
    expect(plan?.queue.url).toBe(queueUrl);
    expect(plan?.databaseAnswer).toEqual({ kind: "url", url: databaseUrl });
    expect(plan?.table).toBe("orders");
    expect(lines(plan?.mapping.columns ?? [])).toEqual([
      "order_id orderId",
      "masked_user_email user.email mask",
      "masked_ip ip mask",
      "note note",
      "message_id $message_id",
      "sent_at $sent_at",
    ]);
    expect(plan?.key?.isNew).toBe(true);
    expect(person.heard).toContain("identity arn:aws:iam::1:user/test");
  });

  test("sees names, types and counts, and of values only what would be stored", async () => {
    const { person } = await run(scriptedPerson([[/Which queue/, "orders-queue"], ...answers]));
    const heard = person.heard.join("\n");
    expect(person.heard).toContain("user.email text 3 e-mail address");
    expect(person.heard).toContain("note null, text 3 ");
    expect(heard).not.toContain(`${canary}1`);
    expect(heard).not.toContain("203.0.113.7");
    expect(heard).toMatch(/masked_ip hmac:\w+/);
    expect(heard).toContain(`${canary}-note`);
  });

  test("sees nothing in clear that is personal by its value, whatever its field is called", async () => {
    const hidden = {
      a: "4111 1111 1111 1111",
      b: 5555555555554444,
      c: "DE89 3704 0044 0532 0130 00",
      d: tokenOf({ alg: "HS256" }),
      e: "203.0.113.7:443",
    };
    const bodies = [hidden, { ...hidden, a: "cash", c: "cash", d: "none", e: "web" }, hidden];
    const { plan, person } = await run(scriptedPerson([[/Which queue/, "orders-queue"], ...answers]), {
      messages: bodies.map(messageOf),
    });
    const heard = person.heard.join("\n");
    for (const value of Object.values(hidden)) expect(heard).not.toContain(String(value));
    expect(plan?.mapping.columns.filter((column) => maskOf(column) === "default").length).toBe(5);
  });

  test("is asked again where an answer was wrong, and for a password where one is missing", async () => {
    const person = scriptedPerson([
      [/Which queue/, "other"],
      [/Which queue/, "orders-queue"],
      [/URL; a password/, "mysql://db.example/shop"],
      [/URL; a password/, "postgres://loader@elsewhere/shop"],
      [/URL; a password/, databaseUrl],
      [/password of this user/, "hunter2"],
      [/new table/, "orders"],
    ]);
    const { plan } = await run(person, { password: "hunter2" });
    expect(person.heard).toContain("there is no such queue");
    expect(person.heard).toContain("It begins with postgres://");
    expect(person.heard).toContain("nothing listens there");
    expect(plan?.databaseAnswer).toEqual({ kind: "url", url: databaseUrl, password: "hunter2" });
    expect(person.heard.join()).not.toContain("hunter2");
  });

  test("who gives the database part by part gets a URL of it", async () => {
    const person = scriptedPerson([
      [/Which queue/, "orders-queue"],
      [/Which Postgres/, "Give host, database and user"],
      [/^Host/, "db.example:6432"],
      [/^Database/, "my shop"],
      [/^User/, "load/er"],
      [/new table/, "orders"],
    ]);
    const { plan } = await run(person);
    expect(plan?.databaseAnswer).toEqual({
      kind: "url",
      url: "postgres://load%2Fer@db.example:6432/my%20shop?sslmode=verify-full",
    });
  });

  test("can change what is personal, and every column of the proposal", async () => {
    const person = scriptedPerson([
      [/Which queue/, "orders-queue"],
      ...answers,
      [/Which are personal/, ["ip", "note"]],
      [/Is this right/, "Change masked_note"],
      [/masked_note: where/, "Nowhere: leave the column out"],
      [/Is this right/, "Change user_email"],
      [/user_email: masked/, "A fixed word"],
      [/Is this right/, "Change order_id"],
      [/order_id: where/, "orderId"],
      [/order_id: stored as/, "text, in lower case"],
      [/What is to change|Is this right/, "Change order_id"],
      [/order_id: where/, "The same text in every row"],
      [/order_id: the text/, "shop"],
      [/Is this right/, "Store note, too"],
    ]);
    const { plan } = await run(person);
    expect(lines(plan?.mapping.columns ?? [])).toEqual([
      "order_id $constant",
      "user_email user.email mask",
      "masked_ip ip mask",
      "message_id $message_id",
      "sent_at $sent_at",
      "masked_note note mask",
    ]);
  });

  test("of a table that is there fills columns by name, and is told what does not fit", async () => {
    const person = scriptedPerson([
      [/Which queue/, "orders-queue"],
      [/URL; a password/, databaseUrl],
      [/which table/, "public.orders"],
      [/Is this right/, "Change order_id"],
      [/order_id: where/, "Nowhere: leave the column out"],
      [/What is to change/, "Fill order_id"],
      [/order_id: where/, "orderId"],
      [/Is this right/, "Fill remark"],
      [/remark: where/, "note"],
    ]);
    const { plan } = await run(person, { tables: [orders] });
    expect(person.heard).toContain("nothing fills order_id");
    expect(lines(plan?.mapping.columns ?? [])).toEqual([
      "masked_user_email user.email mask",
      "created_at $sent_at",
      "order_id orderId",
      "remark note",
    ]);
  });

  test("of a queue that allows few receives may look at no message", async () => {
    const person = scriptedPerson([[/Which queue/, "orders-queue"], [/all the same/, false], ...answers]);
    const { error } = await run(person, { maxReceiveCount: 2 });
    expect(person.heard.join("\n")).toContain("looking at a message counts as one of its 2 receives");
    expect((error as EtlError).message).toContain("the queue gave no message");
  });
});

test("backing out at each question ends the set-up there, with the database closed", async () => {
  const script = () =>
    [[/Which queue/, "orders-queue"], ...answers, [/Is this right/, "Change note"]] as const;
  const all = scriptedPerson(script());
  await run(all);
  expect(all.asked.length).toBeGreaterThan(7);
  for (let index = 0; index < all.asked.length; index += 1) {
    const { error, person, world } = await run(scriptedPerson(script(), index));
    expect(error).toBe(backingOut);
    expect(person.asked).toEqual(all.asked.slice(0, index));
    expect(world.open).toBe(0);
  }
});

describe("from the file that is there", () => {
  const mapping = {
    columns: [
      {
        column: "remark",
        source: { in: "body", path: ["note"] },
        type: "text",
        transforms: [{ kind: "trim" }],
        required: false,
      },
    ],
    conflict: { action: "ignore" },
  } as const;
  const nullable = tableOf("public.orders", orders.columns.slice(1));
  const start = { queueUrl, databaseFrom: "etl.toml", table: "public.orders", mapping };

  test("everything is proposed as it stands there", async () => {
    const person = scriptedPerson();
    const { plan } = await run(person, { tables: [nullable] }, start);
    expect(person.asked).toEqual(["Which queue?", "Which Postgres?", "Into which table?", "Is this right?"]);
    expect(plan?.mapping).toEqual(mapping);
    expect(plan?.databaseAnswer).toEqual({ kind: "settings" });
  });

  test("it does without a message", async () => {
    const { plan } = await run(scriptedPerson(), { tables: [nullable], messages: [] }, start);
    expect(plan?.mapping).toEqual(mapping);
  });

  test("another table gets another proposal", async () => {
    const { plan } = await run(
      scriptedPerson([[/which table/, "Create a new one"], ...answers]),
      { tables: [nullable] },
      start,
    );
    expect(plan?.mapping.columns.length).toBe(6);
  });
});

describe("with nobody to ask", () => {
  const nobody = () => {
    const heard: string[] = [];
    const asker = unasked({
      tell: async (...told) => void heard.push(...told),
      warn: async (text) => void heard.push(text),
      show: async () => {},
    });
    return { asker, heard };
  };
  const given = { queueUrl, databaseUrl: "postgres://loader:hunter2@db.example/shop", table: "orders" };

  test("flags are the answers, and the password leaves the URL", async () => {
    const { asker } = nobody();
    const world = memoryWorld({ messages, password: "hunter2" });
    const plan = await setUp(asker, world.ports, { ...blankStart, given });
    expect(plan.databaseAnswer).toEqual({ kind: "url", url: databaseUrl, password: "hunter2" });
    expect(plan.mapping.columns.length).toBe(6);
  });

  test("a queue whose every look moves a message away is not looked at", async () => {
    const { asker } = nobody();
    const world = memoryWorld({ messages, maxReceiveCount: 1 });
    const failed = await setUp(asker, world.ports, { ...blankStart, given }).catch((error: unknown) => error);
    expect(failed).toMatchObject({ kind: "config", message: expect.stringContaining("a look is one") });
  });

  test("a mapping that would reject all that was looked at is not written", async () => {
    const { asker } = nobody();
    const mixed = [messageOf({ mix: "a" }, 1), messageOf({ mix: { email: "b@example.com" } }, 2)];
    const world = memoryWorld({ messages: mixed, password: "hunter2" });
    const failed = await setUp(asker, world.ports, { ...blankStart, given }).catch((error: unknown) => error);
    expect(failed).toMatchObject({
      kind: "config",
      message: expect.stringContaining("reject every message"),
    });
    expect(world.open).toBe(0);
  });

  test.each([
    [{}, "give --queue-url URL and --database-url URL and --table NAME"],
    [{ queueUrl, table: "orders" }, "give --database-url URL"],
    [{ queueUrl, databaseUrl }, "give --table NAME"],
  ])("what %j does not say is asked for by its flag, before anything is received", async (some, hint) => {
    const { asker, heard } = nobody();
    const failed = await setUp(asker, memoryWorld({ messages }).ports, { ...blankStart, given: some }).catch(
      (error: unknown) => error,
    );
    expect(failed).toBeInstanceOf(EtlError);
    expect((failed as EtlError).hint).toBe(hint);
    expect((failed as EtlError).exitCode).toBe(64);
    expect(heard).toEqual([]);
  });

  test("a proposal that does not fit the table ends it", async () => {
    const { asker } = nobody();
    const stubborn = tableOf("public.other", [
      columnOf("colour", ["text"], { nullable: false }),
      ...orders.columns,
    ]);
    const world = memoryWorld({ messages, tables: [stubborn] });
    const failed = setUp(asker, world.ports, { ...blankStart, given: { ...given, table: "public.other" } });
    expect(failed).rejects.toThrow("nothing fills colour");
    await failed.catch(() => {});
    expect(world.open).toBe(0);
  });
});
