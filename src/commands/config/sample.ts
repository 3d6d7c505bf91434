/** `etl config check --sample` and `--queue`: what the mapping makes of real messages. Nothing is stored or deleted. */

import { EtlError, exitCodes } from "../../errors.ts";
import { compileDecoder } from "../../message/body.ts";
import { hasSource } from "../../message/column.ts";
import { FieldTally, isTellable } from "../../message/fields.ts";
import { parseJson } from "../../message/json.ts";
import { compileMapping } from "../../message/mapper.ts";
import { sourceName } from "../../message/mapping.ts";
import type { Masker } from "../../message/mask.ts";
import { isRefusal, type Message, type Rejection } from "../../message/message.ts";
import { rejectionWords } from "../../message/rejection-words.ts";
import { needsAttributes } from "../../message/stored-type.ts";
import { peek } from "../../polling/peek.ts";
import type { ConfigCheckOptions } from "../../settings/options.ts";
import { drainDefaults } from "../../settings/setting-table.ts";
import type { Settings } from "../../settings/settings.ts";
import { readTextFile } from "../../settings/text-file.ts";
import { findFields } from "../../setup/fields.ts";
import { formatTable } from "../../terminal/table.ts";
import { countOf, printable } from "../../terminal/text.ts";
import { formatCount } from "../../text/counts.ts";
import { nearestName } from "../../text/nearest-name.ts";
import type { Context } from "../context.ts";
import { firstAnswer, openQueue, warnOfRedrive } from "../queue.ts";
import { readSettings } from "../settings.ts";
import { listenForStop, type Stop } from "../stop.ts";
import { systemClock } from "../system-clock.ts";

/** What a trial is made of, beside what it was asked for. */
interface TrialParts extends Pick<ConfigCheckOptions, "sample" | "max"> {
  /** The settings file, if one was named. */
  readonly config: string | undefined;
  readonly masker: Masker;
}

/** A message, and what a person knows it by. */
interface Sampled {
  readonly label: string;
  readonly message: Message;
}

/**
 * Prints for each column how many messages have its source, what a drain would reject, and what no column takes.
 *
 * @returns 0; 65 if a drain would reject messages; 129, 130 or 143 if a signal stopped the look at the queue
 * @throws EtlError if there are no messages, or they cannot be received
 */
export async function tryMapping(
  context: Context,
  { config, masker, sample, max }: TrialParts,
): Promise<number> {
  const settings = readSettings(context, { config });
  const stop = listenForStop(context);
  try {
    const sampled =
      sample === undefined
        ? await messagesOfQueue(settings, max ?? drainDefaults.dryRunMessages, context, stop)
        : messagesOfFile(sample);
    if (stop.graceful.aborted) return stop.exitCode;
    return await show(sampled, settings, masker, context);
  } finally {
    stop.end();
  }
}

/** Each line is a body as the queue holds it. */
function messagesOfFile(path: string): readonly Sampled[] {
  const file = readTextFile(path);
  if (file === undefined)
    throw noMessages(`${path} does not exist`, "name a file of message bodies, one a line");
  const sampled = file.text.split(/\r?\n/).flatMap((body, index): Sampled[] => {
    // As a queue would have it.
    const ref = {
      messageId: crypto.randomUUID(),
      receiptHandle: "",
      sentAtMillis: Date.now(),
      receiveCount: 1,
    };
    const message = { ...ref, body, bodyIntact: true };
    return body.trim() === "" ? [] : [{ label: `line ${index + 1}`, message }];
  });
  if (sampled.length === 0)
    throw noMessages(`${path} holds no message`, "put message bodies into it, one a line");
  return sampled;
}

