/** Ways to break the core on purpose. The simulation has to find each. */

/** One change of one file. */
export interface Mutation {
  readonly name: string;
  /** Below `src/`. */
  readonly file: string;
  /** Text that the file has once. */
  readonly find: string;
  readonly replace: string;
}

const deliveries = "polling/deliveries.ts";
const drain = "polling/drain.ts";

/** Each by the promise that it breaks. */
export const mutations: readonly Mutation[] = [
  {
    name: "a message whose commit is in doubt is deleted",
    file: deliveries,
    find: "back.push([delivery, !outcome.mayBeStored]);",
    replace: "if (outcome.mayBeStored) durable.push(delivery); else back.push([delivery, true]);",
  },
  {
    name: "what a failed load held is deleted",
    file: deliveries,
    find: 'case "unsettled":\n          if',
    replace: 'case "unsettled":\n          durable.push(delivery);\n          break;\n          if',
  },
  {
    name: "a rejected message is deleted before its copy is accepted",
    file: deliveries,
    find: "let rejected: typeof batch = [];",
    replace:
      "const letters = asked.map(([{ message }, rejection]) => ({ message: message as Message, rejection })); this.#delete(asked.map(([delivery]) => delivery)); if (await retryUntil(() => deadLetters.send(letters), retry)) return; let rejected: typeof batch = [];",
  },
  {
    name: "a rejected message is deleted whether or not its copy was accepted",
    file: deliveries,
    find: "rejected.filter((_, index) => accepted.has(index))",
    replace: "rejected",
  },
  {
    name: "give-backs go out while a poll is still open",
    file: deliveries,
    find: "if (!this.#pollsAreOver) this.#keptBack ??= [];",
    replace: "",
  },
  {
    name: "a give-back that fails counts as released",
    file: deliveries,
    find: "this.#counts.released += counted - unreleased;",
    replace: "this.#counts.released += counted; this.#counts.unsettled -= unreleased;",
  },
  {
    name: "the room of what is settled is not given back",
    file: deliveries,
    find: "this.#reserved -= deliveries.length;\n    this.#ring();\n  }\n\n  #forgetMessage",
    replace: "this.#ring();\n  }\n\n  #forgetMessage",
  },
  {
    name: "messages are not kept invisible while a load is slow",
    file: "polling/visibility.ts",
    find: "while (visibilityTimeoutSeconds > 0 && !signal.aborted) {",
    replace: "while (false) {",
  },
  {
    name: "two deliveries of one message go into one load",
    file: "processing/processor.ts",
    find: "if (before !== undefined) {",
    replace: "if (before !== undefined && before < 0) {",
  },
  {
    name: "two messages of one group are loaded at a time",
    file: "polling/delivery.ts",
    find: "if (groupId !== undefined) this.#busyGroups.add(groupId);",
    replace: "",
  },
  {
    name: "what follows a rejected message of its group goes on",
    file: deliveries,
    find: "if (followers.length > 0) this.settle(",
    replace: "if (followers.length < 0) this.settle(",
  },
  {
    name: "a refusal that may be the table's own fault rejects messages",
    file: "processing/circuit-breaker.ts",
    find: "if (suspect !== undefined) return suspect;",
    replace: "",
  },
  {
    name: "what the circuit breaker holds is rejected when it has opened",
    file: "processing/circuit-breaker.ts",
    find: "if (!this.#isOpen) {\n      this.#pass(this.#refused, settle);",
    replace: "if (true) {\n      this.#pass(this.#refused, settle);",
  },
  {
    name: "what a poll brings after a stop is forgotten",
    file: "polling/receivers.ts",
    find: "const fresh = deliveries.arrive(count, messages, isKnown);",
    replace: "const fresh = deliveries.arrive(count, signal.aborted ? [] : messages, isKnown);",
  },
  {
    name: "a run ends while it still has calls open",
    file: drain,
    find: "while (!this.deliveries.callsAreOver) await this.deliveries.changed();",
    replace: "",
  },
  {
    name: "a run that fails does not give back what waits",
    file: drain,
    find: "this.deliveries.releaseWaiting();",
    replace: "",
  },
  {
    name: "a stop while a failed run waits for its polls is not heard",
    file: "polling/receivers.ts",
    find: "AbortSignal.any([this.#ended.signal, stop])",
    replace: "this.#ended.signal",
  },
  {
    name: "a load that is answered is counted twice",
    file: deliveries,
    find: "this.#counts.inserted += 1;",
    replace: "this.#counts.inserted += 2; this.#counts.received += 1;",
  },
  {
    name: "a run with more messages in the queue takes it for drained",
    file: drain,
    find: "return visible <= this.deliveries.visibleAgain;",
    replace: "return true;",
  },
  {
    name: "a message without a partition is deleted",
    file: deliveries,
    find: "postponed.push(delivery);",
    replace: "durable.push(delivery);",
  },
  {
    name: "a message without a partition that comes again is counted again",
    file: deliveries,
    find: "this.#counts.unsettled -= 1;",
    replace: "",
  },
];
