/** Makes a world that breaks a promise as small as it can be, for a person to read. */

import type { Plan } from "./plan.ts";
import { runWorld } from "./world.ts";

/** Takes away faults, then messages, then processes, as long as some promise is broken without them, too. */
export function shrink(plan: Plan): Plan {
  let smallest = plan;
  for (;;) {
    const smaller = candidates(smallest).find((candidate) => runWorld(candidate).broken !== undefined);
    if (smaller === undefined) return smallest;
    smallest = smaller;
  }
}

function candidates(plan: Plan): readonly Plan[] {
  const { faults, messages, processes } = plan;
  return [
    ...without(faults).map((less) => ({ ...plan, faults: less })),
    ...without(messages).map((less) => ({ ...plan, messages: less })),
    // The places of the others must stay what faults call them.
    ...(processes.length > 1 ? [{ ...plan, processes: processes.slice(0, -1) }] : []),
  ];
}

/** The list without its first half, its second half, and so on down to each single element. */
function without<T>(list: readonly T[]): readonly (readonly T[])[] {
  const lists: (readonly T[])[] = [];
  for (let size = Math.ceil(list.length / 2); size > 0; size = size === 1 ? 0 : Math.ceil(size / 2))
    for (let start = 0; start < list.length; start += size)
      lists.push([...list.slice(0, start), ...list.slice(start + size)]);
  return lists;
}
