import { expect, test } from "bun:test";
import { type ColumnMapping, sourceName, userLogins } from "../../src/message/mapping.ts";
import { findFields } from "../../src/setup/fields.ts";
import { personalKind } from "../../src/setup/personal.ts";
import { type Proposed, proposeForTable, proposeTable } from "../../src/setup/proposal.ts";
import { columnName, nameMatch, wordsOf } from "../../src/setup/words.ts";
import { columnOf } from "../support/setup-world.ts";
import { loginEvent } from "../support/world.ts";

const order = {
  orderId: 1000,
  user: { id: "424cdd21-063a-43a7-b91b-7ca1a833afae", email: "ada@example.com" },
  total: 12.5,
  ts: 1_700_000_000,
  geo: { lat: 52.5 },
  items: [{ sku: "a" }],
  guests: [{ email: "ada@example.com" }],
  paid: true,
};

function look(...bodies: readonly object[]) {
  const found = findFields(bodies);
  const personal = new Set(found.fields.filter(personalKind).map(({ name }) => name));
  return { found, personal };
}

/** A column on one line. */
function line({ column, source, type, transforms, required }: ColumnMapping): string {
  const steps = transforms.map((step) =>
    "canonical" in step && step.canonical ? `${step.kind}:ip` : step.kind,
  );
  return [column, sourceName(source), type, ...steps, required ? "required" : ""].join(" ").trim();
}

test("the reference table takes the reference events as its preset says", () => {
  const { found, personal } = look(JSON.parse(loginEvent()), JSON.parse(loginEvent({ locale: null })));
  const columns = [
    columnOf("user_id", "varchar(128)"),
    columnOf("device_type", "varchar(32)"),
    columnOf("masked_ip", "varchar(256)"),
    columnOf("masked_device_id", "varchar(256)"),
    columnOf("locale", "varchar(32)"),
    columnOf("app_version", "int4"),
    columnOf("create_date", "date"),
  ];
  const proposed = proposeForTable(columns, found, personal).map(({ confidence: _, ...column }) => column);
  const preset = userLogins.columns.map(({ createType: _, ...column }) => column);
  expect(proposed).toEqual(preset);
});

/** A column's source and how sure it is. */
function sources(proposed: readonly Proposed[]): Record<string, string> {
  return Object.fromEntries(
    proposed.map(({ column, source, confidence }) => [column, `${sourceName(source)}, ${confidence}`]),
  );
}

test("a text of a number goes into a numeric column as a number", () => {
  const { found, personal } = look({ amount: { value: "849.90" } }, { amount: { value: "12.5" } });
  const proposed = (name: string) => proposeForTable([columnOf(name, "numeric")], found, personal).map(line);
  expect(proposed("amount_value")).toEqual(["amount_value amount.value numeric required"]);
  expect(proposed("amount")).toEqual(["amount amount.value numeric required"]);
  expect(proposeForTable([columnOf("amount_value", "int8")], found, personal).map(line)).toEqual([
    // The sample is rejected then, for a number that is no integer.
    "amount_value amount.value bigint required",
  ]);
});

test("a column of any numbers or texts is not narrowed to what the sample happens to hold", () => {
  const { found, personal } = look({ total: 1, ref: "7" }, { total: 2, ref: "8" });
  const columns = [columnOf("total", "numeric"), columnOf("ref", "varchar(9)")];
  expect(proposeForTable(columns, found, personal).map(line)).toEqual([
    "total total numeric required",
    "ref ref text required",
  ]);
});

