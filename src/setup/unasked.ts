/** The asker of a run that nobody answers: it takes what is proposed, and says which flag gives what is not. */

import { EtlError } from "../errors.ts";
import type { Asker } from "./asker.ts";

/** Where such a run tells what it finds. */
export type Telling = Pick<Asker, "tell" | "warn" | "show">;

/** Makes it. */
export function unasked(telling: Telling): Asker {
  return {
    ...telling,
    isPerson: false,
    async text({ message, flag, proposed, fault }) {
      if (proposed === undefined || fault(proposed) !== undefined) throw unanswered(message, flag);
      return proposed;
    },
    secret: async ({ message, flag }) => {
      throw unanswered(message, flag);
    },
    async choose({ message, flag, choices, proposed, mayAssume = true }) {
      const found = choices.find(({ value }) => value === proposed);
      if (!mayAssume || found === undefined) throw unanswered(message, flag);
      return found.value;
    },
    several: async ({ proposed }) => proposed,
    confirm: async ({ proposed }) => proposed,
  };
}

/** What was not said, and how to say it. */
function unanswered(question: string, flag: string): EtlError {
  return new EtlError({
    kind: "usage",
    operation: "init",
    message: `nobody is here to answer "${question}"`,
    hint: `give ${flag}`,
  });
}