async function messagesOfQueue(
  settings: Settings,
  maxMessages: number,
  context: Context,
  stop: Stop,
): Promise<readonly Sampled[]> {
  const queue = openQueue(settings.queue, context, needsAttributes(settings.table.mapping));
  const attributes = await stop.orStopped(firstAnswer(queue, context, systemClock));
  if (attributes === undefined) return [];
  warnOfRedrive(attributes, context, "this look");
  const sampled: Sampled[] = [];
  const waitSeconds = settings.drain.waitSeconds ?? drainDefaults.waitSeconds;
  const end = await peek(queue.source, { maxMessages, waitSeconds }, stop, async (fresh) => {
    for (const message of fresh) sampled.push({ label: `message ${message.messageId}`, message });
  });
  if (end.notReleased > 0) {
    context.log.warn(
      `${countOf(end.notReleased, "message")} could not be given back: hidden until the visibility timeout is over, ${attributes.visibilityTimeoutSeconds} s`,
    );
  }
  if (end.outcome === "failed") throw end.error;
  if (sampled.length === 0 && end.outcome !== "stopped")
    throw noMessages(`the queue ${queue.name} has given no message`, "etl config check --sample FILE");
  return sampled;
}

function noMessages(message: string, hint: string): EtlError {
  return new EtlError({ kind: "config", operation: "config check", message, hint });
}

/** A message that a drain would reject. */
interface WouldReject {
  readonly label: string;
  readonly rejection: Rejection;
}

async function show(
  sampled: readonly Sampled[],
  settings: Settings,
  masker: Masker,
  context: Context,
): Promise<number> {
  const { mapping } = settings.table;
  const { body } = settings.queue;
  const fields = new FieldTally(mapping);
  const mapMessage = compileMapping(mapping, { masker, limits: new Map(), body, fields, now: Date.now });
  const rejections = sampled.flatMap(({ label, message }): WouldReject[] => {
    const outcome = mapMessage(message);
    return isRefusal(outcome) ? [{ label, rejection: outcome }] : [];
  });
  const lines = [
    columnTable(sampled, settings),
    ...rejectionLines(rejections),
    ...unmappedLines(fields.counts.unmapped),
    "The live table was not asked: etl drain --dry-run holds the rows against it.",
  ];
  await context.stdout.write(`${lines.join("\n")}\n`);
  return rejections.length === 0 ? 0 : exitCodes.data;
}

function columnTable(sampled: readonly Sampled[], { queue, table: { mapping } }: Settings): string {
  const decode = compileDecoder(queue.body, parseJson);
  const decoded = sampled.flatMap(({ message }) => {
    const body = decode(message);
    return isRefusal(body) ? [] : [{ body, message }];
  });
  const names = findFields(decoded.map(({ body }) => body.fields)).fields.flatMap(({ path, name }) =>
    path.every(isTellable) ? [name] : [],
  );
  const rows = mapping.columns.map(({ column, source }) => {
    const has = hasSource(source);
    const count = decoded.filter(({ body, message }) => has(body, message)).length;
    const name = sourceName(source);
    const meant = count === 0 && source.in === "body" ? meantName(name, names) : undefined;
    return [column, name, formatCount(count), meant === undefined ? "" : `did you mean ${meant}?`];
  });
  const heading = `in ${formatCount(sampled.length)}`;
  return formatTable(["column", "from", heading, ""], rows, { rightAligned: [2] }).replaceAll(/ +$/gm, "");
}

/** The field that is likely meant: it may be spelt in another way, or be deeper in the body. */
function meantName(typed: string, names: readonly string[]): string | undefined {
  return names.find((name) => name.endsWith(`.${typed}`)) ?? nearestName(typed, names);
}

/** The most frequent first, each with its first message. */
function rejectionLines(rejections: readonly WouldReject[]): readonly string[] {
  const alike = Map.groupBy(rejections, ({ rejection: { reason, path } }) => `${reason} ${path}`);
  return [...alike.values()]
    .toSorted((a, b) => b.length - a.length)
    .map((those) => {
      const [{ label, rejection }] = those as [WouldReject];
      const which = those.length === 1 ? label : `first ${label}`;
      return printable(
        `${countOf(those.length, "message")} would be rejected: ${rejectionWords(rejection)}; ${which}`,
      );
    });
}

function unmappedLines(unmapped: Readonly<Record<string, number>>): readonly string[] {
  const sorted = Object.entries(unmapped).toSorted(([, a], [, b]) => b - a);
  if (sorted.length === 0) return [];
  return [
    `No column takes: ${sorted.map(([name, count]) => `${name} (in ${formatCount(count)})`).join(", ")}`,
  ];
}
