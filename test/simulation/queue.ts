/** The queue as SQS keeps it: visibility, receipt handles, groups, redrive and retention. It knows nothing of networks. */

import type { Message } from "../../src/message/message.ts";
import type { VisibilityChange } from "../../src/polling/ports.ts";
import type { Kernel, Scheduled } from "./kernel.ts";
import type { Plan, Sent } from "./plan.ts";

/** Where a message is. `expired` and `redriven` are the queue's own doing. */
type Place = "queue" | "deleted" | "expired" | "redriven";

/** A message on the server. `Holder` is who was handed it last. */
export interface Stored<Holder> {
  readonly id: string;
  readonly sent: Sent;
  place: Place;
  visibleAtMillis: number;
  receiveCount: number;
  holder: Holder | undefined;
  /** Whether there is a cause for it to be handed out again. */
  excused: boolean;
  /** Whether its holder has given it back. */
  isReleased: boolean;
}

/** A long poll that is open at the server. */
interface Poll<Holder> {
  readonly holder: Holder;
  readonly maxMessages: number;
  readonly answer: (messages: readonly Message[]) => void;
  readonly deadline: Scheduled;
}

/** How often a poll that does not wait finds nothing, whatever there is. */
const shortPollMisses = 0.15;

/** What the server tells of what it does. */
export interface QueueEvents<Holder> {
  /** A message is about to be handed out again, to `holder`. */
  readonly onHandedAgain: (message: Stored<Holder>, holder: Holder) => void;
  readonly onDelete: (message: Stored<Holder>, holder: Holder) => void;
  readonly onRelease: (message: Stored<Holder>, holder: Holder) => void;
}

/** The server of one queue. */
export class SimulatedQueue<Holder> {
  readonly messages: Stored<Holder>[] = [];
  readonly #byId = new Map<string, Stored<Holder>>();
  readonly #polls = new Set<Poll<Holder>>();
  readonly #kernel: Kernel;
  readonly #plan: Plan;
  readonly #random: () => number;
  readonly #events: QueueEvents<Holder>;
  #wake: Scheduled | undefined;
  /** Receives that have handed something out. */
  #handed = 0;

  constructor(kernel: Kernel, plan: Plan, random: () => number, events: QueueEvents<Holder>) {
    this.#kernel = kernel;
    this.#plan = plan;
    this.#random = random;
    this.#events = events;
  }

  send(sent: Sent): void {
    const message: Stored<Holder> = {
      ...{ id: `m${this.messages.length}`, sent, place: "queue", visibleAtMillis: 0, receiveCount: 0 },
      ...{ holder: undefined, excused: true, isReleased: false },
    };
    this.messages.push(message);
    this.#byId.set(message.id, message);
    this.#serve();
  }

  /** The message that a receipt handle is of, and whether no newer delivery has made the handle stale. */
  find(receiptHandle: string): { readonly message: Stored<Holder>; readonly isCurrent: boolean } {
    const [id = "", count] = receiptHandle.split("#");
    const message = this.#byId.get(id);
    if (message === undefined) throw new Error("a receipt handle that was never handed out");
    return { message, isCurrent: Number(count) === message.receiveCount };
  }

