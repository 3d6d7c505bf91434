/** One request over HTTP and its whole answer, of a size that is bounded. */

import { EtlError } from "../errors.ts";

/**
 * The most that an answer may hold. SQS hands out 10 messages of at most 1 MiB, and a quotation mark takes
 * six characters in its XML.
 */
const longestAnswerBytes = 64 * 1024 * 1024;

/** A request, ready to be sent. */
export interface SignedRequest {
  readonly url: string;
  readonly init: BunFetchRequestInit;
}

/** What came back. */
export interface Answer {
  readonly status: number;
  /** The `Date` header: when the server answered, by its clock. */
  readonly date: string | null;
  readonly text: string;
}

/**
 * Sends the request and reads the whole answer.
 *
 * @throws what `fetch` throws, the signal's reason, or an EtlError of kind protocol for an answer that is too long
 */
export async function exchange(request: SignedRequest, signal: AbortSignal): Promise<Answer> {
  const response = await fetch(request.url, { ...request.init, signal });
  const { status, headers } = response;
  return { status, date: headers.get("date"), text: await readBounded(response) };
}

/** Reads the whole body. One that states its length, as SQS's do, is read in one go. */
async function readBounded(response: Response): Promise<string> {
  const length = response.headers.get("content-length");
  if (Number(length) > longestAnswerBytes) {
    await response.body?.cancel();
    throw tooLong();
  }
  if (length !== null || response.body === null) return response.text();
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.byteLength;
    if (bytes > longestAnswerBytes) throw tooLong();
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function tooLong(): EtlError {
  return new EtlError({
    kind: "protocol",
    operation: "read answer",
    message: "the answer is longer than any that SQS gives",
    hint: "check that the queue URL leads to SQS",
  });
}
