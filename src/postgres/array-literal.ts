/** Writes a column of texts as one Postgres array: how every value is bound, so that nothing on the way changes it. */

/**
 * The text form of a `text[]`, its elements in quotes: `{"a","say \"hi\"",null}`.
 *
 * JSON writes it so, but for the brackets and for what it escapes with another letter than the character itself, such as
 * a line's end. That is faster than writing each element by itself.
 *
 * @see https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
 */
export function arrayLiteral(elements: readonly (string | null)[]): string {
  const json = JSON.stringify(elements);
  if (!/\\[^"\\]/.test(json)) return `{${json.slice(1, -1)}}`;
  const written = elements.map((element) =>
    element === null ? "null" : `"${element.replace(/["\\]/g, "\\$&")}"`,
  );
  return `{${written.join(",")}}`;
}
