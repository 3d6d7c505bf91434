/** A terminal's screen, as far as the program draws on one: text, line feeds, carriage returns, erasing to the right. */

/** An escape sequence as a whole, else one character. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: this is about control characters
const tokens = /\u001b\[[0-9;]*[A-Za-z]|./gsu;

/** Yellow, and back to the terminal's own colour. */
const colours = new Set(["\u001b[33m", "\u001b[39m"]);

/** Takes what was written and knows what a person sees. Throws at every control that it does not know. */
export class Screen {
  readonly #lines: string[] = [""];
  #column = 0;
  /** How often text ran over the right edge. */
  wraps = 0;

  constructor(readonly columns: number) {}

  /** The lines that a person sees, without spaces at their ends. */
  get lines(): string[] {
    return this.#lines.map((line) => line.trimEnd());
  }

  write(text: string): void {
    for (const [token] of text.matchAll(tokens)) {
      if (token === "\r") this.#column = 0;
      else if (token === "\n") this.#lines.push("");
      else if (colours.has(token)) continue;
      else if (token === "\u001b[K") this.#replace(this.#line.slice(0, this.#column));
      else if (/^[^\p{Cc}]$/u.test(token)) this.#draw(token);
      else throw new Error(`unknown control ${JSON.stringify(token)}`);
    }
  }

  get #line(): string {
    return this.#lines.at(-1) ?? "";
  }

  #replace(line: string): void {
    this.#lines[this.#lines.length - 1] = line;
  }

  #draw(character: string): void {
    if (this.#column === this.columns) {
      this.wraps += 1;
      this.#lines.push("");
      this.#column = 0;
    }
    const line = this.#line.padEnd(this.#column);
    this.#replace(line.slice(0, this.#column) + character + line.slice(this.#column + 1));
    this.#column += 1;
  }
}
