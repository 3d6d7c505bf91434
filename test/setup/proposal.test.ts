import { expect, test } from "bun:test";
import { type ColumnMapping, sourceName, userLogins } from "../../src/message/mapping.ts";
import { findFields } from "../../src/setup/fields.ts";
import { personalKind } from "../../src/setup/personal.ts";
import { misfit, proposeForTable, proposeTable } from "../../src/setup/proposal.ts";
import { columnName, likeness, wordsOf } from "../../src/setup/words.ts";
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
  const proposed = proposeForTable(columns, found, personal);
  const preset = userLogins.columns.map(({ createType: _, ...column }) => column);
  expect(proposed).toEqual(preset);
});

test("a column that a field is named like, but whose values do not all fit, is reported", () => {
  const columns = [columnOf("user_id"), columnOf("app_version", "int4"), columnOf("note")];
  const told = (...bodies: readonly object[]) => {
    const { found, personal } = look(...bodies);
    const proposed = proposeForTable(columns, found, personal);
    const used = proposed.map(({ source }) => sourceName(source));
    const unused = found.fields.filter(({ name }) => !used.includes(name));
    return columns
      .filter(({ name }) => !proposed.some(({ column }) => column === name))
      .map(({ name }) => [name, misfit(name, unused)?.name]);
  };
  const login = JSON.parse(loginEvent());
  expect(told(login, login)).toEqual([["note", undefined]]);
  expect(told(login, JSON.parse(loginEvent({ app_version: 7 })))).toEqual([
    ["app_version", "app_version"],
    ["note", undefined],
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

test("a column takes the field with the likest name whose values it can hold", () => {
  const { found, personal } = look({ user: { id: "x" }, order: { id: 5 }, id: true });
  const columns = [columnOf("order_id", "int8"), columnOf("user_id", "int8"), columnOf("id", "bool")];
  expect(proposeForTable(columns, found, personal).map(line)).toEqual([
    "order_id order.id bigint required",
    "id id boolean required",
  ]);
});

test("a personal field goes nowhere unmasked: a column too short or of another type is left out or truncates", () => {
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
  ]);
});

test("an address with its port, or several, has no network for an address column", () => {
  const { found, personal } = look({ ip: "203.0.113.7:443", via: "203.0.113.9, 10.0.0.1" });
  expect(proposeForTable([columnOf("ip", "inet"), columnOf("via", "inet")], found, personal)).toEqual([]);
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

test("the nearer two names are, the higher is their likeness", () => {
  const column = (name: string) => likeness(["user", "email"], name);
  const order = ["user_email", "masked_user_email", "email", "mail_address", "amount"].map(column);
  expect(order).toEqual([...order].sort((a, b) => b - a));
  expect(order[0]).toBe(1);
  expect(order[2]).toBeGreaterThan(0.9);
  expect(order[4]).toBeLessThan(0.4);
});

test("a new column's name is one that Postgres takes without quotes, in at most 63 bytes", () => {
  expect(columnName(["user", "homeAddress"])).toBe("user_home_address");
  expect(columnName(["2fa"])).toBe("_2fa");
  expect(Buffer.byteLength(columnName(["ä".repeat(80)]))).toBeLessThanOrEqual(63);
});
