/** A message's id as the ledger keeps it: 16 bytes, whatever the queue's ids look like. */

import { createHash } from "node:crypto";

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * The id itself where it is a UUID, as SQS's are in practice; else, as SQS does not promise that, a UUID of version 8
 * made of its SHA-256. As text the ledger would take half as much room again.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9562#section-5.8
 */
export function messageKey(messageId: string): string {
  if (uuid.test(messageId)) return messageId;
  const hash = createHash("sha256").update(messageId).digest();
  hash[6] = 0x80 | ((hash[6] as number) & 0x0f);
  hash[8] = 0x80 | ((hash[8] as number) & 0x3f);
  return hash.toString("hex", 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
