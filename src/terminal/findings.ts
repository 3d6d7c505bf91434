/** What the doctor found, as a person reads it: a line a check, and below it what to type. */

import type { Output } from "./output.ts";
import { countOf, printable, wrap } from "./text.ts";

/** One finding. */
export interface ShownFinding {
  readonly check: string;
  readonly status: "ok" | "warning" | "failed" | "skipped";
  readonly message: string;
  readonly hint?: string;
}

/** How many there are of each status. */
export interface ShownSummary {
  readonly warnings: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Escape codes of ECMA-48 (SGR). */
const colours: Readonly<Record<ShownFinding["status"], number>> = {
  ok: 32,
  warning: 33,
  failed: 31,
  skipped: 2,
};

const statusWidth = "warning  ".length;
/** As wide as the longest name of a check, and two spaces. */
const checkWidth = "visibility time-out  ".length;

/** A narrower terminal gets lines of this width, and breaks them itself. */
const leastColumns = 60;

/**
 * The findings as lines, each with its newline. Those that were skipped for one reason, one after the other, share a
 * line. Hints are commands to be copied, and are not broken.
 *
 * @param columns the widest a line may be, hints apart
 */
export function formatFindings(
  findings: readonly ShownFinding[],
  { columns, colours: coloured }: Pick<Output, "columns" | "colours">,
): string {
  const lines: string[] = [];
  for (const finding of withSkippedTogether(findings)) {
    const { check, status, message, hint } = finding;
    const word = coloured ? `\u001b[${colours[status]}m${status}\u001b[0m` : status;
    const [first = "", ...rest] = broken(check, printable(message), Math.max(leastColumns, columns));
    lines.push(`${word}${" ".repeat(statusWidth - status.length)}${first}`);
    lines.push(...rest.map((line) => `${" ".repeat(statusWidth)}${line}`));
    if (hint !== undefined) lines.push(`${" ".repeat(statusWidth)}try: ${printable(hint)}`);
  }
  return lines.map((line) => `${line}\n`).join("");
}

/** The last line: whether a drain can begin. */
export function formatSummary({ warnings, failed, skipped }: ShownSummary): string {
  const counts = [
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(warnings > 0 ? [countOf(warnings, "warning")] : []),
    ...(skipped > 0 ? [`${skipped} not checked`] : []),
  ].join(", ");
  if (failed > 0) return `Not ready: ${counts}.\n`;
  return counts === "" ? "Ready.\n" : `Ready: ${counts}.\n`;
}

/** The message beside the check's name or, where that is a list of names, behind it. */
function broken(check: string, message: string, columns: number): readonly string[] {
  const room = columns - statusWidth;
  if (check.length > checkWidth - 2) return wrapped(`${check}: ${message}`, room);
  const [first = "", ...rest] = wrapped(message, room - checkWidth);
  return [check.padEnd(checkWidth) + first, ...rest.map((line) => " ".repeat(checkWidth) + line)];
}

/** A line that was broken between words keeps no space at its ends. */
function wrapped(text: string, columns: number): readonly string[] {
  return wrap(text, columns)
    .split("\n")
    .map((line) => line.trim());
}

function withSkippedTogether(findings: readonly ShownFinding[]): readonly ShownFinding[] {
  const together: ShownFinding[] = [];
  for (const finding of findings) {
    const last = together.at(-1);
    const joins =
      last?.status === "skipped" && finding.status === "skipped" && last.message === finding.message;
    if (joins) together[together.length - 1] = { ...last, check: `${last.check}, ${finding.check}` };
    else together.push(finding);
  }
  return together;
}
