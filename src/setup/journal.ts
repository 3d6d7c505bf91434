/** Lets a set-up go back by a question: it is run again, and what was answered and found until there is not asked again. */

import { type Asker, goBack } from "./asker.ts";
import type { Session, SetupDatabase, SetupQueue } from "./ports.ts";

/** What an answer or a look into the world gave. */
interface Entry {
  readonly isAnswer: boolean;
  readonly outcome: { readonly value: unknown } | { readonly error: unknown };
}

/** A set-up whose steps are remembered. */
export interface Journal {
  /** The session that a run of the set-up works with: a run from its start repeats what is remembered. */
  readonly session: Session;
  /**
   * Forgets the last answer and whatever was found after it.
   *
   * @returns false if there is no answer to forget
   */
  back(): boolean;
  /** Closes every database that was opened, but for one. */
  close(except?: SetupDatabase): void;
}

export function createJournal({ asker, ports, start }: Session): Journal {
  const entries: Entry[] = [];
  let position = 0;
  const opened = new Set<SetupDatabase>();
  /** By queue: going back and on again is no reason for another receive. */
  const samples = new Map<string, ReturnType<SetupQueue["sample"]>>();

  async function step<T>(isAnswer: boolean, act: () => Promise<T>): Promise<T> {
    const known = entries[position];
    const outcome = known?.outcome ?? (await outcomeOf(act));
    if (known === undefined) entries.push({ isAnswer, outcome });
    position += 1;
    if ("error" in outcome) throw outcome.error;
    return outcome.value as T;
  }
  const answer = <T>(act: () => Promise<T>) => step(true, act);
  const look = <T>(act: () => Promise<T>) => step(false, act);
  /** What was told before is on the screen already. */
  const once = async (act: () => Promise<void>) => {
    if (position === entries.length) await act();
  };

  const recorded: Asker = {
    isPerson: asker.isPerson,
    text: (question) => answer(() => asker.text(question)),
    secret: (message) => answer(() => asker.secret(message)),
    choose: (question) => answer(() => asker.choose(question)),
    several: (question) => answer(() => asker.several(question)),
    confirm: (message, proposed) => answer(() => asker.confirm(message, proposed)),
    tell: (...lines) => once(() => asker.tell(...lines)),
    warn: (text) => once(() => asker.warn(text)),
    show: (...table) => once(() => asker.show(...table)),
  };

  return {
    session: {
      asker: recorded,
      start,
      ports: {
        ...ports,
        identity: () => look(() => ports.identity()),
        queueUrls: () => look(() => ports.queueUrls()),
        openQueue(url) {
          const queue = ports.openQueue(url);
          return {
            name: queue.name,
            attributes: () => look(() => queue.attributes()),
            sample: (maxMessages, extendedPayloads) =>
              look(async () => {
                const key = JSON.stringify([url, extendedPayloads]);
                const sample = samples.get(key) ?? queue.sample(maxMessages, extendedPayloads);
                await sample;
                samples.set(key, sample);
                return sample;
              }),
          };
        },
        connect: (databaseAnswer) =>
          look(async () => {
            const database = await ports.connect(databaseAnswer);
            const remembered: SetupDatabase = {
              ...database,
              tables: () => look(() => database.tables()),
              table: (name) => look(() => database.table(name)),
              faults: (name, mapping) => look(() => database.faults(name, mapping)),
            };
            opened.add(remembered);
            return remembered;
          }),
      },
    },
    back() {
      const last = entries.findLastIndex(({ isAnswer }) => isAnswer);
      if (last < 0) return false;
      entries.length = last;
      position = 0;
      return true;
    },
    close(except) {
      for (const database of opened) if (database !== except) database.close();
    },
  };
}

/** Going back is no outcome: the question is open again. */
async function outcomeOf(act: () => Promise<unknown>): Promise<Entry["outcome"]> {
  try {
    return { value: await act() };
  } catch (error) {
    if (error === goBack) throw error;
    return { error };
  }
}
