/** Lets the queue server move dead letters back by itself, where it can, and watches it. */

import { EtlError } from "../../errors.ts";
import type { QueueSettings } from "../../settings/settings.ts";
import { listMessageMoves, type MessageMoveTask, startMessageMove } from "../../sqs/message-move.ts";
import { accountParts } from "../account.ts";
import type { Context } from "../context.ts";
import type { Stop } from "../stop.ts";
import { systemClock } from "../system-clock.ts";
import type { RetryPlaces } from "./retry-places.ts";

const pauseMillis = 1_000;

/** What has become of a move when it was last asked about; undefined where the server no longer says. */
export type ServerMove = MessageMoveTask | undefined;

/**
 * Starts a move of all messages and waits for its end, or for a stop; the move goes on by itself then.
 *
 * @returns false where the server moves none of these messages
 * @throws EtlError where the move may not be started, or was given up by the server
 */
export async function moveByServer(
  settings: QueueSettings,
  { queue, letters }: RetryPlaces,
  context: Context,
  stop: Stop,
): Promise<ServerMove | false> {
  const parts = accountParts(settings, context);
  const sourceArn = letters.attributes.arn;
  if (!(await startMessageMove(parts, { sourceArn, destinationArn: queue.attributes.arn }))) return false;
  let task: ServerMove;
  do {
    [task] = await listMessageMoves(parts, sourceArn);
    if (task === undefined || task.status === "COMPLETED" || task.status === "CANCELLED") break;
    if (task.status === "FAILED") throw gaveUp(task);
    const all = task.toMove === undefined ? "" : ` of about ${task.toMove}`;
    context.log.status(`the queue server has moved ${task.moved}${all}`);
    await systemClock.sleep(pauseMillis, stop.graceful);
  } while (!stop.graceful.aborted);
  context.log.status(null);
  return task;
}

function gaveUp({ moved, failureReason }: MessageMoveTask): EtlError {
  return new EtlError({
    kind: "temporary",
    operation: "move messages",
    message: `the queue server gave the move up after ${moved} messages${failureReason === undefined ? "" : ` (${failureReason})`}`,
    hint: "etl rejects retry",
  });
}
