/** A strict reader of small XML answers, moved along by whoever knows what should come next. */

const attribute = /[ \t\r\n]+[A-Za-z_:][A-Za-z0-9_:.-]*[ \t\r\n]*=[ \t\r\n]*(?:"[^<"]*"|'[^<']*')/y;
const reference = /&(?:#x([0-9A-Fa-f]{1,8})|#([0-9]{1,8})|(amp|lt|gt|quot|apos));|&/g;

const named: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

const lessThan = 0x3c;
const greaterThan = 0x3e;
const slash = 0x2f;
const questionMark = 0x3f;
const exclamationMark = 0x21;

/** By character code: 2 if a name may begin with it, 1 if it may go on with it. */
const nameCharacters = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  return /[A-Za-z_:]/.test(character) ? 2 : /[0-9.-]/.test(character) ? 1 : 0;
});

/**
 * An answer that is not well-formed XML, or not what was asked for. It never quotes the answer, which holds message
 * bodies. The client makes an `EtlError` of it, in the words of its service.
 */
export class UnreadableAnswer extends Error {}

/**
 * Reads an XML document from its start to its end, one element after the other.
 *
 * Two things are not as XML has them. Line ends in text stay as they are: SQS, ElasticMQ and LocalStack write
 * a carriage return as a reference, and if a server does not, the MD5 of the body is of the untouched one.
 * Control characters are let through: one such message must not hold back the nine that came with it.
 *
 * Every method throws an {@link UnreadableAnswer} if the document is not what it should be.
 */
export class XmlReader {
  readonly #text: string;
  /** The elements that are open, from the root to the current one. */
  readonly #open: string[] = [];
  #at = 0;
  /** Whether the current element was closed by its own tag, as `<Message/>` is. */
  #selfClosed = false;

  constructor(text: string) {
    this.#text = text;
  }

  /** Enters the root element and gives its name. */
  root(): string {
    this.#skipMisc();
    if (this.#text.charCodeAt(this.#at) !== lessThan) throw new UnreadableAnswer();
    return this.#enter();
  }

  /** Enters the next child of the current element and gives its name; leaves the element if there is none. */
  child(): string | undefined {
    if (this.#leaveSelfClosed()) return undefined;
    this.#skipMisc();
    if (this.#text.charCodeAt(this.#at) !== lessThan) throw new UnreadableAnswer();
    if (this.#text.charCodeAt(this.#at + 1) !== slash) return this.#enter();
    this.#leave();
    return undefined;
  }

  /** The text of the current element, which holds no other element; leaves it. */
  text(): string {
    if (this.#leaveSelfClosed()) return "";
    let text = "";
    for (;;) {
      const end = this.#indexOf("<");
      text += decode(this.#text.slice(this.#at, end));
      this.#at = end;
      if (this.#text.charCodeAt(end + 1) === slash) {
        this.#leave();
        return text;
      }
      if (this.#text.startsWith("<![CDATA[", end)) {
        const close = this.#text.indexOf("]]>", end + 9);
        if (close < 0) throw new UnreadableAnswer();
        text += this.#text.slice(end + 9, close);
        this.#at = close + 3;
      } else if (!this.#skipCommentOrInstruction()) throw new UnreadableAnswer();
    }
  }

  /** Leaves the current element, whatever it holds. */
  skip(): void {
    const depth = this.#open.length;
    while (this.#open.length >= depth) {
      if (this.#leaveSelfClosed()) continue;
      const end = this.#indexOf("<");
      decode(this.#text.slice(this.#at, end));
      this.#at = end;
      if (this.#text.charCodeAt(end + 1) === slash) this.#leave();
      else if (this.#text.startsWith("<![CDATA[", end)) this.#at = this.#indexOf("]]>") + 3;
      else if (!this.#skipCommentOrInstruction()) this.#enter();
    }
  }

  /** Checks that the root has been left and that nothing follows it. */
  end(): void {
    if (this.#open.length > 0) throw new UnreadableAnswer();
    this.#skipMisc();
    if (this.#at !== this.#text.length) throw new UnreadableAnswer();
  }

  #enter(): string {
    const start = this.#at + 1;
    let end = start;
    while (nameCharacters[this.#text.charCodeAt(end)]) end += 1;
    if (nameCharacters[this.#text.charCodeAt(start)] !== 2) throw new UnreadableAnswer();
    const entered = this.#text.slice(start, end);
    this.#at = end;
    this.#open.push(entered);
    if (this.#text.charCodeAt(end) !== greaterThan) this.#readAttributes();
    this.#expect(greaterThan);
    return entered;
  }

  #readAttributes(): void {
    attribute.lastIndex = this.#at;
    while (attribute.test(this.#text)) this.#at = attribute.lastIndex;
    this.#skipSpace();
    this.#selfClosed = this.#text.charCodeAt(this.#at) === slash;
    if (this.#selfClosed) this.#at += 1;
  }

  #leave(): void {
    const left = this.#open.pop() ?? "";
    if (!this.#text.startsWith(left, this.#at + 2)) throw new UnreadableAnswer();
    this.#at += 2 + left.length;
    this.#skipSpace();
    this.#expect(greaterThan);
  }

  #leaveSelfClosed(): boolean {
    if (!this.#selfClosed) return false;
    this.#selfClosed = false;
    this.#open.pop();
    return true;
  }

  /** Skips white space, comments and processing instructions. */
  #skipMisc(): void {
    do this.#skipSpace();
    while (this.#skipCommentOrInstruction());
  }

  #skipCommentOrInstruction(): boolean {
    if (this.#text.charCodeAt(this.#at) !== lessThan) return false;
    const code = this.#text.charCodeAt(this.#at + 1);
    if (code === questionMark) this.#at = this.#indexOf("?>") + 2;
    else if (code === exclamationMark && this.#text.startsWith("<!--", this.#at)) {
      const end = this.#text.indexOf("-->", this.#at + 4);
      if (end < 0) throw new UnreadableAnswer();
      this.#at = end + 3;
    } else return false;
    return true;
  }

  #skipSpace(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at += 1;
    }
  }

  #expect(code: number): void {
    if (this.#text.charCodeAt(this.#at) !== code) throw new UnreadableAnswer();
    this.#at += 1;
  }

  #indexOf(text: string): number {
    const index = this.#text.indexOf(text, this.#at);
    if (index < 0) throw new UnreadableAnswer();
    return index;
  }
}

/** Replaces references by what they stand for. */
function decode(text: string): string {
  if (!text.includes("&")) return text;
  // A body of JSON is full of these, and none can be part of another reference: this halves the time.
  const unquoted = text.replaceAll("&quot;", '"');
  if (!unquoted.includes("&")) return unquoted;
  return unquoted.replace(reference, (_, hex?: string, decimal?: string, word?: string) => {
    if (word !== undefined) return named[word] ?? "";
    const codePoint = hex !== undefined ? Number.parseInt(hex, 16) : Number(decimal);
    const isCharacter = codePoint > 0 && codePoint <= 0x10ffff && (codePoint < 0xd800 || codePoint > 0xdfff);
    if (!isCharacter) throw new UnreadableAnswer();
    return String.fromCodePoint(codePoint);
  });
}