  /**
   * Opens a poll.
   *
   * @param answer called with messages as soon as there are any, or with none when `waitMillis` are over
   * @returns ends the poll, as a server does that notices that its caller has hung up
   */
  poll(
    holder: Holder,
    maxMessages: number,
    waitMillis: number,
    answer: (messages: readonly Message[]) => void,
  ): () => void {
    const end = () => {
      deadline.cancelled = true;
      this.#polls.delete(poll);
    };
    const deadline = this.#kernel.after(waitMillis, () => {
      end();
      answer([]);
    });
    const poll = { holder, maxMessages, answer, deadline };
    // A poll that does not wait asks a part of SQS's servers, and may find nothing though there is something.
    if (waitMillis === 0 && this.#random() < shortPollMisses) return end;
    this.#polls.add(poll);
    this.#serve();
    return end;
  }

  delete(receiptHandle: string, holder: Holder): boolean {
    const { message, isCurrent } = this.find(receiptHandle);
    if (message.place !== "queue") return true;
    // A stale handle: a FIFO queue refuses it, and a standard one says yes and may do nothing.
    if (!isCurrent && this.#plan.fifo) return false;
    if (!isCurrent && this.#random() < 0.5) return true;
    message.place = "deleted";
    this.#events.onDelete(message, holder);
    this.#serve();
    return true;
  }

  changeVisibility({ receiptHandle, timeoutSeconds }: VisibilityChange, holder: Holder): boolean {
    const { message, isCurrent } = this.find(receiptHandle);
    if (message.place !== "queue" || !isCurrent || message.visibleAtMillis <= this.#kernel.now) return false;
    message.visibleAtMillis = this.#kernel.now + timeoutSeconds * 1000;
    message.isReleased = timeoutSeconds === 0;
    if (message.isReleased) this.#events.onRelease(message, holder);
    this.#serve();
    return true;
  }

  /** Messages that a receive could hand out, and those that are hidden. */
  get depth(): { readonly visible: number; readonly hidden: number } {
    let [visible, hidden] = [0, 0];
    for (const { place, visibleAtMillis } of this.messages) {
      if (place !== "queue") continue;
      if (visibleAtMillis <= this.#kernel.now) visible += 1;
      else hidden += 1;
    }
    return { visible, hidden };
  }

  /** What a receive could hand out at this moment, in order. */
  get receivable(): readonly Stored<Holder>[] {
    const { now } = this.#kernel;
    const { fifo, maxReceiveCount, retentionMillis } = this.#plan;
    const busy = new Set<string | undefined>();
    return this.messages.filter((message) => {
      const { group, atMillis } = message.sent;
      if (message.place !== "queue" || (fifo && busy.has(group))) return false;
      if (message.visibleAtMillis > now) {
        busy.add(group);
        return false;
      }
      if (now - atMillis > retentionMillis) message.place = "expired";
      else if (message.receiveCount === maxReceiveCount) message.place = "redriven";
      return message.place === "queue";
    });
  }

  /** Answers the polls that can be answered, and looks again when the next message becomes visible. */
  #serve(): void {
    for (const poll of this.#polls) {
      const messages = this.#hand(poll);
      if (messages.length === 0) continue;
      poll.deadline.cancelled = true;
      this.#polls.delete(poll);
      poll.answer(messages);
    }
    if (this.#wake !== undefined) this.#wake.cancelled = true;
    this.#wake = undefined;
    if (this.#polls.size === 0) return;
    let next = Number.POSITIVE_INFINITY;
    for (const { place, visibleAtMillis } of this.messages)
      if (place === "queue" && visibleAtMillis > this.#kernel.now) next = Math.min(next, visibleAtMillis);
    if (next < Number.POSITIVE_INFINITY)
      this.#wake = this.#kernel.after(next - this.#kernel.now, () => this.#serve());
  }

  #hand({ holder, maxMessages }: Poll<Holder>): readonly Message[] {
    const { now } = this.#kernel;
    const { fifo, visibilitySeconds, faults } = this.#plan;
    // SQS samples its servers, and need not hand out all that a call may take.
    const most = this.#random() < 0.2 ? 1 + Math.floor(this.#random() * maxMessages) : maxMessages;
    const handed = this.receivable.slice(0, most);
    if (handed.length > 0) this.#handed += 1;
    const nth = this.#handed - 1;
    const isDoubled = !fifo && faults.some((fault) => fault.kind === "duplicate" && fault.nth === nth);
    return handed.map((message) => {
      if (message.receiveCount > 0) this.#events.onHandedAgain(message, holder);
      message.receiveCount += 1;
      message.holder = holder;
      message.excused = isDoubled;
      message.isReleased = false;
      message.visibleAtMillis = isDoubled ? now : now + visibilitySeconds * 1000;
      return {
        messageId: message.id,
        receiptHandle: `${message.id}#${message.receiveCount}`,
        sentAtMillis: 1_700_000_000_000 + message.sent.atMillis,
        receiveCount: message.receiveCount,
        groupId: message.sent.group,
        body: `${message.sent.nature} ${message.sent.rows}`,
        bodyIntact: true,
      };
    });
  }
}
