/** The Query protocol, which SQS and STS speak: a form is sent, and XML comes back. */

import type { ServiceRequest } from "./signing.ts";
import { UnreadableAnswer, XmlReader } from "./xml.ts";

/** The one object for every form: requests whose headers are the same object share the frame of a signature. */
const formHeaders = { "content-type": "application/x-www-form-urlencoded; charset=utf-8" } as const;

/** The request that sends a form, as {@link encodeForm} writes it. */
export function formRequest(url: string, body: string): ServiceRequest {
  return { method: "POST", url, headers: formHeaders, body };
}

/** Takes an answer's body as text. */
export function asText(answer: Response): Promise<string> {
  return answer.text();
}

/**
 * Walks over the children of the answer's `…Result`, from the first character of the answer to its last.
 *
 * @param action by its name, as the answer's elements begin with it
 * @throws UnreadableAnswer if it is not an answer to the action
 */
export function readResult(
  text: string,
  action: string,
  onChild: (reader: XmlReader, element: string) => void,
): void {
  const reader = new XmlReader(text);
  let found = false;
  if (reader.root() !== `${action}Response`) throw new UnreadableAnswer();
  for (let part = reader.child(); part !== undefined; part = reader.child()) {
    if (part !== `${action}Result`) reader.skip();
    else {
      found = true;
      for (let element = reader.child(); element !== undefined; element = reader.child())
        onChild(reader, element);
    }
  }
  reader.end();
  if (!found) throw new UnreadableAnswer();
}

/** Reads those of the current element's children that are named, as texts by their names, and leaves it. */
export function readTexts(
  reader: XmlReader,
  names: ReadonlySet<string>,
  into = new Map<string, string>(),
): ReadonlyMap<string, string> {
  for (let element = reader.child(); element !== undefined; element = reader.child()) {
    if (names.has(element)) into.set(element, reader.text());
    else reader.skip();
  }
  return into;
}

/** The text of that name, which every such answer has. */
export function required(texts: ReadonlyMap<string, string>, name: string): string {
  const text = texts.get(name);
  if (text === undefined) throw new UnreadableAnswer();
  return text;
}

/** What the body of an error says. */
export interface ErrorBody {
  /** Undefined if the body is no error of AWS, or the code not a plain word. */
  readonly code: string | undefined;
  readonly text: string;
  /** The region that S3 says the bucket is in, as it stands there. */
  readonly region: string | undefined;
}

const errorTexts: ReadonlySet<string> = new Set(["Code", "Message", "Region"]);

/**
 * Reads the body of an error. Never throws.
 *
 * @param bare whether it may be an `Error` that stands alone, as S3 has it, and not in an `ErrorResponse`
 */
export function readErrorBody(body: string, bare: boolean): ErrorBody {
  const texts = new Map<string, string>();
  try {
    const reader = new XmlReader(body);
    let element: string | undefined = reader.root();
    if (element === "ErrorResponse") {
      element = reader.child();
      for (; element !== undefined && element !== "Error"; element = reader.child()) reader.skip();
    } else if (!bare) element = undefined;
    if (element === "Error") readTexts(reader, errorTexts, texts);
  } catch {
    // What was read before the place where it is not XML still counts: stand-ins leave raw markup behind the code.
  }
  const code = /^[A-Za-z0-9._]{1,100}$/.exec(texts.get("Code")?.trim() ?? "")?.[0];
  return { code, text: texts.get("Message") ?? "", region: texts.get("Region")?.trim() };
}

/** By byte: 1 if it stands for itself. Others than these may be written so, too, but none has to be. */
const plain = Uint8Array.from({ length: 256 }, (_, byte) => {
  return byte < 0x80 && /[A-Za-z0-9_.~-]/.test(String.fromCharCode(byte)) ? 1 : 0;
});

const [percent, ampersand, equals] = Buffer.from("%&=");
const hexDigits = Buffer.from("0123456789ABCDEF");

/** Ten times what a delete of ten takes. What is larger gets a buffer of its own. */
const usualBytes = 64 * 1024;

const usualForm = Buffer.alloc(usualBytes);
const usualValue = Buffer.alloc(usualBytes);

/**
 * The form's text, in ASCII. Names are taken to be plain. Half a surrogate pair, which UTF-8 has no bytes for, becomes
 * U+FFFD, as it does in any form.
 *
 * Byte by byte, into a buffer that is used again: that takes half of the time of `encodeURIComponent`, and leaves one
 * text to be collected and not one for each value.
 *
 * @see https://url.spec.whatwg.org/#application/x-www-form-urlencoded
 */
export function encodeForm(parameters: Iterable<readonly [name: string, value: string]>): string {
  let form = usualForm;
  let end = 0;
  for (const [name, value] of parameters) {
    // A UTF-16 unit takes up to three bytes.
    const isUsual = 3 * value.length <= usualBytes;
    const bytes = isUsual ? usualValue : Buffer.from(value);
    const count = isUsual ? usualValue.write(value) : bytes.length;
    const most = end + name.length + 2 + 3 * count;
    if (most > form.length) form = Buffer.concat([form.subarray(0, end)], Math.max(most, 2 * form.length));
    if (end > 0) form[end++] = ampersand as number;
    end += form.write(name, end, "latin1");
    form[end++] = equals as number;
    for (let index = 0; index < count; index += 1) {
      const byte = bytes[index] as number;
      if (plain[byte] === 1) form[end++] = byte;
      else {
        form[end++] = percent as number;
        form[end++] = hexDigits[byte >> 4] as number;
        form[end++] = hexDigits[byte & 15] as number;
      }
    }
  }
  return form.toString("latin1", 0, end);
}
