/**
 * Postgres's protocol, as far as a load needs it: several statements sent in one flush, and their answers read. The driver
 * describes a statement with parameters before it runs it, which is a round trip more, and waits for each answer.
 *
 * @see https://www.postgresql.org/docs/current/protocol-message-formats.html
 */

import postgres from "postgres";

/** One statement; several without parameters may stand in one text, separated by semicolons. */
export interface Statement {
  readonly text: string;
  /** Bound as text, so that no value stands in the statement, nor in the server's log when it fails. */
  readonly parameters?: readonly string[];
}

/** What a statement did. */
export interface Answer {
  /** Values as text, in the statement's own order. */
  readonly rows: readonly (readonly (string | null)[])[];
  /** The last command's tag, such as `COMMIT` or `INSERT 0 1`. */
  readonly command: string;
  /** Why it failed; what follows it in the same transaction has failed, too. */
  readonly error?: Error;
}

/**
 * Writes statements into a buffer that it uses again: what it gave last is overwritten by the next call. Who has been
 * answered has been read, so a connection with one exchange at a time needs no second buffer.
 */
export class StatementWriter {
  #bytes = Buffer.allocUnsafe(16 * 1024);
  #at = 0;

  /** Each statement is answered by itself, with `ReadyForQuery` at its end. */
  write(statements: readonly Statement[]): Buffer {
    this.#at = 0;
    for (const { text, parameters } of statements) {
      if (parameters === undefined) {
        this.#message("Q", () => this.#string(text));
        continue;
      }
      this.#message("P", () => {
        // An unnamed statement, its parameters' types left to the server: poolers keep no others.
        this.#string("");
        this.#string(text);
        this.#int16(0);
      });
      this.#message("B", () => {
        // Unnamed portal and statement, every parameter and result as text.
        this.#string("");
        this.#string("");
        this.#int16(0);
        this.#int16(parameters.length);
        for (const parameter of parameters) this.#counted(() => this.#text(parameter), 0);
        this.#int16(0);
      });
      this.#message("E", () => {
        this.#string("");
        this.#int32(0);
      });
      this.#message("S", () => {});
    }
    return this.#bytes.subarray(0, this.#at);
  }

  #message(type: string, writeBody: () => void): void {
    this.#room(1);
    this.#bytes[this.#at++] = type.charCodeAt(0);
    this.#counted(writeBody, 4);
  }

  /** What is written, behind its length; `own` is what the length itself adds to it. */
  #counted(write: () => void, own: number): void {
    const start = this.#at;
    this.#int32(0);
    write();
    this.#bytes.writeInt32BE(this.#at - start - 4 + own, start);
  }

  #string(text: string): void {
    this.#text(text);
    this.#room(1);
    this.#bytes[this.#at++] = 0;
  }

  #text(text: string): void {
    // No character takes more than three bytes a code unit.
    this.#room(3 * text.length);
    this.#at += this.#bytes.write(text, this.#at);
  }

  #int16(value: number): void {
    this.#room(2);
    this.#at = this.#bytes.writeInt16BE(value, this.#at);
  }

  #int32(value: number): void {
    this.#room(4);
    this.#at = this.#bytes.writeInt32BE(value, this.#at);
  }

  #room(more: number): void {
    if (this.#at + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#at + more));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}

/**
 * Cuts a stream into messages.
 *
 * @param onMessage says whether to go on
 * @returns the bytes behind the last message that was read
 * @throws Error for what is no message
 */
function eachMessage(bytes: Buffer, onMessage: (type: string, body: Buffer) => boolean): Buffer {
  let at = 0;
  for (let goesOn = true; goesOn && bytes.length >= at + 5; ) {
    const end = at + 1 + bytes.readInt32BE(at + 1);
    if (end < at + 5) throw new Error("a message without a length");
    if (bytes.length < end) break;
    goesOn = onMessage(String.fromCharCode(bytes[at] as number), bytes.subarray(at + 5, end));
    at = end;
  }
  return bytes.subarray(at);
}

/** What a server says before it ends a session, whether or not it was asked something. The driver drops it. */
export class LastWords {
  #pending: Buffer = Buffer.alloc(0);
  #error: Error | undefined;

  /** The error that ended the session, if the server said one. */
  get error(): Error | undefined {
    return this.#error;
  }

  /** Takes bytes from the server. What is no message ends the listening, and is left to the driver. */
  push(bytes: Buffer): void {
    try {
      this.#pending = eachMessage(Buffer.concat([this.#pending, bytes]), (type, body) => {
        const error = type === "E" ? readError(body) : undefined;
        if (error !== undefined && error.severity !== "ERROR") this.#error = error;
        return true;
      });
    } catch {
      this.push = () => {};
    }
  }
}

