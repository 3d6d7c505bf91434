/** Texts in commands that a person copies into a shell. */

/** The text as one word for a POSIX shell. */
export function shellQuoted(text: string): string {
  return /^[A-Za-z0-9_./:@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
