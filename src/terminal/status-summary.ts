/** The state of queue and table, for a person: numbers under headings, and what is not known. */

import type { QueueAttributes } from "../polling/ports.ts";
import type { RecordedRun, RejectionCount, TableStatus } from "../postgres/status.ts";
import { formatCount, passedByInWords } from "../text/counts.ts";
import { formatTable } from "./table.ts";
import { formatSeconds, printable, wrap } from "./text.ts";

/** A dead-letter queue: its counts, or why they are unknown. */
export type DeadLetterSummary =
  | { readonly name: string; readonly visible: number; readonly inFlight: number }
  | { readonly name: string; readonly unknown: string };

/** A queue; its counts are approximate, as SQS gives them. */
export interface QueueSummary extends Pick<QueueAttributes, "arn" | "visible" | "inFlight" | "delayed"> {
  readonly name: string;
  readonly deadLetters: readonly DeadLetterSummary[];
}

/** The table, and what is kept beside it. */
export interface TableSummary extends TableStatus {
  readonly name: string;
}

/** What is known; what could not be reached is absent. */
export interface StatusSummary {
  readonly queue?: QueueSummary | undefined;
  readonly table?: TableSummary | undefined;
}

/**
 * The summary as lines without a last newline.
 *
 * @param columns the widest a line may be; `Infinity` in a pipe
 */
export function formatStatus({ queue, table }: StatusSummary, columns: number): string {
  const sections = [
    queue === undefined ? "Queue: not reached" : queueSection(queue),
    ...(table === undefined ? ["Table: not reached"] : tableSections(table, columns)),
  ];
  const lines = sections.join("\n\n").split("\n");
  return lines.map((line) => wrap(line, columns)).join("\n");
}

function queueSection({ name, visible, inFlight, delayed, deadLetters }: QueueSummary): string {
  return section(`Queue ${printable(name)}, about:`, [
    ["waiting", visible, ""],
    ["in flight", inFlight, "received, and not deleted yet"],
    ["delayed", delayed, ""],
    ["oldest", undefined, "see ApproximateAgeOfOldestMessage in CloudWatch"],
    ...deadLetters.map((letters): Line => {
      const place = `in ${letters.name}`;
      if ("unknown" in letters) return ["dead letters", undefined, `${place}: ${letters.unknown}`];
      const more = letters.inFlight > 0 ? `, and ${formatCount(letters.inFlight)} in flight` : "";
      return ["dead letters", letters.visible, place + more];
    }),
  ]);
}

function tableSections({ name, ledger, records }: TableSummary, columns: number): readonly string[] {
  const unrecorded = "runs are not recorded, or may not be read";
  const numbers = section(`Table ${printable(name)}:`, [
    ["rows today", records?.rowsToday, records ? "since 00:00 UTC" : `unknown: ${unrecorded}`],
    ["ledger", ledger?.entries, ledger ? `entries, ${formatBytes(ledger.bytes)}` : "none that can be read"],
  ]);
  if (records === undefined) {
    const hint = "Runs and rejections are not recorded, or may not be read. Try: etl migrate, and etl doctor";
    return [numbers, hint];
  }
  const { runs, rejections } = records;
  return [
    numbers,
    runs.length === 0 ? "No run is recorded yet." : `Last runs:\n${runs.map(runLines).join("\n")}`,
    rejections.length === 0
      ? "No message of the queue is recorded as rejected."
      : `Rejected messages:\n${reasonTable(rejections, columns - 2).replaceAll(/^/gm, "  ")}`,
  ];
}

/** When it started and how it ended, and its receipt as a sum. */
function runLines(run: RecordedRun): string {
  const started = run.startedAt.toISOString().slice(0, 16).replace("T", " ");
  const names = ["inserted", "duplicates", "rejected", "released", "unsettled"] as const;
  const parts = names.filter((name) => run[name] > 0).map((name) => `${name} ${formatCount(run[name])}`);
  const sum = parts.length === 0 ? "" : ` = ${parts.join(" + ")}`;
  const passedBy = passedByInWords(run);
  return [
    `  ${started}Z, ${formatSeconds(run.seconds)}: ${printable(run.outcome)}`,
    `    received ${formatCount(run.received)}${sum}`,
    ...(passedBy === undefined ? [] : [`    ${printable(passedBy)}`]),
  ].join("\n");
}

function reasonTable(rejections: readonly RejectionCount[], columns: number): string {
  return formatTable(
    ["reason", "messages", "loaded since"],
    rejections.map(({ reason, messages, loadedSince }) => [
      reason,
      formatCount(messages),
      formatCount(loadedSince),
    ]),
    { columns, rightAligned: [1, 2] },
  );
}

type Line = readonly [label: string, count: number | undefined, words: string];

/** As wide as the longest label, and two spaces. */
const labelWidth = "dead letters  ".length;

/** A heading, and lines of labels, numbers aligned to the right, and words. */
function section(heading: string, lines: readonly Line[]): string {
  const numbers = lines.map(([, count]) => (count === undefined ? "" : formatCount(count)));
  const width = Math.max(...numbers.map((number) => number.length));
  const texts = lines.map(([label, , words], index) => {
    const number = numbers[index] ? `${numbers[index].padStart(width)}  ` : "";
    return `  ${label.padEnd(labelWidth)}${number}${printable(words)}`.trimEnd();
  });
  return [heading, ...texts].join("\n");
}

/** In units of a thousand, as disks are sold: `9.1 MB`. */
function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let [value, unit] = [bytes, 0];
  while (value >= 999.5 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${unit > 0 && value < 9.95 ? value.toFixed(1) : value.toFixed(0)} ${units[unit]}`;
}
