/** What is wrong with a settings file, as a value: where it stands, and what to do. */

/** One fault. */
export interface SettingFault {
  /** The way to the value in the file; the last part may be a key that is missing there. */
  readonly keys: readonly (string | number)[];
  /** What is wrong, as a sentence. */
  readonly says: string;
  /** What to change; to edit the line where absent. */
  readonly hint?: string | undefined;
}

/**
 * A fault of one key.
 *
 * @param says the sentence behind the key's name; which of several columns is meant is told by the line
 */
export function keyFault(keys: SettingFault["keys"], says: string, hint?: string): SettingFault {
  const name = keys.filter((key) => typeof key === "string").join(".");
  return { keys, says: `${name} ${says}`, hint };
}
