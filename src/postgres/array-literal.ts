/** Writes a column of texts as one Postgres array: how every value is bound, so that nothing on the way changes it. */

/**
 * The text form of a `text[]`, every element in quotes: `{"a","say \"hi\"",NULL}`.
 *
 * @see https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
 */
export function arrayLiteral(elements: readonly (string | null)[]): string {
  const written = elements.map((element) =>
    element === null ? "NULL" : `"${element.replace(/["\\]/g, "\\$&")}"`,
  );
  return `{${written.join(",")}}`;
}
