/** Checks each action that a drain calls on its queue, by what the queue answered to a call that changes nothing. */

import type { EtlError } from "../errors.ts";
import { type Answer, type CheckName, type Finding, failed, failedBy, ok } from "./finding.ts";
import type { Permission, QueueFacts } from "./queue-facts.ts";

/** The check that others need. */
export const attributeReading = "read attributes" satisfies CheckName;

/** Whether the queue denied an action, so that it is there. */
export function isDenied(error: EtlError): boolean {
  return error.kind === "permission" && error.operation === "attributes" && error.code !== undefined
    ? deniedCodes.has(error.code)
    : false;
}

const deniedCodes: ReadonlySet<string> = new Set([
  "AccessDenied",
  "AccessDeniedException",
  "AuthFailure",
  "NotAuthorized",
]);

/** The four actions on the queue that is drained. */
export function checkPermissions(facts: QueueFacts): readonly Finding[] {
  const { description } = facts;
  const attributes: Answer<Permission> =
    "value" in description
      ? { value: "permitted" }
      : isDenied(description.error)
        ? { value: "denied" }
        : description;
  return [
    checkPermission(attributeReading, "sqs:GetQueueAttributes", attributes),
    checkPermission("receive", "sqs:ReceiveMessage", facts.receive),
    checkPermission("delete", "sqs:DeleteMessage", facts.delete),
    checkPermission("change visibility", "sqs:ChangeMessageVisibility", facts.changeVisibility),
  ];
}

/**
 * One action.
 *
 * @param where the queue, where it is another than the one that is drained
 */
export function checkPermission(
  check: CheckName,
  action: string,
  answer: Answer<Permission>,
  where = "",
): Finding {
  if ("error" in answer) return failedBy(check, answer.error);
  switch (answer.value) {
    case "permitted":
      return ok(check, `${action} is permitted`);
    case "not denied":
      return ok(check, `${action} is not denied, and not proved`);
    case "denied":
      return failed(
        check,
        "permission",
        `the credentials may not use ${action}${where}`,
        `allow ${action}${where}; the whole policy: etl doctor --policy`,
      );
  }
}
