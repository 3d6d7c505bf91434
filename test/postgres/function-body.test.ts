import { expect, test } from "bun:test";
import { namesIn } from "../../src/postgres/function-body.ts";

const tablesOf = (source: string) =>
  namesIn(source).tables.map(({ name, privileges, columns }) =>
    [...privileges, "on", name, ...(columns === undefined ? [] : [`(${columns.join(",")})`])].join(" "),
  );

test.each<[source: string, tables: readonly string[]]>([
  ["insert into log values (new.a)", ["insert on log"]],
  [`INSERT INTO audit."Log" (id, "Who") SELECT 1, new.a`, [`insert on audit."Log" (id,Who)`]],
  ["insert into log (a) values (1) on conflict (a) do update set a = 2", ["insert select update on log (a)"]],
  ["insert into log (a) values (1) on conflict do nothing", ["insert on log (a)"]],
  ["insert into log (a) values (1) returning id into x", ["insert select on log (a)"]],
  ["update only seen s set n = n + 1 where a = new.a", ["select update on seen"]],
  ["perform from a join b using (x) for update of a", ["select on a", "select on b"]],
  ["delete from only old_ones where a = 1", ["select delete on old_ones"]],
  ["execute 'insert into log values ($1)' using new.a", ["insert on log"]],
  ["-- insert into nowhere values (1)\n/* delete from nowhere */ return new;", []],
  ["for x in select * from generate_series(1, 2) loop end loop", []],
])("%p uses the tables %p", (source, tables) => {
  expect(tablesOf(source)).toEqual([...tables]);
});

test("sequences and functions are found by name", () => {
  const { sequences, functions } = namesIn(
    `new.id := nextval('audit."Ids"'); perform audit.tell(new.a, lower(new.b))`,
  );
  expect(sequences).toEqual([`audit."Ids"`]);
  expect(functions).toEqual(["nextval", "audit.tell", "lower"]);
});
