import { expect, test } from "bun:test";
import { join } from "node:path";
import { settingTable } from "../../src/settings/setting-table.ts";

const root = join(import.meta.dir, "../..");
const textOf = (path: string) => Bun.file(join(root, path)).text();

test("how many receivers there are at the most is told as the drain has it", async () => {
  const [, most = "?"] =
    /^const mostReceivers = (\d+);$/m.exec(await textOf("src/polling/receivers.ts")) ?? [];
  const { about, otherwise } = settingTable["drain.receivers"];
  expect<string>(otherwise).toBe(`as many as bring more messages, up to ${most}`);
  expect(about).toContain(otherwise);
  expect(await textOf("docs/settings.md")).toContain(`| \`[drain] receivers\` | ${otherwise} |`);
});
