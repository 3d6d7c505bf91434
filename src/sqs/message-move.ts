/** Moves a dead-letter queue's messages back, by the queue server itself. */

import { EtlError } from "../errors.ts";
import { openSqsAccount, type SqsAccountParts } from "./account.ts";
import { callAccount } from "./account-query.ts";
import type { Meaning } from "./error-meanings.ts";
import { required, unexpected } from "./response.ts";
import type { XmlReader } from "./xml.ts";

/** Which messages go where. */
export interface MessageMove {
  /** The ARN of the dead-letter queue. */
  readonly sourceArn: string;
  /** The ARN of the queue they go to. Without it each goes to the queue that it came from by a redrive policy. */
  readonly destinationArn?: string | undefined;
}

/** What has become of a move. */
export interface MessageMoveTask {
  readonly status: "RUNNING" | "COMPLETED" | "CANCELLING" | "CANCELLED" | "FAILED";
  /** Approximate. */
  readonly moved: number;
  /** Approximate, as counted at the start; absent before that. */
  readonly toMove?: number;
  /** SQS's own word for why it failed, such as `AccessDenied`. */
  readonly failureReason?: string;
}

/** The most that SQS remembers. */
const mostTasks = 10;

const denied: Meaning = {
  kind: "permission",
  message: "the credentials may not move messages out of the dead-letter queue",
  hint: "allow sqs:StartMessageMoveTask, sqs:ListMessageMoveTasks, sqs:ReceiveMessage, sqs:DeleteMessage and sqs:GetQueueAttributes on it, and sqs:SendMessage on the other",
};

const meanings: ReadonlyMap<string, Meaning> = new Map([
  [
    "ResourceNotFoundException",
    {
      kind: "config",
      message: "the dead-letter queue, or the queue its messages are to go to, does not exist",
      hint: "check the dead-letter queue's URL, and deadLetterTargetArn in the other queue's redrive policy",
    },
  ],
]);

/**
 * How a server says that it has no such action, or not for these queues: SQS moves only out of a queue that a redrive
 * policy names.
 */
const unsupported: ReadonlySet<string> = new Set([
  "AWS.SimpleQueueService.UnsupportedOperation",
  "UnsupportedOperation",
  "InvalidAction",
  "InvalidParameterValue",
  "UnknownOperationException",
  "NotImplemented",
]);

/**
 * Starts a move, which goes on by itself.
 *
 * @returns false where the server does not move these messages, so that they have to be received and sent
 * @throws EtlError once retries are exhausted or where there is no use in any
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
 */
export async function startMessageMove(parts: SqsAccountParts, move: MessageMove): Promise<boolean> {
  const { client, endpoint } = openSqsAccount(parts);
  try {
    await callAccount("sqs", client, endpoint, {
      operation: "move messages",
      action: "StartMessageMoveTask",
      version: "2012-11-05",
      parameters: { SourceArn: move.sourceArn, DestinationArn: move.destinationArn },
      denied,
      meanings,
      read: (walk) => walk((reader) => reader.skip()),
    });
    return true;
  } catch (error) {
    if (error instanceof EtlError && unsupported.has(error.code ?? "")) return false;
    throw error;
  }
}

/**
 * The moves out of a dead-letter queue that the server remembers, the newest first.
 *
 * @throws EtlError once retries are exhausted or where there is no use in any
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListMessageMoveTasks.html
 */
export function listMessageMoves(
  parts: SqsAccountParts,
  sourceArn: string,
): Promise<readonly MessageMoveTask[]> {
  const { client, endpoint } = openSqsAccount(parts);
  return callAccount("sqs", client, endpoint, {
    operation: "list message moves",
    action: "ListMessageMoveTasks",
    version: "2012-11-05",
    parameters: { SourceArn: sourceArn, MaxResults: String(mostTasks) },
    denied,
    meanings,
    read(walk) {
      const tasks: MessageMoveTask[] = [];
      // SQS's model calls an entry by the one name, its documentation and other servers by the other.
      walk((reader, element) => {
        if (element === "ListMessageMoveTasksResultEntry" || element === "Result")
          tasks.push(readTask(reader));
        else reader.skip();
      });
      return tasks;
    },
  });
}

function readTask(reader: XmlReader): MessageMoveTask {
  const texts = new Map<string, string>();
  for (let element = reader.child(); element !== undefined; element = reader.child()) {
    texts.set(element, reader.text());
  }
  const toMove = texts.get("ApproximateNumberOfMessagesToMove");
  const failureReason = texts.get("FailureReason");
  return {
    status: readStatus(required(texts, "Status")),
    moved: readCount(texts.get("ApproximateNumberOfMessagesMoved") ?? "0"),
    ...(toMove === undefined ? {} : { toMove: readCount(toMove) }),
    ...(failureReason === undefined ? {} : { failureReason: readWord(failureReason) }),
  };
}

function readStatus(text: string): MessageMoveTask["status"] {
  switch (text) {
    case "RUNNING":
    case "COMPLETED":
    case "CANCELLING":
    case "CANCELLED":
    case "FAILED":
      return text;
    default:
      throw unexpected();
  }
}

function readCount(text: string): number {
  if (!/^[0-9]{1,15}$/.test(text)) throw unexpected();
  return Number(text);
}

/** A word and no more: what is longer is text that a server has made up. */
function readWord(text: string): string {
  return /^[A-Za-z0-9._:]{1,100}$/.test(text) ? text : "unknown";
}
