/** The settings that a transaction relies on. Roles, databases and poolers' sessions may have others. */

/**
 * Settings that change what a statement of etl stores, reads or matches, with the values that the statements are written for.
 * Each transaction sets those that differ, until its end.
 *
 * Not among them: what speaks to the table's own triggers and defaults alone, such as `TimeZone` (etl writes and reads times
 * in UTC); what decides how long or where, such as `lock_timeout` and `default_tablespace`; and `default_transaction_read_only`,
 * an administrator's way to say that nothing may be written now.
 *
 * @see https://www.postgresql.org/docs/current/runtime-config-client.html
 */
export const reliedOn = {
  array_nulls: "on",
  client_encoding: "UTF8",
  // A refused row must not end the session.
  exit_on_error: "off",
  // A floating point number is compared with the shortest text that names it.
  extra_float_digits: "1",
  quote_all_identifiers: "off",
  // Off, a statement fails that a policy would let through.
  row_security: "on",
  // A replica runs neither triggers nor foreign keys. Few may set this one; others are refused.
  session_replication_role: "origin",
  standard_conforming_strings: "on",
  synchronous_commit: "on",
} as const satisfies Readonly<Record<string, string>>;

/**
 * The beginning of a transaction: read committed, and the settings.
 *
 * All of it ends with the transaction: nothing of it is left in a session that a pooler gives to someone else. What is set as
 * it should be is not set again, because some may be set by superusers alone.
 *
 * To write is not asked for: a standby refuses that with 0A000, which means many things, and the write itself with 25006.
 *
 * @param serverMillis after which the server gives up a statement, and a transaction that nobody uses
 */
export function beginning(readOnly: boolean, serverMillis: number): string {
  const timeouts = { statement_timeout: serverMillis, idle_in_transaction_session_timeout: serverMillis };
  const values = Object.entries({ ...reliedOn, ...timeouts }).map(
    ([name, value]) => `('${name}', '${value}')`,
  );
  return `
    begin isolation level read committed${readOnly ? " read only" : ""};
    select pg_catalog.set_config(name, value, true)
    from (values ${values.join(", ")}, ('search_path', ${builtInsFirst})) as relied_on (name, value)
    where pg_catalog.current_setting(name) operator(pg_catalog.<>) value`;
}

/**
 * The search path without a `pg_catalog` behind other schemas, which is then searched before them: otherwise their `text` or `to_char` would
 * take the place of the server's. No backslash: it means something else if standard_conforming_strings is off.
 */
const builtInsFirst = `pg_catalog.regexp_replace(
  pg_catalog.current_setting('search_path'), ',[[:space:]]*"?pg_catalog"?[[:space:]]*(?=,|$)', '', 'g'
)`;
