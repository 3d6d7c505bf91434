import { describe, expect, test } from "bun:test";
import { userLogins } from "../../src/message/mapping.ts";
import { readSettingsFile } from "../../src/settings/settings-file.ts";
import { refusalOf } from "../support/refusal.ts";

function read(text: string) {
  return readSettingsFile("etl.toml", () => ({ text, openToOthers: false })).mapping;
}

describe("a table", () => {
  const columns = `
[[table.columns]]
name = "id"
from = "id"
[[table.columns]]
name = "changed"
from = "changed"
type = "timestamptz"
required = true
[[table.columns]]
name = "email"
from = "email"
mask = "hmac"
required = true
[[table.columns]]
name = "note"
from = "note"
required = true
[[table.columns]]
name = "seen"
from = "seen"
type = "date"
`;
  const update = (key: string, newestBy: string) =>
    `[table]\nname = "t"\nconflict = "update"\nkey = ${key}\nnewest_by = ${newestBy}\n${columns}`;

  test("without columns has those of the preset", () => {
    expect(read("")).toEqual(userLogins);
    expect(read('[table]\npreset = "user-logins"')).toEqual(userLogins);
  });

  test("says what becomes of a row whose key is there", () => {
    expect(read(`[table]\nname = "t"\nconflict = "ignore"\n${columns}`).conflict).toEqual({
      action: "ignore",
    });
    expect(read(update('["id", "email"]', '"changed"')).conflict).toEqual({
      action: "update",
      key: ["id", "email"],
      newestBy: "changed",
    });
  });

  test.each([
    [
      update('["idd"]', '"changed"'),
      'line 4: table.key must name a mapped column; found "idd"; did you mean "id"?',
    ],
    [update('["id", "id"]', '"changed"'), 'line 4: table.key names "id" twice'],
    [
      update("[]", '"changed"'),
      "line 4: table.key must be a list of at least one column name; found an array",
    ],
    [
      update('["id"]', '"change"'),
      'line 5: table.newest_by must name a mapped column; found "change"; did you mean "changed"?',
    ],
    [update('["id", "changed"]', '"changed"'), "line 5: table.newest_by is part of the key"],
    [update('["id"]', '"email"'), "line 5: table.newest_by names a masked column, which has no order"],
    [
      update('["id"]', '"note"'),
      "line 5: table.newest_by must name a column of the type integer, bigint, numeric, date, timestamptz; found one of the type text",
    ],
    [update('["id"]', '"seen"'), "line 5: table.newest_by must name a column with required = true"],
    [`[table]\nname = "t"\nconflict = "update"\n${columns}`, "line 1: table.key is missing"],
    [
      `[table]\nname = "t"\nconflict = "update"\nkey = ["id"]\n${columns}`,
      "line 1: table.newest_by is missing",
    ],
    [
      `[table]\nname = "t"\nkey = ["id"]\n${columns}`,
      'line 3: table.key needs conflict = "ignore" or "update"',
    ],
    [
      `[table]\nname = "t"\nconflict = "ignore"\nnewest_by = "id"\n${columns}`,
      'line 4: table.newest_by needs conflict = "update"',
    ],
    [
      `[table]\nname = "t"\npreset = "user-logins"\n${columns}`,
      "line 3: table.preset and [[table.columns]] do not go together",
    ],
    [columns, "line 2: table.name is missing, and [[table.columns]] needs the table that they are of"],
    [
      '[table]\nname = "t"\ncolumns = []',
      "line 3: table.columns must be a list of at least one column; found an array",
    ],
    [
      '[table]\nname = "t"\ncolumns = {}',
      "line 3: table.columns must be a list of tables: [[table.columns]]; found a table",
    ],
    ['[table]\nname = "t"\ncolumns = [1]', "line 3: table.columns must be a table; found a number"],
    [
      '[table]\nname = "t"\npreset = "logins"',
      'line 3: table.preset must be one of user-logins; found "logins"',
    ],
    [
      `[table]\nname = "t"\n${columns}[[table.columns]]\nname = "id"\nfrom = "x"`,
      "line 26: table.columns.name is the name of another column above",
    ],
  ])("%j is refused", (text, says) => {
    expect(refusalOf(() => read(text)).message).toStartWith(`etl.toml ${says}`);
  });
});
