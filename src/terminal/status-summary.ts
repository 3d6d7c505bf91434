/** How queue and table stand, as a person reads it: numbers under headings, and what could not be known. */

import { formatTable } from "./table.ts";
import { formatCount, formatSeconds, printable, wrap } from "./text.ts";

/** A dead-letter queue. */
export interface DeadLetterSummary {
  readonly name: string;
  readonly visible?: number | undefined;
  readonly inFlight?: number | undefined;
  /** Why there are no numbers, where there are none. */
  readonly unknown?: string | undefined;
}

/** A queue; its counts are approximate, as SQS gives them. */
export interface QueueSummary {
  readonly name: string;
  readonly arn: string;
  readonly visible: number;
  readonly inFlight: number;
  readonly delayed: number;
  readonly deadLetters: readonly DeadLetterSummary[];
}

/** One run. */
export interface RunSummary {
  readonly startedAt: Date;
  readonly seconds: number;
  readonly outcome: string;
  readonly received: number;
  readonly inserted: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly released: number;
  readonly unsettled: number;
}

/** The messages that were rejected for one reason. */
export interface ReasonSummary {
  readonly reason: string;
  readonly messages: number;
  readonly loadedSince: number;
}

/** The table, and what is kept beside it. */
export interface TableSummary {
  readonly name: string;
  readonly ledger?: { readonly entries: number; readonly bytes: number } | undefined;
  readonly records?:
    | {
        readonly rowsToday: number;
        readonly runs: readonly RunSummary[];
        readonly rejections: readonly ReasonSummary[];
      }
    | undefined;
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
  const lines: [label: string, count: number | undefined, words: string][] = [
    ["waiting", visible, ""],
    ["in flight", inFlight, "received, and not settled yet"],
    ["delayed", delayed, ""],
    ["oldest", undefined, "unknown: SQS tells its age to CloudWatch alone"],
    ...deadLetters.map((letters): [string, number | undefined, string] => [
      "dead letters",
      letters.visible,
      letters.unknown === undefined
        ? `in ${letters.name}${letters.inFlight ? `, and ${formatCount(letters.inFlight)} in flight` : ""}`
        : `in ${letters.name}: ${letters.unknown}`,
    ]),
  ];
  return [`Queue ${printable(name)}, about:`, ...aligned(lines)].join("\n");
}

function tableSections({ name, ledger, records }: TableSummary, columns: number): string[] {
  const lines: [string, number | undefined, string][] = [
    [
      "rows today",
      records?.rowsToday,
      records === undefined ? "unknown: runs are not recorded, or may not be read" : "since 00:00 UTC",
    ],
    [
      "ledger",
      ledger?.entries,
      ledger === undefined ? "none that can be read" : `entries, ${formatBytes(ledger.bytes)}`,
    ],
  ];
  const sections = [[`Table ${printable(name)}:`, ...aligned(lines)].join("\n")];
  if (records === undefined) {
    sections.push(
      "Runs and rejections are not recorded, or may not be read. Try: etl migrate, and etl doctor",
    );
    return sections;
  }
  const { runs, rejections } = records;
  sections.push(
    runs.length === 0 ? "No run is recorded yet." : `Last runs:\n${runs.map(runLines).join("\n")}`,
    rejections.length === 0
      ? "No message of the queue is recorded as rejected."
      : `Rejected messages:\n${indented(reasonTable(rejections, columns - 2))}`,
  );
  return sections;
}

/** When it began and how it ended, and its receipt as the sum that it is. */
function runLines(run: RunSummary): string {
  const started = run.startedAt.toISOString().slice(0, 16).replace("T", " ");
  const names = ["inserted", "duplicates", "rejected", "released", "unsettled"] as const;
  const parts = names.filter((name) => run[name] > 0).map((name) => `${name} ${formatCount(run[name])}`);
  const sum = parts.length === 0 ? "" : ` = ${parts.join(" + ")}`;
  return [
    `  ${started}Z, ${formatSeconds(run.seconds)}: ${printable(run.outcome)}`,
    `    received ${formatCount(run.received)}${sum}`,
  ].join("\n");
}

function reasonTable(rejections: readonly ReasonSummary[], columns: number): string {
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

/** Labels, numbers aligned to the right of the largest, and words behind them. */
function aligned(lines: readonly (readonly [string, number | undefined, string])[]): string[] {
  const numbers = lines.map(([, count]) => (count === undefined ? "" : formatCount(count)));
  const width = Math.max(...numbers.map((number) => number.length));
  return lines.map(([label, count, words], index) => {
    const number = count === undefined ? "" : `${(numbers[index] ?? "").padStart(width)}  `;
    return `  ${label.padEnd(labelWidth)}${number}${printable(words)}`.trimEnd();
  });
}

/** As wide as the longest label, and two spaces. */
const labelWidth = "dead letters  ".length;

function indented(text: string): string {
  return text.replaceAll(/^/gm, "  ");
}

/** In units of a thousand, as disks are sold: `9.1 MB`. */
function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let [value, unit] = [bytes, 0];
  while (value >= 999.5 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${unit > 0 && value < 9.95 ? value.toFixed(1) : value.toFixed(0)} ${units[unit]}`;
}
