/** What the doctor found, for a person: a line for each check, and below it what to type. */

import type { Finding, Summary } from "../doctor/check.ts";
import type { Output } from "./output.ts";
import { countOf, printable, wrap } from "./text.ts";

/** Escape codes of ECMA-48 (SGR). */
const colours: Readonly<Record<Finding["status"], number>> = { ok: 32, warning: 33, failed: 31, skipped: 2 };

const statusWidth = "warning  ".length;
/** As wide as the longest name of a check, and two spaces. */
const checkWidth = "visibility time-out  ".length;

/** A narrower terminal gets lines of this width, and breaks them itself. */
const leastColumns = 60;

/**
 * The findings as lines, each with its newline. Findings in a row that were skipped for the same reason share a line.
 * Hints are commands to be copied, and are not broken.
 *
 * @param columns the widest a line may be, except hints
 */
export function formatFindings(
  findings: readonly Finding[],
  { columns, colours: coloured }: Pick<Output, "columns" | "colours">,
): string {
  const indent = " ".repeat(statusWidth);
  const lines = withSkippedTogether(findings).flatMap(({ check, status, message, hint }) => {
    const word = coloured ? `\u001b[${colours[status]}m${status}\u001b[0m` : status;
    const [first = "", ...rest] = broken(check, printable(message), Math.max(leastColumns, columns));
    return [
      `${word}${" ".repeat(statusWidth - status.length)}${first}`,
      ...rest.map((line) => indent + line),
      ...(hint === undefined ? [] : [`${indent}try: ${printable(hint)}`]),
    ];
  });
  return lines.map((line) => `${line}\n`).join("");
}

/** The last line: whether a drain can begin. */
export function formatSummary({ warnings, failed, skipped }: Omit<Summary, "ok" | "exitCode">): string {
  const counts = [
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(warnings > 0 ? [countOf(warnings, "warning")] : []),
    ...(skipped > 0 ? [`${skipped} not checked`] : []),
  ].join(", ");
  if (failed > 0) return `Not ready: ${counts}.\n`;
  return counts === "" ? "Ready.\n" : `Ready: ${counts}.\n`;
}

/** The message beside the check's name or, if that is a list of names, behind it. */
function broken(check: string, message: string, columns: number): readonly string[] {
  const room = columns - statusWidth;
  if (check.length > checkWidth - 2) return wrapped(`${check}: ${message}`, room);
  const [first = "", ...rest] = wrapped(message, room - checkWidth);
  return [check.padEnd(checkWidth) + first, ...rest.map((line) => " ".repeat(checkWidth) + line)];
}

/** Lines that were broken between words keep no space at their ends. */
function wrapped(text: string, columns: number): readonly string[] {
  return wrap(text, columns).split(/ *\n */);
}

function withSkippedTogether(findings: readonly Finding[]): readonly Finding[] {
  const together: Finding[] = [];
  for (const finding of findings) {
    const last = together.at(-1);
    const joins =
      last?.status === "skipped" && finding.status === "skipped" && last.message === finding.message;
    if (joins) together[together.length - 1] = { ...last, check: `${last.check}, ${finding.check}` };
    else together.push(finding);
  }
  return together;
}
