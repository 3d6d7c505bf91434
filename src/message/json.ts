/** A number as it was written. `JSON.stringify` writes it in the same way again. */
export interface ExactNumber {
  readonly rawJSON: string;
}

declare global {
  /** From ECMAScript's "JSON.parse source text access", which TypeScript does not declare yet. */
  interface JSON {
    parse(
      text: string,
      reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
    ): unknown;
    rawJSON(text: string): ExactNumber;
    isRawJSON(value: unknown): value is ExactNumber;
  }
}

/** Reads a JSON text; undefined if it is not JSON, because no JSON value is undefined. */
export type ParseJson = (text: string) => unknown;

/** A number with a point, an exponent, or more digits than a double is sure to hold; in a text it may look alike. */
const inexactNumber = /(?:^|[[:,\s])-?\d(?:\d{15}|\d*[.eE])/;

/** Reads a JSON text as every JavaScript program does. Never throws. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The error is dropped on purpose: it quotes the text. A RangeError for nesting too deep ends here, too.
    return undefined;
  }
}

/**
 * Reads a JSON text and keeps every number that is not a safe integer as an {@link ExactNumber}: `12345678901234567890`,
 * `1.10` and `1e400` keep their digits. Never throws. A text with such numbers is undefined if it is nested deeper than
 * some thousand levels.
 *
 * @see https://tc39.es/proposal-json-parse-with-source/
 */
export function parseExactJson(text: string): unknown {
  // Asking for each number's text costs several times the parsing, and most texts have no number that needs it.
  if (!inexactNumber.test(text)) return parseJson(text);
  try {
    return JSON.parse(text, keepDigits);
  } catch {
    return undefined;
  }
}

function keepDigits(_key: string, value: unknown, context: { source?: string }): unknown {
  if (typeof value !== "number" || context.source === undefined) return value;
  return Number.isSafeInteger(value) && String(value) === context.source
    ? value
    : JSON.rawJSON(context.source);
}

/** The digits of a number that {@link parseExactJson} read; undefined if the value is not a number. */
export function numberText(value: unknown): string | undefined {
  if (typeof value === "number") return String(value);
  return JSON.isRawJSON(value) ? value.rawJSON : undefined;
}
