/** The Query protocol, which SQS and STS speak: a form is sent, and XML comes back. */

import type { ErrorBody } from "./client.ts";
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

/** The text of that name, which every such answer has. */
export function required(texts: ReadonlyMap<string, string>, name: string): string {
  const text = texts.get(name);
  if (text === undefined) throw new UnreadableAnswer();
  return text;
}

/**
 * The code in an error's body; undefined if the body is no error of the protocol, or the code not a plain word.
 *
 * @param refine makes the code more precise by the error's text; undefined if that has nothing to say
 */
export function readQueryError(
  text: string,
  refine: (code: string, text: string) => string | undefined = () => undefined,
): ErrorBody {
  let code: string | undefined;
  try {
    const reader = new XmlReader(text);
    if (reader.root() !== "ErrorResponse") return { code };
    for (let element = reader.child(); element !== undefined; element = reader.child()) {
      if (element !== "Error") {
        reader.skip();
        continue;
      }
      for (let part = reader.child(); part !== undefined; part = reader.child()) {
        if (part === "Code") code = errorCode(reader.text());
        else if (part === "Message" && code !== undefined) code = refine(code, reader.text()) ?? code;
        else reader.skip();
      }
      break;
    }
  } catch {
    // What was read before the place where it is not XML still counts: stand-ins leave raw markup behind the code.
  }
  return { code };
}

/** The code as it stands in an error's body; undefined if that is not a plain word. */
export function errorCode(text: string): string | undefined {
  return /^[A-Za-z0-9._]{1,100}$/.exec(text.trim())?.[0];
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