test("a name says how sure a column's source is, and a part of a name is no name", () => {
  const { found, personal } = look({
    event_id: "e-1",
    orderNumber: 5,
    order: { total: 1.5 },
    customer: { id: "c-1", name: "Ada" },
    occurred_at: "2026-01-02T03:04:05Z",
  });
  const columns = [
    columnOf("id"),
    columnOf("message_id"),
    columnOf("event_id"),
    columnOf("order_number", "int8"),
    columnOf("total", "numeric"),
    columnOf("customer_ref"),
    columnOf("event_time", "timestamptz"),
    columnOf("sent_at", "timestamptz"),
    columnOf("created_at", "timestamptz"),
  ];
  expect(sources(proposeForTable(columns, found, personal))).toEqual({
    message_id: "$message_id, exact",
    event_id: "event_id, exact",
    order_number: "orderNumber, words",
    total: "order.total, guess",
    event_time: "occurred_at, guess",
    sent_at: "$sent_at, exact",
    created_at: "$sent_at, guess",
  });
  const without = columns.filter(({ name }) => name !== "event_id");
  expect(sources(proposeForTable(without, found, personal))).toMatchObject({ id: "event_id, guess" });
});

test("a column with a default is not guessed", () => {
  const { found, personal } = look({ order: { total: 5 } });
  const columns = [
    columnOf("created_at", "timestamptz", { hasDefault: true }),
    columnOf("total", "int8", { hasDefault: true }),
    columnOf("order_total", "int8", { hasDefault: true }),
  ];
  expect(sources(proposeForTable(columns, found, personal))).toEqual({ order_total: "order.total, words" });
});

test("a column for an event's time is left open if several fields may be it, and is the queue's if none is", () => {
  const at = "2026-01-02T03:04:05Z";
  const proposed = (body: object) => {
    const { found, personal } = look(body);
    return sources(proposeForTable([columnOf("event_time", "timestamptz")], found, personal));
  };
  expect(proposed({ paid: at, shipped: at })).toEqual({});
  expect(proposed({ total: 1 })).toEqual({ event_time: "$sent_at, guess" });
});

test("a column that is named after a field takes it, and nothing else, even if it cannot hold its values", () => {
  const { found, personal } = look(
    { id: "a", placed_at: "2026-01-02T03:04:05Z", version: "2.3.1", phone: "+49301234567", note: "x" },
    { version: "2.3" },
    { id: "b", placed_at: "2026-01-02T03:04:05Z", version: 7, phone: "+49301234567", note: 1 },
  );
  const columns = [
    columnOf("placed_at", "timestamp"),
    columnOf("version", "int4"),
    columnOf("phone", "varchar(5)"),
    columnOf("note", "text"),
  ];
  expect(proposeForTable(columns, found, personal).map(line)).toEqual([
    "placed_at placed_at timestamptz",
    "version version integer version required",
    "phone phone text mask",
    "note note text",
  ]);
});

test("a time of SQS never becomes the day's midnight in a column of times without a zone", () => {
  const { found, personal } = look({ day: "2026-01-02" });
  const columns = [
    columnOf("created_at", "timestamp"),
    columnOf("sent_at", "timestamp"),
    columnOf("day", "timestamp"),
  ];
  expect(proposeForTable(columns, found, personal).map(line)).toEqual([
    // The check of the table says which statement makes the column one for moments.
    "sent_at $sent_at timestamptz required",
    "day day date required",
  ]);
  expect(proposeForTable([columnOf("sent_at", "date")], found, personal).map(line)).toEqual([
    "sent_at $sent_at date required",
  ]);
});

test("a new table gets a column for every field, masked where it is personal, and two of the queue's own", () => {
  const { found, personal } = look(order, { ...order, total: 1 });
  expect(proposeTable(found, personal).map(line)).toEqual([
    "order_id orderId bigint required",
    "user_id user.id uuid required",
    "masked_user_email user.email text mask required",
    "total total numeric required",
    "ts ts timestamptz epoch_seconds required",
    "masked_geo_lat geo.lat numeric mask required",
    "items items jsonb required",
    "paid paid boolean required",
    "message_id $message_id text required",
    "sent_at $sent_at timestamptz required",
  ]);
});

test("a personal field of several types, and a personal list, get no column; one that was always null is a masked text", () => {
  const { found, personal } = look(
    { email: "a@b.com", phones: ["+49 30 1234567"], name: null },
    { email: 5, phones: [], name: null },
  );
  expect([...personal]).toEqual(["email", "phones", "name"]);
  expect(proposeTable(found, personal).map(line).slice(0, -2)).toEqual(["masked_name name text mask"]);
});

