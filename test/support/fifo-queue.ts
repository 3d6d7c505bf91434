/** A FIFO queue in memory, as strict as SQS: while a message of a group is out, the group's next ones stay in. */

import type { Message } from "../../src/message/message.ts";
import type {
  QueueAttributes,
  ReceiveOptions,
  SettleResult,
  Source,
  VisibilityChange,
} from "../../src/polling/ports.ts";
import { turn } from "./memory-ports.ts";

interface Stored {
  readonly id: string;
  readonly group: string;
  readonly body: string;
  deliveries: number;
  handle: string | undefined;
}

/** One message to begin with. */
export interface FifoMessage {
  readonly group: string;
  readonly body: string;
}

/** Throws, as a test failure, where a delete overtakes an earlier message of its group. */
export class FifoQueue implements Source {
  requests = 0;
  /** Called before each receive. */
  onReceive: () => void = () => {};
  /** Deletes that came while an earlier message of the group was still there and not being deleted. */
  readonly overtaken: string[] = [];
  #messages: Stored[];

  constructor(messages: readonly FifoMessage[]) {
    this.#messages = messages.map(({ group, body }, index) => ({
      id: `m${index}-${body}`,
      group,
      body,
      deliveries: 0,
      handle: undefined,
    }));
  }

  get left(): string[] {
    return this.#messages.map(({ body }) => body);
  }

  /** Every visibility time-out passes. */
  timeOut(): void {
    for (const message of this.#messages) message.handle = undefined;
  }

  async receive({ maxMessages, signal }: ReceiveOptions): Promise<Message[]> {
    this.requests += 1;
    this.onReceive();
    await turn();
    signal.throwIfAborted();
    const locked = new Set(
      this.#messages.filter(({ handle }) => handle !== undefined).map(({ group }) => group),
    );
    const handed = this.#messages.filter(({ group }) => !locked.has(group)).slice(0, maxMessages);
    return handed.map((message) => {
      message.deliveries += 1;
      message.handle = `${message.id}#${message.deliveries}`;
      return {
        messageId: message.id,
        receiptHandle: message.handle,
        sentAtMillis: 1_700_000_000_000,
        receiveCount: message.deliveries,
        groupId: message.group,
        body: message.body,
        bodyIntact: true,
      };
    });
  }

  async delete(handles: readonly string[]): Promise<SettleResult> {
    this.requests += 1;
    await turn();
    for (const handle of handles) {
      const index = this.#messages.findIndex((message) => message.handle === handle);
      const message = this.#messages[index];
      if (message === undefined) continue;
      if (this.#messages.slice(0, index).some(({ group }) => group === message.group))
        this.overtaken.push(message.id);
      this.#messages.splice(index, 1);
    }
    return { settled: handles.length, failed: 0 };
  }

  async changeVisibility(changes: readonly VisibilityChange[]): Promise<SettleResult> {
    this.requests += 1;
    await turn();
    for (const { receiptHandle, timeoutSeconds } of changes) {
      const message = this.#messages.find(({ handle }) => handle === receiptHandle);
      if (message !== undefined && timeoutSeconds === 0) message.handle = undefined;
    }
    return { settled: changes.length, failed: 0 };
  }

  async attributes(): Promise<QueueAttributes> {
    this.requests += 1;
    const visible = this.#messages.filter(({ handle }) => handle === undefined).length;
    return {
      arn: "arn:aws:sqs:eu-west-1:000000000000:memory.fifo",
      visible,
      inFlight: this.#messages.length - visible,
      delayed: 0,
      visibilityTimeoutSeconds: 30,
      retentionSeconds: 345_600,
      fifo: true,
    };
  }
}
