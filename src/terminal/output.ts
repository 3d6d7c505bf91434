/** One output stream as the program sees it: what it is, and a write that says when it may go on. */

/** Standard output or standard error. */
export interface Output {
  /** A terminal that can be drawn on: `TERM=dumb` is taken for none. */
  readonly isTerminal: boolean;
  /** Columns of the terminal as it is now; 80 where it is none. */
  readonly columns: number;
  /** Rows of the terminal as it is now; 24 where it is none. */
  readonly rows: number;
  /** Whether escape sequences for colour may be written (a terminal, and `NO_COLOR` is not set). */
  readonly colours: boolean;
  /** True once the reader has gone away (a broken pipe); later writes are dropped without an error. */
  readonly closed: boolean;
  /**
   * Resolves when the text has been handed to the operating system, however slow the reader. Writes keep
   * their order, awaited or not; who does not await holds the text in memory.
   *
   * @throws EtlError `unavailable` where the text was lost, as on a full disk; so does every write after it
   */
  write(text: string): Promise<void>;
}
