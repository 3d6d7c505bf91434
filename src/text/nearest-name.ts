/** Finds the name that a misspelt one was meant to be: for commands, flags, keys of `etl.toml` and parameters. */

/**
 * The nearest of the names, or undefined where none is near enough to be worth a suggestion.
 * Case, hyphens and underscores make no difference; neighbours that changed places count as one mistake.
 */
export function nearestName(typed: string, names: readonly string[]): string | undefined {
  const word = comparable(typed);
  if (word === "" || word.length > longestWord) return undefined;
  let nearest: string | undefined;
  let fewest = Math.floor(word.length / 3) + 1;
  for (const name of names) {
    const mistakes = editDistance(word, comparable(name));
    if (mistakes < fewest) {
      nearest = name;
      fewest = mistakes;
    }
  }
  if (nearest !== undefined) return nearest;
  const longer = names.filter((name) => comparable(name).startsWith(word));
  return longer.length === 1 ? longer[0] : undefined;
}

/** No name of ours is near this length, and the distance costs its square. */
const longestWord = 64;

function comparable(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, "");
}

/**
 * Insertions, deletions, replacements and swaps of neighbours between two words.
 *
 * @see https://en.wikipedia.org/wiki/Damerau%E2%80%93Levenshtein_distance "optimal string alignment"
 */
function editDistance(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const replaced = at(last, column - 1) + (from[row - 1] === to[column - 1] ? 0 : 1);
      let best = Math.min(replaced, at(last, column) + 1, at(current, column - 1) + 1);
      const swapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      if (swapped && row > 1 && column > 1) best = Math.min(best, at(beforeLast, column - 2) + 1);
      current.push(best);
    }
    beforeLast = last;
    last = current;
  }
  return at(last, to.length);
}

function at(distances: readonly number[], column: number): number {
  return distances[column] ?? Number.POSITIVE_INFINITY;
}