/** Reads the answers to statements that were sent together. */
export class AnswerReader {
  /** The answers that are complete, in order; an error is an answer. */
  readonly answers: Answer[] = [];
  readonly #count: number;
  #pending: Buffer = Buffer.alloc(0);
  #rows: (string | null)[][] = [];
  #command = "";
  #error: Error | undefined;

  /** @param count how many statements were sent */
  constructor(count: number) {
    this.#count = count;
  }

  /**
   * Takes bytes from the server.
   *
   * @returns undefined until every statement is answered; then what came behind the last answer
   * @throws Error for what is no answer to such statements
   */
  push(bytes: Buffer): Buffer | undefined {
    const all = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes]);
    const isComplete = () => this.answers.length === this.#count;
    this.#pending = eachMessage(all, (type, body) => {
      this.#read(type, body);
      return !isComplete();
    });
    return isComplete() ? this.#pending : undefined;
  }

  /** A failure whose statement is not complete, because the server ends the session after it. */
  get failure(): Error | undefined {
    return this.#error;
  }

  #read(type: string, body: Buffer): void {
    switch (type) {
      case "D":
        this.#rows.push(readRow(body));
        break;
      case "C":
        this.#command = body.toString("latin1", 0, body.length - 1);
        break;
      case "E":
        this.#error ??= readError(body);
        break;
      case "Z": {
        const answer = { rows: this.#rows, command: this.#command };
        this.answers.push(this.#error === undefined ? answer : { ...answer, error: this.#error });
        this.#rows = [];
        this.#command = "";
        this.#error = undefined;
        break;
      }
      // Parse and bind complete, no data, row description, empty query, notice, parameter status, notification.
      case "1":
      case "2":
      case "n":
      case "T":
      case "I":
      case "N":
      case "S":
      case "A":
        break;
      default:
        throw new Error("a message that answers no statement");
    }
  }
}

function readRow(body: Buffer): (string | null)[] {
  const row: (string | null)[] = [];
  let at = 2;
  for (let left = body.readInt16BE(0); left > 0; left -= 1) {
    const length = body.readInt32BE(at);
    at += 4;
    row.push(length === -1 ? null : body.toString("utf8", at, at + length));
    at += Math.max(0, length);
  }
  return row;
}

/** The fields of an error by the names that the driver gives them. */
const errorFields: Readonly<Record<string, string>> = {
  S: "severity_local",
  V: "severity",
  C: "code",
  M: "message",
  D: "detail",
  H: "hint",
  W: "where",
  s: "schema_name",
  t: "table_name",
  c: "column_name",
  d: "data",
  n: "constraint_name",
  R: "routine",
};

function readError(body: Buffer): postgres.PostgresError {
  const fields: Record<string, string> = {};
  for (const field of body.toString("utf8").split("\0")) {
    const name = errorFields[field.slice(0, 1)];
    if (name !== undefined) fields[name] = field.slice(1);
  }
  const PostgresError = postgres.PostgresError as unknown as new (parts: object) => postgres.PostgresError;
  // A pooler's own errors have the one severity only, which a server may translate.
  return new PostgresError({ severity: fields.severity_local, ...fields });
}
