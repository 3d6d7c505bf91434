/** A FIFO queue in memory, as strict as SQS: while a message of a group is out, the group's next ones stay in. */

import type { QueueAttributes, ReceiveOptions, SettleResult } from "../../src/polling/ports.ts";
import { MemoryQueue, type Stored } from "./memory-ports.ts";

/** One message to begin with. */
export interface FifoMessage {
  readonly group: string;
  readonly body: string;
}

/** Remembers the deletes that overtake an earlier message of their group. */
export class FifoQueue extends MemoryQueue {
  /** Called before each receive. */
  onReceive: () => void = () => {};
  /** Deletes that came while an earlier message of the group was still there and not being deleted. */
  readonly overtaken: string[] = [];

  constructor(messages: readonly FifoMessage[]) {
    super([]);
    this.messages = messages.map(({ group, body }, index) => ({
      ...{ id: `m${index}-${body}`, group, body, deliveries: 0, handle: undefined },
    }));
  }

  override get left(): string[] {
    return this.messages.map(({ body }) => body);
  }

  protected override receivable(): readonly Stored[] {
    const locked = new Set(
      this.messages.filter(({ handle }) => handle !== undefined).map(({ group }) => group),
    );
    return this.messages.filter(({ group }) => !locked.has(group));
  }

  override receive(options: ReceiveOptions) {
    this.onReceive();
    return super.receive(options);
  }

  /** A handle of an earlier delivery deletes nothing, and SQS does not say so. */
  override async delete(handles: readonly string[]): Promise<SettleResult> {
    const leaving = new Set<Stored>();
    for (const handle of handles) {
      const index = this.messages.findIndex((message) => message.handle === handle);
      const message = this.messages[index];
      if (message === undefined) continue;
      const before = this.messages.slice(0, index).filter((earlier) => !leaving.has(earlier));
      if (before.some(({ group }) => group === message.group)) this.overtaken.push(message.id);
      leaving.add(message);
    }
    const current = [...leaving].flatMap(({ handle }) => handle ?? []);
    const { failed } = await super.delete(current);
    return { settled: handles.length - failed, failed };
  }

  override async attributes(): Promise<QueueAttributes> {
    return { ...(await super.attributes()), fifo: true };
  }
}
