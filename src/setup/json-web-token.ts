/** Tokens that a service lets their bearer in with. */

import { parseJson } from "../message/json.ts";

/**
 * Three parts in base64url, of which an unsigned token leaves the last one empty, or five of one that is encrypted, of which
 * the second may be empty; alone or as a header has them.
 */
const parts =
  /^(?:Authorization: *)?(?:Bearer +)?([\w-]+)\.(?:[\w-]+\.[\w-]*|[\w-]*\.[\w-]+\.[\w-]+\.[\w-]+)$/i;

/**
 * Whether the text is a JSON Web Token: its header names the algorithm that it is signed or encrypted with.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7515#section-4.1.1
 * @see https://www.rfc-editor.org/rfc/rfc7516#section-3.1
 * @see https://www.rfc-editor.org/rfc/rfc7519#section-3
 */
export function isJsonWebToken(text: string): boolean {
  const header = parts.exec(text)?.[1];
  if (header === undefined) return false;
  const read = parseJson(Buffer.from(header, "base64url").toString());
  return typeof read === "object" && read !== null && Object.hasOwn(read, "alg");
}
