/** Says where and why a message was rejected, in the words of logs and errors. */

import type { BodyShape, Refusal } from "./message.ts";

const shapes: Readonly<Record<BodyShape, string>> = {
  sns: "an SNS notification",
  eventbridge: "an EventBridge event",
  s3_pointer: "a pointer to a payload in S3",
};

/** Reason and place, and the names of fields if nothing is mapped; nothing that the message holds. */
export function rejectionWords({ reason, path, column, constraint, ...refusal }: Refusal): string {
  const where = path === "" ? "" : ` at ${path}`;
  const inColumn = column === undefined ? "" : ` (column ${column})`;
  const byConstraint = constraint === undefined ? "" : ` (constraint ${constraint})`;
  return `${reason}${where}${inColumn}${byConstraint}${bodyWords(refusal)}`;
}

function bodyWords({
  fields,
  otherFields = 0,
  looksLike,
}: Pick<Refusal, "fields" | "otherFields" | "looksLike">) {
  const others = otherFields === 0 ? [] : [`${otherFields} other name${otherFields === 1 ? "" : "s"}`];
  const shown = fields ?? [];
  const names = [shown.join(", "), ...others].filter((part) => part !== "").join(", and ");
  const parts = [
    ...(looksLike === undefined ? [] : [`looks like ${shapes[looksLike]}`]),
    ...(names === "" ? [] : [`has ${names}`]),
  ];
  if (fields !== undefined && parts.length === 0) parts.push("is empty");
  return parts.length === 0 ? "" : ` (the body ${parts.join("; it ")})`;
}
