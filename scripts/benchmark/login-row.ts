/** A login event as a row, as one would write it for a consumer of one's own: no checks, and no word of `etl`'s code. */

import { createHmac } from "node:crypto";

/** One row of `user_logins`, by column. */
export type LoginRow = Readonly<Record<string, string | number | null>>;

interface LoginEvent {
  readonly user_id: string;
  readonly app_version: string;
  readonly device_type: string;
  readonly ip: string;
  readonly locale: string | null;
  readonly device_id: string;
}

const key = Buffer.from(process.env.ETL_MASK_KEY ?? "", "base64");

function mask(value: string): string {
  return createHmac("sha256", key).update(value).digest("hex");
}

function versionNumber(version: string): number {
  const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number);
  return (major << 16) | (minor << 8) | patch;
}

/** @param sentAtMillis the message's SentTimestamp */
export function toLoginRow(body: string, sentAtMillis: number): LoginRow {
  const event = JSON.parse(body) as LoginEvent;
  return {
    user_id: event.user_id,
    device_type: event.device_type,
    masked_ip: mask(event.ip),
    masked_device_id: mask(event.device_id),
    locale: event.locale,
    app_version: versionNumber(event.app_version),
    create_date: new Date(sentAtMillis).toISOString().slice(0, 10),
  };
}
