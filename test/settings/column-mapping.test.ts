import { describe, expect, test } from "bun:test";
import type { ColumnMapping } from "../../src/message/mapping.ts";
import { readColumn, writeColumn } from "../../src/settings/column-mapping.ts";
import { readSettingsFile } from "../../src/settings/settings-file.ts";
import { refusalOf } from "../support/refusal.ts";
import { rowsOf } from "../support/rows.ts";

function read(text: string) {
  return readSettingsFile("etl.toml", () => ({ text, openToOthers: false })).mapping;
}

/** The mapping of one column, from its entry without the name. */
function columnOf(entry: string): ColumnMapping | undefined {
  return read(`[table]\nname = "t"\n[[table.columns]]\nname = "c"\n${entry}`).columns[0];
}

/** The first fault of one column, whose entry begins on line 5. */
function faultOf(entry: string): string {
  return refusalOf(() => columnOf(entry)).message;
}

describe("a column", () => {
  test.each([
    ["from = 'a'", "text", []],
    ["from = 'a'\ntype = 'numeric'\nrequired = true", "numeric", []],
    ["from = 'a'\ntransform = ['trim', 'lowercase']", "text", [{ kind: "trim" }, { kind: "lowercase" }]],
    ["from = 'a'\ntransform = 'version'", "integer", [{ kind: "version", bits: [15, 8, 8] }]],
    [
      "from = 'a'\ntransform = 'version'\nversion_bits = [16, 8, 8]",
      "bigint",
      [{ kind: "version", bits: [16, 8, 8] }],
    ],
    [
      "from = 'a'\ntransform = 'version'\ntype = 'numeric'",
      "numeric",
      [{ kind: "version", bits: [15, 8, 8] }],
    ],
    ["from = 'a'\ntransform = 'epoch_seconds'", "timestamptz", [{ kind: "epoch_seconds" }]],
    ["from = 'a'\ntransform = 'epoch_millis'\ntype = 'date'", "date", [{ kind: "epoch_millis" }]],
    ["from = 'a'\ntransform = ['trim', 'json']", "jsonb", [{ kind: "trim" }, { kind: "json" }]],
    ["from = 'a'\ntransform = 'mask'", "text", [{ kind: "mask" }]],
    ["from = 'a'\nmask = 'hmac'", "text", [{ kind: "mask", method: "hmac" }]],
    [
      "from = 'a'\nmask = 'hmac'\ntransform = ['trim', 'mask']",
      "text",
      [{ kind: "trim" }, { kind: "mask", method: "hmac" }],
    ],
    ["from = 'a'\nmask = 'hmac'\ntype = 'inet'", "text", [{ kind: "mask", method: "hmac", canonical: "ip" }]],
    ["from = 'a'\ntransform = 'mask'\ntype = 'inet'", "text", [{ kind: "mask", canonical: "ip" }]],
    ["from = 'a'\nmask = 'truncate'", "inet", [{ kind: "mask", method: "truncate" }]],
    ["from = 'a'\nmask = 'redact'\ntype = 'jsonb'", "jsonb", [{ kind: "mask", method: "redact" }]],
    ["from = '$sent_at'", "timestamptz", []],
    ["from = '$receive_count'", "integer", []],
    ["from = '$message_id'\ntype = 'uuid'", "uuid", []],
    ["from = { constant = 'x' }", "text", []],
    ["from = { constant = true }", "boolean", []],
    ["from = { constant = -7 }", "integer", []],
    ["from = { constant = 2147483648 }", "bigint", []],
    ["from = { constant = 1.5 }", "numeric", []],
    ["from = { constant = '2026-01-31' }\ntype = 'date'", "date", []],
    ["from = 'a'\ntype = 'bigint'\ndefault = '9223372036854775807'", "bigint", []],
    [
      "from = 'a'\ntransform = 'version'\ndefault = '0.0'",
      "integer",
      [{ kind: "version", bits: [15, 8, 8] }],
    ],
    ["from = 'a'\ntransform = 'json'\ndefault = '{}'", "jsonb", [{ kind: "json" }]],
    ["from = 'a'\nempty = 'reject'", "text", []],
  ])("%j is a %s through %j", (entry, type, transforms) => {
    const column = columnOf(entry);
    expect(column).toMatchObject({ column: "c", type, transforms } as Partial<ColumnMapping>);
    const written = readColumn(writeColumn(column as ColumnMapping));
    expect(written).toEqual({ column } as unknown as typeof written);
  });

  test("may be absent unless it says otherwise, or always is there", () => {
    const required = (entry: string) => columnOf(entry)?.required;
    expect(required("from = 'a'")).toBe(false);
    expect(required("from = 'a'\nrequired = true")).toBe(true);
    expect(required("from = '$group_id'")).toBe(false);
    expect(required("from = '$sent_at'")).toBe(true);
    expect(required("from = { constant = 1 }")).toBe(true);
    expect(columnOf("from = 'a'\nempty = 'null'")).toMatchObject({ empty: "null" });
    expect(columnOf("from = 'a'\ndefault = 'x'")).toMatchObject({ required: false, default: "x" });
  });

  test.each(
    rowsOf(`
    form = 'a' | line 5: there is no key "form" in [[table.columns]]; did you mean "from"?
    from = {} | line 5: table.columns.from.constant is missing
    from = { const = 1 } | line 5: there is no key "const" in [table.columns.from]; did you mean "constant"?
    type = 'text' | line 3: table.columns.from is missing
    from = 1 | line 5: table.columns.from must be a path, a "$…" or { constant = … }; found a number
    from = '' | line 5: table.columns.from must be a string that is not empty; found an empty string
    from = { constant = [1] } | line 5: table.columns.from.constant must be a string, a number or a boolean; found an array
    from = 'a'¶type = 'txt' | line 6: table.columns.type must be one of text, integer, bigint, numeric, boolean, date, timestamptz, uuid, inet, jsonb; found "txt"
    from = 'a'¶transform = 'lower' | line 6: table.columns.transform must be one of trim, lowercase, version, epoch_seconds, epoch_millis, json, mask; found "lower"
    from = 'a'¶transform = ['trim',¶'lower'] | line 6: table.columns.transform must be one of trim, lowercase, version, epoch_seconds, epoch_millis, json, mask; found "lower"
    from = 'a'¶mask = 'md5' | line 6: table.columns.mask must be one of hmac, sha256, truncate, redact; found "md5"
    from = 'a'¶empty = 'drop' | line 6: table.columns.empty must be one of null, keep, reject; found "drop"
    from = 'a'¶required = 'yes' | line 6: table.columns.required must be true or false; found a string
    from = 'a'¶default = 2026-01-01 | line 6: table.columns.default must be a string, a number or a boolean; found a date or time
    from = 'a'¶default = 1e20 | line 6: table.columns.default must be a number of which no digit is lost; write it as a string; found a number
    from = 'a'¶version_bits = [1, 2] | line 6: table.columns.version_bits must be a list of three whole numbers from 1 to 31, 63 in all at the most; found
    from = 'a'¶version_bits = [0, 8, 8] | line 6: table.columns.version_bits must be a list of three whole numbers from 1 to 31, 63 in all at the most; found 0
    from = 'a'¶version_bits = [32, 8, 8] | line 6: table.columns.version_bits must be a list of three whole numbers from 1 to 31, 63 in all at the most; found 32
    from = 'a'¶version_bits = [31, 31, 2] | line 6: table.columns.version_bits must be a list of three whole numbers from 1 to 31, 63 in all at the most; found an array`),
  )("%j is refused by its form", (entry = "", says = "") => {
    expect(faultOf(entry)).toStartWith(`etl.toml ${says}`);
  });

  test.each(
    rowsOf(`
    from = 'a..b' | line 5: table.columns.from must be names with dots between them
    from = 'a[0].b' | line 5: table.columns.from must have the index of an array as a name of its own, such as a.0.b
    from = '/' | line 5: table.columns.from must name a field behind the /
    from = '$sent_at'¶empty = 'null' | line 6: table.columns.empty has nothing to do: the value is never an empty string
    from = '$sentat' | line 5: table.columns.from must be one of $message_id, $sent_at, $received_at, $receive_count, $group_id, $attributes.NAME; found "sentat"; did you mean "$sent_at"?
    from = 'a'¶transform = ['mask', 'trim'] | line 6: table.columns.transform must end with mask
    from = 'a'¶transform = 'mask'¶mask = 'hmac'¶type = 'boolean' | line 7: table.columns.mask does not hide true and false
    from = 'a'¶transform = ['trim', 'trim'] | line 6: table.columns.transform has trim twice
    from = 'a'¶transform = ['version', 'trim'] | line 6: table.columns.transform cannot have trim behind version
    from = 'a'¶transform = ['epoch_millis', 'version'] | line 6: table.columns.transform cannot have version behind epoch_millis
    from = 'a'¶version_bits = [8, 8, 8] | line 6: table.columns.version_bits needs transform = "version"
    from = 'a'¶transform = 'version'¶version_bits = [16, 8, 8]¶type = 'integer' | line 8: table.columns.type must be bigint or numeric, as version_bits are 32 in all
    from = 'a'¶transform = 'version'¶type = 'text' | line 7: table.columns.type must be integer, bigint or numeric with transform = "version"; found "text"
    from = 'a'¶transform = 'epoch_seconds'¶type = 'bigint' | line 7: table.columns.type must be timestamptz or date with transform = "epoch_seconds"; found "bigint"
    from = 'a'¶mask = 'truncate'¶type = 'text' | line 7: table.columns.type must be inet with mask = "truncate"
    from = { constant = 'x' }¶mask = 'hmac' | line 6: table.columns.mask has nothing to do for a constant
    from = { constant = 'x' }¶transform = 'trim' | line 6: table.columns.transform has nothing to do for a constant
    from = { constant = 'x' }¶type = 'integer' | line 5: table.columns.from must be a constant that is a whole number of 32 bits, as the type is integer
    from = { constant = 'x' }¶default = 'y' | line 6: table.columns.default is never used: the value is always there
    from = '$sent_at'¶required = false | line 6: table.columns.required cannot be false: the value is always there
    from = '$sent_at'¶type = 'text' | line 6: table.columns.type must be timestamptz or date for $sent_at; found "text"
    from = '$sent_at'¶transform = 'mask' | line 6: table.columns.transform cannot be mask for $sent_at, which is no text
    from = '$receive_count'¶mask = 'hmac' | line 6: table.columns.mask cannot be hmac for $receive_count, which is no text
    from = 'a'¶required = true¶default = 'x' | line 7: table.columns.default is never used with required = true
    from = 'a'¶default = 1 | line 6: table.columns.default must be a string
    from = 'a'¶type = 'integer'¶default = 2147483648 | line 7: table.columns.default must be a whole number of 32 bits
    from = 'a'¶type = 'integer'¶default = 1.5 | line 7: table.columns.default must be a whole number of 32 bits
    from = 'a'¶type = 'bigint'¶default = '9223372036854775808' | line 7: table.columns.default must be a whole number of 64 bits
    from = 'a'¶type = 'date'¶default = '2026-02-30' | line 7: table.columns.default must be a date such as "2026-01-31"
    from = 'a'¶type = 'timestamptz'¶default = '2026-01-01' | line 7: table.columns.default must be a time such as
    from = 'a'¶type = 'uuid'¶default = 'x' | line 7: table.columns.default must be a UUID
    from = 'a'¶type = 'inet'¶default = '1.2.3' | line 7: table.columns.default must be an IP address
    from = 'a'¶type = 'boolean'¶default = 1 | line 7: table.columns.default must be true or false
    from = 'a'¶transform = 'version'¶default = '1.999' | line 7: table.columns.default must be a version
    from = 'a'¶transform = 'json'¶default = '{' | line 7: table.columns.default must be a string that holds JSON
    from = 'a'¶transform = ['trim', 'version']¶default = 1 | line 7: table.columns.default must be a string`),
  )("%j cannot work", (entry = "", says = "") => {
    expect(faultOf(entry)).toStartWith(`etl.toml ${says}`);
  });

  test("has a name that Postgres keeps", () => {
    const named = (name: string) => () =>
      read(`[table]\nname="t"\n[[table.columns]]\nfrom="a"\nname = "${name}"`);
    expect(named("ü".repeat(31))().columns).toHaveLength(1);
    for (const name of ["ü".repeat(32), "a\\u0000"]) {
      expect(refusalOf(named(name)).message).toStartWith(
        "etl.toml line 5: table.columns.name must be a name of at most 63",
      );
    }
  });
});
