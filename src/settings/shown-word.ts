/** Decides what of a person's own input an error message may repeat: a password may sit in the wrong place. */

/** A short plain word such as `lots` or `1e3`; keys, URLs and most passwords are not of this shape. */
const plainWord = /^[A-Za-z0-9_.+-]{1,20}$/;

/** The text in quotes where it is a short plain word, else only that it was something else. */
export function shownWord(text: string): string {
  if (text === "") return "nothing";
  return plainWord.test(text) ? `"${text}"` : "something else";
}
