import { expect, test } from "bun:test";
import { maskKeysIn } from "../../../src/postgres/mask-keys.ts";
import { openLoginLoader, openUrl } from "../../support/postgres-database.ts";
import { migratedDatabase } from "../../support/postgres-file.ts";
import { loginMessage, loginMessages } from "../../support/postgres-messages.ts";

const { testDatabase, database } = await migratedDatabase();
const table = { sqlName: "public.user_logins" };
const columns = ["masked_ip", "masked_device_id"];
const look = (from = database) => maskKeysIn(from, table, columns, new AbortController().signal);

test("an empty table has no keys", async () => {
  expect(await look()).toEqual([]);
});

test("each key is met once, whichever column it is in, and nothing else is taken for one", async () => {
  const loader = await openLoginLoader(database);
  const old = loginMessage(200, { 2: "hmac:00000001:x" });
  const plain = loginMessage(201, { 2: "a plain hash", 3: "hmac:not-a-key:x" });
  const none = loginMessage(202, { 2: null, 3: null });
  await loader.load([...loginMessages(100), old, plain, none]);
  expect(await look()).toEqual(["00000001", "0badcafe"]);
});

test("a user who may only insert is not asked for more", async () => {
  const role = `loader_${crypto.randomUUID().slice(0, 8)}`;
  await testDatabase.sql.unsafe(`create role ${role} login password 'loading'; grant usage on schema public to ${role};
    grant insert on user_logins to ${role}`);
  const loader = openUrl(testDatabase.url.replace(/\/\/[^@]*@/, `//${role}:loading@`));
  expect(await look(loader)).toBeUndefined();
  loader.close();
  await testDatabase.sql.unsafe(`drop owned by ${role}; drop role ${role}`);
});
