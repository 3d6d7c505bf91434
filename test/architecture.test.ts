import { expect, test } from "bun:test";
import { dirname, join, relative } from "node:path";

const src = join(import.meta.dir, "../src");
const transpiler = new Bun.Transpiler({ loader: "ts" });

/** What a room of `src` may import when it runs, as rooms or files; of everything else it may import the types. */
interface Arrows {
  readonly may: readonly string[];
  readonly packages?: RegExp;
  /** Decides and does nothing: not even a type of a room that does something. */
  readonly pure?: true;
}

const rooms: Readonly<Record<string, Arrows>> = {
  text: { may: [], pure: true },
  message: { may: ["errors.ts", "text"], packages: /^node:(crypto|zlib)$/, pure: true },
  doctor: { may: ["message", "errors.ts", "text"] },
  processing: { may: ["message", "errors.ts"] },
  polling: { may: ["processing", "message", "errors.ts"] },
  aws: { may: ["errors.ts"], packages: /^(node:|aws4fetch$|@aws-sdk\/)/ },
  sqs: { may: ["aws", "errors.ts"], packages: /^node:/ },
  s3: { may: ["aws", "sqs/queue-url.ts", "errors.ts"], packages: /^node:/ },
  postgres: {
    may: ["processing/outcome.ts", "message", "errors.ts", "text"],
    packages: /^(node:|postgres$)/,
  },
  terminal: { may: ["errors.ts", "text"], packages: /^(node:(fs|stream|tty)$|@clack\/prompts$)/ },
  settings: { may: ["message", "errors.ts", "text"], packages: /^(node:(fs|path)|smol-toml|valibot)$/ },
  setup: { may: ["message", "processing", "postgres/column-types.ts", "errors.ts", "text"] },
  demo: { may: ["errors.ts"], packages: /^(node:|local-aws-sqs$|@electric-sql\/)/ },
  commands: {
    may: [
      "settings",
      "aws",
      "doctor",
      "polling",
      "processing",
      "demo",
      "errors.ts",
      "message",
      "postgres",
      "s3",
      "setup",
      "aws",
      "sqs",
      "s3",
      "terminal",
      "text",
    ],
    packages: /^(node:|bun:jsc$)/,
  },
  cli: { may: ["commands", "settings", "errors.ts", "terminal", "text"], packages: /^cac$/ },
  "cli.ts": { may: ["cli", "commands", "settings", "errors.ts", "terminal"] },
  "main.ts": { may: ["cli", "cli.ts", "terminal"], packages: /^node:tty$/ },
  "errors.ts": { may: [] },
};

const within = (path: string, places: readonly string[]) =>
  places.some((place) => path === place || path.startsWith(`${place}/`));

/** `FILE imports TARGET` for each import that is not allowed. */
async function refused(room: string, { may, packages, pure }: Arrows): Promise<readonly string[]> {
  const pattern = room.endsWith(".ts") ? room : `${room}/**/*.ts`;
  const files = (await Array.fromAsync(new Bun.Glob(pattern).scan(src))).sort();
  expect(files).not.toBeEmpty();
  const wrong: string[] = [];
  for (const file of files.filter((name) => !name.endsWith(".d.ts"))) {
    const text = await Bun.file(join(src, file)).text();
    const types = Array.from(text.matchAll(/\bfrom "(\.[^"]+)"/g), ([, path = ""]) => path);
    const code = transpiler.scanImports(text).map(({ path }) => path);
    for (const path of new Set(pure ? [...code, ...types] : code)) {
      const target = path.startsWith(".") ? relative(src, join(src, dirname(file), path)) : path;
      // A file that is embedded, such as SQL or the manifest, is content and no module.
      if (path.startsWith(".") && !path.endsWith(".ts")) continue;
      const allowed = path.startsWith(".") ? within(target, [room, ...may]) : packages?.test(path);
      if (!allowed) wrong.push(`${file} imports ${target}`);
    }
  }
  return wrong;
}

test("every room of src has its arrows here", async () => {
  const names = await Array.fromAsync(new Bun.Glob("*").scan({ cwd: src, onlyFiles: false }));
  expect(names.filter((name) => !name.endsWith(".d.ts")).toSorted()).toEqual(Object.keys(rooms).toSorted());
});

test.each(Object.entries(rooms))("src/%s imports what it may, and nothing else", async (room, arrows) => {
  expect(await refused(room, arrows)).toEqual([]);
});

test("an import that is not allowed is found, of a package, of a module, and of a type by a pure room", async () => {
  expect(await refused("cli", { may: ["commands", "settings", "errors.ts", "terminal", "text"] })).toEqual([
    "cli/parse.ts imports cac",
  ]);
  expect(await refused("main.ts", { may: ["cli", "cli.ts"], packages: /^node:tty$/ })).not.toBeEmpty();
  const terminal = { may: ["errors.ts", "text"], packages: /./ };
  expect(await refused("terminal", terminal)).toEqual([]);
  expect(await refused("terminal", { ...terminal, pure: true })).not.toBeEmpty();
});