test("two fields of one name become two columns", () => {
  const { found, personal } = look({ a_b: 1, a: { b: 2 }, sent_at: "x" });
  const names = proposeTable(found, personal).map(({ column }) => column);
  expect(names).toEqual(["a_b", "a_b_2", "sent_at", "message_id", "sent_at_2"]);
});

test("a column takes the field of its name, whether the field is nested or not", () => {
  const { found, personal } = look({ user: { id: "x" }, order: { id: 5 }, id: true });
  const columns = [columnOf("order_id", "int8"), columnOf("user_id", "int8"), columnOf("id", "bool")];
  expect(proposeForTable(columns, found, personal).map(line)).toEqual([
    "order_id order.id bigint required",
    "user_id user.id bigint required",
    "id id boolean required",
  ]);
});

test("a personal field goes nowhere unmasked: a column that can hold no pseudonym truncates, redacts or does not fit", () => {
  const { found, personal } = look({
    ip: "203.0.113.7",
    email: "ada@example.com",
    lat: 52.5,
    phone: "+49301234567",
  });
  const columns = [
    columnOf("ip", "inet"),
    columnOf("email", "varchar(77)"),
    columnOf("lat", "numeric"),
    columnOf("phone", "varchar(5)"),
  ];
  const proposed = proposeForTable(columns, found, personal);
  expect(proposed.map(({ column, transforms }) => [column, transforms])).toEqual([
    ["ip", [{ kind: "mask", method: "truncate" }]],
    ["email", [{ kind: "mask", method: "redact" }]],
    ["lat", [{ kind: "mask" }]],
    ["phone", [{ kind: "mask" }]],
  ]);
});

test("an address with its port, or several, has no network for an address column", () => {
  const { found, personal } = look({ ip: "203.0.113.7:443", via: "203.0.113.9, 10.0.0.1" });
  const proposed = proposeForTable([columnOf("ip", "inet"), columnOf("via", "inet")], found, personal);
  expect(proposed.map(line)).toEqual(["ip ip text mask:ip required", "via via text mask:ip required"]);
});

test("a column that the database generates is not filled; a column that must not be null makes its field required", () => {
  const { found, personal } = look({ a: 1, note: "x" }, { a: 1 });
  const columns = [
    columnOf("a", "int8", { generated: "identity" }),
    columnOf("note", "text", { nullable: false }),
    columnOf("created_at", "timestamptz"),
    columnOf("message_id"),
  ];
  expect(proposeForTable(columns, found, personal).map(line)).toEqual([
    "note note text required",
    "created_at $sent_at timestamptz required",
    "message_id $message_id text required",
  ]);
});

test.each([
  ["userID", ["user", "id"]],
  ["HTTPServer2Name", ["http", "server2", "name"]],
  ["user-id.value", ["user", "id", "value"]],
  ["", []],
] as const)("the name %s has the words %j", (name, words) => {
  expect(wordsOf(name)).toEqual([...words]);
});

test("the same words are the same name, and the nearer another one is, the more it scores", () => {
  const match = (column: string) => nameMatch(["user", "email"], column);
  expect(match("user_email")).toEqual({ confidence: "words", score: 1 });
  expect(match("masked_user_email")?.confidence).toBe("words");
  const scores = ["email", "users_email", "shop_email"].map((column) => match(column)?.score ?? 0);
  expect(scores).toEqual(scores.toSorted((a, b) => b - a));
  expect(match("amount")).toBeUndefined();
  expect(match("user_name")).toBeUndefined();
  expect(nameMatch(["userId"], "userId")?.confidence).toBe("exact");
  expect(nameMatch(["userId"], "userid")?.confidence).toBe("words");
  expect(nameMatch(["customer", "id"], "message_id")).toBeUndefined();
});

test("a new column's name is one that Postgres takes without quotes, in at most 63 bytes", () => {
  expect(columnName(["user", "homeAddress"])).toBe("user_home_address");
  expect(columnName(["2fa"])).toBe("_2fa");
  expect(Buffer.byteLength(columnName(["ä".repeat(80)]))).toBeLessThanOrEqual(63);
});
