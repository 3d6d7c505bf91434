/** One run of one contender, from a full queue to an empty one, audited. */

import { type Audit, auditRun, startWallClock } from "./audit.ts";
import type { Contender, PartFigures } from "./contenders.ts";
import type { BenchDatabase } from "./database.ts";
import { startFarDatabase } from "./delay-proxy.ts";
import { memoryOf, type RunningChild, serverCpuMicros, startChild, type Usage } from "./processes.ts";
import type { QueueProcess, QueueReport } from "./queue-server.ts";

/** Figures of one run. */
export interface Measurement {
  /** From the first receive to the last delete, as the queue saw them. */
  readonly messagesPerSecond: number;
  /** Of the contender's processes, from start to end, by message. */
  readonly cpuMicros: number;
  /** Of the largest of its processes. */
  readonly peakBytes: number;
  /** From the start of the process to the commit of the first row; undefined if the drain is begun later. */
  readonly firstRowMillis: number | undefined;
  /** Of the first process, when so many messages were deleted; undefined if the system does not say. */
  readonly residentBytes: Readonly<Record<"tenth" | "half" | "end", number | undefined>>;
  /** Of the queue's process, by message. */
  readonly queueCpuMicros: number;
  /** Of all of Postgres's processes, by message; undefined if the system does not say. */
  readonly serverCpuMicros: number | undefined;
  /** Of the proxy before a database that is further away, by message; undefined if there is none. */
  readonly proxyCpuMicros: number | undefined;
}

/** Where a run takes place. */
export interface Surroundings {
  readonly queue: QueueProcess;
  readonly database: BenchDatabase;
  /** The process of its server. */
  readonly serverPid: number;
  /** Tells this run's rows from those of others. */
  readonly run: number;
}

/** So long that nothing comes back in a run, and no visibility is extended. */
const visibilityTimeoutSeconds = 300;
const emptyPollMillis = 100;
const lookMillis = 50;
/** No run is worth waiting for longer. */
const longestRunMillis = 15 * 60_000;

/**
 * Runs the contender.
 *
 * @throws if it fails, takes too long, or did not do what it is there for
 */
export async function measure(contender: Contender, surroundings: Surroundings): Promise<Measurement> {
  const { messages, roundTripMillis, databaseRoundTripMillis, processes, endsItself } = contender;
  const { queue, database, serverPid, run } = surroundings;
  await database.reset();
  const filling = { count: messages, run, sentUntilMillis: Date.now(), roundTripMillis };
  await queue.fill({ ...filling, visibilityTimeoutSeconds, emptyPollMillis });
  const far =
    databaseRoundTripMillis === undefined
      ? undefined
      : await startFarDatabase(database.url, databaseRoundTripMillis);
  const databaseUrl = far?.url ?? database.url;
  const command = contender.command({ queueUrl: queue.queueUrl, databaseUrl, messages });

  const serverBefore = serverCpuMicros(serverPid);
  const wallMicros = startWallClock();
  const startedMicros = wallMicros();
  const children = Array.from({ length: processes }, () => startChild(command));
  const ended = Promise.all(children.map((child) => child.ended));
  const { residentBytes, peakBytes } = await watch(children, messages, queue, ended);
  if (!endsItself) for (const child of children) child.kill("SIGTERM");
  const usages = await ended;
  const proxyMicros = await far?.stop();
  const serverAfter = serverCpuMicros(serverPid);

  const report = await queue.report();
  const answerMicros = ((databaseRoundTripMillis ?? 0) / 2) * 1000;
  const audit = await auditRun({ database, run, deletedAtMicros: await queue.deletions(), answerMicros });
  refuseFaults(contender, report, audit);
  return {
    ...speedOf(contender, usages, report),
    peakBytes: peakBytes ?? Math.max(...usages.map((usage) => usage.peakBytes)),
    firstRowMillis: contender.parts === "all" ? (audit.firstRowMicros - startedMicros) / 1000 : undefined,
    residentBytes,
    queueCpuMicros: report.cpuMicros / messages,
    serverCpuMicros:
      serverBefore === undefined || serverAfter === undefined
        ? undefined
        : (serverAfter - serverBefore) / messages,
    proxyCpuMicros: proxyMicros === undefined ? undefined : proxyMicros / messages,
  };
}

/** As seen from outside; of a contender that does only some parts, as it says itself. */
function speedOf(
  { messages, parts }: Contender,
  usages: readonly Usage[],
  { firstReceiveMicros, lastDeleteMicros }: QueueReport,
): Pick<Measurement, "messagesPerSecond" | "cpuMicros"> {
  if (parts !== "all") {
    const { cpuMicros, millis } = JSON.parse(usages[0]?.output ?? "") as PartFigures;
    return { messagesPerSecond: (messages / millis) * 1000, cpuMicros: cpuMicros / messages };
  }
  const cpuMicros = usages.reduce((sum, usage) => sum + usage.cpuMicros, 0);
  return {
    messagesPerSecond: (messages / (lastDeleteMicros - firstReceiveMicros)) * 1e6,
    cpuMicros: cpuMicros / messages,
  };
}

/** A run's memory; undefined if the system does not say. */
interface Course {
  readonly residentBytes: Measurement["residentBytes"];
  readonly peakBytes: number | undefined;
}

/** Looks at memory and queue until all messages are deleted. */
async function watch(
  children: readonly RunningChild[],
  messages: number,
  queue: QueueProcess,
  ended: Promise<readonly Usage[]>,
): Promise<Course> {
  const since = performance.now();
  let over = false;
  const end = ended.finally(() => {
    over = true;
  });
  end.catch(() => {});
  const course: { tenth?: number; half?: number; end?: number; peak?: number } = {};
  for (;;) {
    const { deleted } = await queue.report();
    const [first, ...others] = children.map(({ pid }) => memoryOf(pid));
    if (first !== undefined) {
      if (deleted >= messages / 10) course.tenth ??= first.now;
      if (deleted >= messages / 2) course.half ??= first.now;
      course.end = first.now;
      course.peak = Math.max(course.peak ?? 0, first.peak, ...others.map((other) => other?.peak ?? 0));
    }
    if (deleted === messages || over) break;
    if (performance.now() - since > longestRunMillis) throw new Error("a run takes too long");
    await Promise.race([Bun.sleep(lookMillis), end]);
  }
  const { tenth, half, end: last, peak } = course;
  return { residentBytes: { tenth, half, end: last }, peakBytes: peak };
}

/** @throws if the run did not do, or did twice, what it was there for */
function refuseFaults({ name, parts }: Contender, report: QueueReport, audit: Audit): void {
  const { deletedTwice, unknownHandles, returned } = report;
  const { missing, doubled, undeleted, deletedTooEarly, strange } = audit;
  const faults: Record<string, number> = { deletedTwice, unknownHandles, returned, doubled, strange };
  const loads = parts === "all" || parts.includes("load");
  const deletes = parts === "all" || parts.includes("delete");
  if (loads) faults.missing = missing;
  if (deletes) faults.undeleted = undeleted;
  if (loads && deletes) faults.deletedTooEarly = deletedTooEarly;
  const found = Object.entries(faults).filter(([, count]) => count > 0);
  if (found.length === 0) return;
  throw new Error(`${name}: ${found.map(([fault, count]) => `${fault} ${count}`).join(", ")}`);
}
