/** What the bench's queue holds: login events, prepared so far that handing one out is little more than joining texts. */

import { hash, randomBytes } from "node:crypto";
import { generateBodies, seededRandom } from "../../src/demo/events.ts";
import { compileMapping } from "../../src/message/mapper.ts";
import { userLogins } from "../../src/message/mapping.ts";
import { createMasker } from "../../src/message/mask.ts";
import { isRefusal } from "../../src/message/message.ts";

/** What is to be in the queue. */
export interface MessagesOptions {
  readonly count: number;
  /** Up to 65,535; it is part of every user's id, so that the rows of one run are told from another's. */
  readonly run: number;
  /** When the last message was sent. */
  readonly sentUntilMillis: number;
}

/** Different events; they come round again with other users. */
const eventCount = 4096;
const sentPerMilli = 5;

/** A receipt handle of SQS has about 400 characters of base64. */
const handleFillerCharacters = 376;
const handleFillers = randomBytes(12_288).toString("base64");

/** An event's body before and after its user's id, as it is and as each protocol writes it. */
interface EventText {
  readonly userIdEnd: string;
  readonly plain: readonly [string, string];
  readonly xml: readonly [string, string];
  readonly json: readonly [string, string];
}

const events = eventTexts();

/** The messages of one run, by their index. */
export class Messages {
  readonly count: number;
  readonly #runDigits: string;
  readonly #ids: string;
  /** Of the bodies, as hex. */
  readonly #digests: Buffer;
  readonly #firstSentMillis: number;

  constructor({ count, run, sentUntilMillis }: MessagesOptions) {
    this.count = count;
    this.#runDigits = hexOf(run, 4);
    this.#ids = randomBytes(16 * count).toString("hex");
    this.#firstSentMillis = sentUntilMillis - Math.floor(count / sentPerMilli);
    this.#digests = Buffer.alloc(32 * count);
    for (let index = 0; index < count; index += 1) {
      this.#digests.write(hash("md5", this.body(index)), 32 * index, "latin1");
    }
  }

  /** A UUID of version 4. */
  messageId(index: number): string {
    const at = 32 * index;
    const hex = this.#ids;
    const [first, second] = [hex.slice(at, at + 8), hex.slice(at + 8, at + 12)];
    return `${first}-${second}-4${hex.slice(at + 13, at + 16)}-a${hex.slice(at + 17, at + 20)}-${hex.slice(at + 20, at + 32)}`;
  }

  /** Holds the index, so that a row tells which message it came from. */
  userId(index: number): string {
    return `${hexOf(index, 8)}-${this.#runDigits}-${eventOf(index).userIdEnd}`;
  }

  /** Grows with the index, some messages a millisecond. */
  sentAtMillis(index: number): number {
    return this.#firstSentMillis + Math.floor(index / sentPerMilli);
  }

  /** The handle of one delivery. */
  receiptHandle(index: number, receiveCount: number): string {
    const at = (index * 97) % (handleFillers.length - handleFillerCharacters);
    const filler = handleFillers.slice(at, at + handleFillerCharacters);
    return `AQEB${filler}${hexOf(index, 8)}${hexOf(receiveCount, 4)}==`;
  }

  /** @returns which message the handle was given out for, if it was made here */
  indexOfHandle(handle: string): number | undefined {
    const index = Number.parseInt(handle.slice(-14, -6), 16);
    const receiveCount = Number.parseInt(handle.slice(-6, -2), 16);
    if (!(index < this.count) || handle !== this.receiptHandle(index, receiveCount)) return undefined;
    return index;
  }

  body(index: number): string {
    return join(eventOf(index).plain, this.userId(index));
  }

  /** The body as it stands in XML. */
  xmlBody(index: number): string {
    return join(eventOf(index).xml, this.userId(index));
  }

  /** The body as it stands in a JSON string, without the quotation marks around it. */
  jsonBody(index: number): string {
    return join(eventOf(index).json, this.userId(index));
  }

  bodyDigest(index: number): string {
    return this.#digests.toString("latin1", 32 * index, 32 * index + 32);
  }
}

/** Of the events that the demo sends, those that become rows. */
function eventTexts(): readonly EventText[] {
  const toRow = compileMapping(userLogins, {
    masker: createMasker({ defaultMethod: "sha256" }),
    limits: new Map(),
    body: { envelope: "none", encoding: "none" },
    now: Date.now,
  });
  const ref = { messageId: "", receiptHandle: "", sentAtMillis: 0, receiveCount: 1 };
  return generateBodies({ count: eventCount + eventCount / 32, random: seededRandom(1) })
    .filter((body) => !isRefusal(toRow({ ...ref, body, bodyIntact: true })))
    .slice(0, eventCount)
    .map((body) => {
      const event = JSON.parse(body) as { user_id: string };
      const plain = body.split(event.user_id) as [string, string];
      return {
        userIdEnd: event.user_id.slice(14),
        plain,
        xml: plain.map((part) => part.replaceAll('"', "&quot;")) as [string, string],
        json: plain.map((part) => part.replaceAll('"', '\\"')) as [string, string],
      };
    });
}

function eventOf(index: number): EventText {
  return events[index % eventCount] as EventText;
}

function join([before, after]: readonly [string, string], userId: string): string {
  return `${before}${userId}${after}`;
}

function hexOf(number: number, digits: number): string {
  return number.toString(16).padStart(digits, "0");
}
