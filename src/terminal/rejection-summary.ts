/** Rejected messages as a person reads them: two lines each, with ids whole, so that they can be copied. */

import { countOf } from "./numbers.ts";
import { printable } from "./printable.ts";
import { wrap } from "./width.ts";

/** A message that was rejected. */
export interface RejectionSummary {
  readonly messageId: string;
  readonly sentAt: Date;
  readonly reason: string;
  readonly path: string;
  readonly column?: string | undefined;
  readonly constraint?: string | undefined;
  readonly times: number;
  readonly firstAt: Date;
  readonly lastAt: Date;
  readonly loaded: boolean;
}

/**
 * The list as lines without a last newline.
 *
 * @param columns the widest a line may be; longer ones are wrapped. `Infinity` in a pipe
 */
export function formatRejections(rejections: readonly RejectionSummary[], columns: number): string {
  return rejections
    .flatMap((rejection) => [whatLine(rejection), whenLine(rejection)])
    .map((line) => wrap(line, columns))
    .join("\n");
}

function whatLine({ messageId, reason, path, column, constraint }: RejectionSummary): string {
  const where = path === "" ? "" : ` at ${path}`;
  const inColumn = column === undefined ? "" : ` (column ${column})`;
  const byConstraint = constraint === undefined ? "" : ` (constraint ${constraint})`;
  return printable(`${messageId}  ${reason}${where}${inColumn}${byConstraint}`);
}

function whenLine({ sentAt, times, firstAt, lastAt, loaded }: RejectionSummary): string {
  const rejected =
    times === 1
      ? `rejected ${minute(lastAt)}`
      : `rejected ${countOf(times, "time")}, ${minute(firstAt)} to ${minute(lastAt)}`;
  return `  sent ${minute(sentAt)}, ${rejected}${loaded ? ", loaded since" : ""}`;
}

/** In UTC: the receipt's and the log's times are, too. */
function minute(time: Date): string {
  return `${time.toISOString().slice(0, 16).replace("T", " ")}Z`;
}
