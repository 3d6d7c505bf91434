import { describe, expect, test } from "bun:test";
import { join } from "node:path";

const root = join(import.meta.dir, "../..");
const paths = (await Array.fromAsync(new Bun.Glob("src/**/*.ts").scan(root))).sort();

/** One object of the source that an error is made of. */
interface Parts {
  readonly path: string;
  readonly text: string;
}

/** The text from an opening bracket to the one that closes it; those in texts are balanced. */
function bracketed(text: string, start: number): string {
  let depth = 0;
  for (let index = start; index < text.length; index += 1) {
    if ("([{".includes(text[index] ?? "")) depth += 1;
    if (")]}".includes(text[index] ?? "")) depth -= 1;
    if (depth === 0) return text.slice(start, index + 1);
  }
  throw new Error(`unbalanced: ${text.slice(start, start + 80)}`);
}

async function partsBehind(opening: RegExp): Promise<Parts[]> {
  const found = paths.map(async (path) => {
    const text = await Bun.file(join(root, path)).text();
    return [...text.matchAll(opening)].map(({ index, 0: match }) => ({
      path,
      text: bracketed(text, index + match.length - 1).replaceAll(/\s+/g, " "),
    }));
  });
  return (await Promise.all(found)).flat();
}

const constructions = await partsBehind(/new EtlError\(/g);
/** Objects with a kind and a message that become an error elsewhere. */
const meanings = await partsBehind(
  /\{(?=\s*kind: "(?:usage|data|unavailable|internal|temporary|protocol|permission|config)")/g,
);

const isWithoutHint = ({ text }: Parts) => !/\bhint\b/.test(text);
/** What these come to is the same whatever failed, and added where errors are printed: `lastResort` in failure.ts. */
const isPassing = ({ text }: Parts) => /kind: "(?:temporary|unavailable|internal)"/.test(text);
const isSpread = ({ text }: Parts) => /\.\.\.\w/.test(text);
const shown = ({ path, text }: Parts) => `${path}: ${/message: (?:"[^"]*"|`[^`]*`)/.exec(text)?.[0] ?? text}`;

describe("every error ends with what to type next", () => {
  test("the places are found", () => {
    expect(constructions.length).toBeGreaterThan(60);
    expect(meanings.length).toBeGreaterThan(60);
    expect(isWithoutHint({ path: "", text: '({ kind: "config", message: "a hinted one" })' })).toBe(true);
  });

  test("but for those that pass or are bugs, each is made with a hint, or of parts that have one", () => {
    const bare = [...constructions, ...meanings].filter(
      (parts) => isWithoutHint(parts) && !isPassing(parts) && !isSpread(parts),
    );
    expect([...new Set(bare.map(shown))]).toEqual([]);
  });
});
