/** A terminal's screen, as far as the program draws on one: text, colours, moving the cursor about, and erasing. */

/** An escape sequence as a whole, else one character. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: this is about control characters
const tokens = /\u001b\[(\??[0-9;]*)([A-Za-z])|./gsu;

/** What log lines and the progress line draw with: erasing to the right, yellow, and the terminal's own colour. */
export const lineControls = /^(K|33m|39m)$/;

/** Takes what was written and knows what a person sees. Throws at every control that it does not know. */
export class Screen {
  #lines: string[][] = [[]];
  #row = 0;
  #column = 0;
  /** Whether the cursor is shown. */
  cursorShown = true;
  /** How often a colour or another style was switched. */
  styles = 0;
  /** How often text ran over the right edge. */
  wraps = 0;

  /** @param allowed the control sequences that may come, without their `ESC [` @defaultValue all that are known */
  constructor(
    readonly columns: number,
    readonly allowed = /./,
  ) {}

  /** The lines that a person sees, without spaces at their ends. */
  get lines(): string[] {
    return this.#lines.map((line) =>
      Array.from(line, (cell) => cell ?? " ")
        .join("")
        .trimEnd(),
    );
  }

  get text(): string {
    return this.lines.join("\n");
  }

  write(text: string): void {
    for (const [token, parameters, command] of text.matchAll(tokens)) {
      if (command !== undefined && !this.allowed.test(`${parameters}${command}`))
        throw new Error(`unknown control sequence ${parameters}${command}`);
      if (command !== undefined) this.#control(command, parameters ?? "");
      else if (token === "\r") this.#column = 0;
      else if (token === "\n") this.#moveTo(this.#row + 1, this.#column);
      else if (token === "\u0007" && this.allowed.test("bell")) continue;
      else if (/^[^\p{Cc}]$/u.test(token)) this.#draw(token);
      else throw new Error(`unknown control ${JSON.stringify(token)}`);
    }
  }

  #control(command: string, parameters: string): void {
    const count = Number(parameters || "1");
    const moves: Readonly<Record<string, readonly [row: number, column: number]>> = {
      A: [this.#row - count, this.#column],
      B: [this.#row + count, this.#column],
      C: [this.#row, this.#column + count],
      D: [this.#row, this.#column - count],
      G: [this.#row, count - 1],
    };
    const move = moves[command];
    if (move !== undefined) this.#moveTo(...move);
    else if (command === "J") {
      this.#lines.length = this.#row + 1;
      this.#line.length = Math.min(this.#line.length, this.#column);
    } else if (command === "K") {
      this.#line.length = parameters === "2" ? 0 : Math.min(this.#line.length, this.#column);
    } else if (command === "m") this.styles += 1;
    else if (parameters === "?25" && "hl".includes(command)) this.cursorShown = command === "h";
    else throw new Error(`unknown control sequence ${parameters}${command}`);
  }

  get #line(): string[] {
    const line = this.#lines[this.#row] ?? [];
    this.#lines[this.#row] = line;
    return line;
  }

  #moveTo(row: number, column: number): void {
    this.#row = Math.max(0, row);
    this.#column = Math.min(Math.max(0, column), this.columns - 1);
    while (this.#lines.length <= this.#row) this.#lines.push([]);
  }

  #draw(character: string): void {
    if (this.#column === this.columns) {
      this.wraps += 1;
      this.#column = 0;
      this.#moveTo(this.#row + 1, 0);
    }
    this.#line[this.#column] = character;
    this.#column += 1;
  }
}
