/** Opens the queue that rejected messages are sent to, where the settings ask for one, and checks that it can be one. */

import { EtlError } from "../../errors.ts";
import type { DeadLetterQueue, QueueAttributes } from "../../polling/ports.ts";
import type { Settings } from "../../settings/settings.ts";
import { createSqsDeadLetterQueue, readDeadLetterAttributes } from "../../sqs/dead-letter.ts";
import type { Context } from "../context.ts";
import { noDeadLetterQueue, sourceParts } from "../queue.ts";

/**
 * The dead-letter queue of `--on-reject dead-letter`; undefined where rejected messages stay.
 *
 * @param origin the queue that is drained
 * @throws EtlError of kind config where none is named, or where it is the drained queue itself or of another kind;
 * whatever asking it for its attributes throws
 */
export async function openDeadLetters(
  settings: Pick<Settings, "queue" | "rejects">,
  origin: QueueAttributes,
  context: Context,
): Promise<DeadLetterQueue | undefined> {
  const { action, deadLetterUrl } = settings.rejects;
  if (action === "leave") return undefined;
  if (deadLetterUrl === undefined) throw noDeadLetterQueue();
  const parts = sourceParts({ ...settings.queue, url: deadLetterUrl }, context);
  const { arn, fifo } = await readDeadLetterAttributes(parts);
  if (arn === origin.arn) {
    throw unusable("the dead-letter queue is the queue that is drained", "give another --dead-letter-url");
  }
  if (fifo !== origin.fifo) {
    throw unusable(
      `the dead-letter queue is ${fifo ? "a FIFO queue" : "no FIFO queue"}, and the drained one is ${origin.fifo ? "one" : "none"}`,
      "give a --dead-letter-url of the same kind",
    );
  }
  return createSqsDeadLetterQueue({ ...parts, originArn: origin.arn });
}

function unusable(message: string, hint: string): EtlError {
  return new EtlError({ kind: "config", operation: "dead letters", message, hint });
}
