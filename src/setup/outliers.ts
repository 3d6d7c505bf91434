/** Sets aside what does not belong in a sample: one broken message must not say what all the others are like. */

/** The bodies that are of one kind, and how many were of another. */
export interface AlikeBodies {
  readonly bodies: readonly object[];
  readonly unlike: number;
}

/** Fewer bodies have no majority to speak of. */
const leastBodies = 3;

/** Keeps the bodies that have at least half of the fields which most bodies have. */
export function alikeBodies(bodies: readonly object[]): AlikeBodies {
  if (bodies.length < leastBodies) return { bodies, unlike: 0 };
  const counts = new Map<string, number>();
  for (const name of bodies.flatMap((body) => Object.keys(body))) {
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const common = [...counts].filter(([, count]) => count > bodies.length / 2).map(([name]) => name);
  const alike = bodies.filter((body) => {
    const held = common.filter((name) => Object.hasOwn(body, name)).length;
    return held >= common.length / 2;
  });
  return { bodies: alike, unlike: bodies.length - alike.length };
}
