import { expect, test } from "bun:test";
import { withoutPassword } from "../../src/setup/database-url.ts";

test.each([
  ["postgres://u:secret@h:5432/d?sslmode=require", "postgres://u@h:5432/d?sslmode=require", "secret"],
  ["postgresql://u:p%40ss@h/d", "postgresql://u@h/d", "p@ss"],
  ["postgres://u@h/d?password=secret&sslmode=require", "postgres://u@h/d?sslmode=require", "secret"],
  ["postgres://u:first@h/d?password=secret", "postgres://u@h/d", "secret"],
  ["postgres://u@h/d?pass%77ord=secret", "postgres://u@h/d", "secret"],
  ["postgres://:secret@h/d", "postgres://h/d", "secret"],
  ["postgres://u:@h/d", "postgres://u@h/d", undefined],
  ["postgres://u@[::1]:5432/d", "postgres://u@[::1]:5432/d", undefined],
  ["postgres:///d?host=/run", "postgres:///d?host=/run", undefined],
  ["env:DATABASE_URL", "env:DATABASE_URL", undefined],
])("%s", (url, bare, password) => {
  expect(withoutPassword(url)).toEqual({
    kind: "url",
    url: bare,
    ...(password === undefined ? {} : { password }),
  });
});
