import { describe, expect, test } from "bun:test";
import { dirname, join } from "node:path";

const root = join(import.meta.dir, "..");
const list = async (pattern: string) => (await Array.fromAsync(new Bun.Glob(pattern).scan(root))).sort();
const source = (await list("src/**/*.ts")).filter((path) => !path.endsWith(".d.ts"));
const everything = [
  ...(await list("src/**/*.ts")),
  ...(await list("test/**/*.ts")),
  ...(await list("scripts/**/*.ts")),
];
const texts = new Map(
  await Promise.all(everything.map(async (path) => [path, await Bun.file(join(root, path)).text()] as const)),
);
const textOf = (path: string) => texts.get(path) ?? "";

/** What a folder of `src` may import of the others, as paths or folders. */
interface Arrows {
  readonly may: readonly string[];
  /** Of these the types alone. */
  readonly mayTypes?: readonly string[];
  readonly packages?: RegExp;
}

const arrows: Readonly<Record<string, Arrows>> = {
  text: { may: ["text"] },
  message: { may: ["message", "errors.ts"], packages: /^node:(crypto|zlib)$/ },
  polling: { may: ["polling", "message", "errors.ts"] },
  aws: {
    may: ["aws", "errors.ts"],
    mayTypes: ["polling/ports.ts"],
    packages: /^(node:|aws4fetch$|@aws-sdk\/)/,
  },
  sqs: { may: ["sqs", "aws", "errors.ts"], mayTypes: ["polling/ports.ts", "message"], packages: /^node:/ },
  s3: {
    may: ["s3", "aws", "sqs/queue-url.ts", "errors.ts"],
    mayTypes: ["sqs", "polling/ports.ts", "message"],
  },
  postgres: {
    may: ["postgres", "polling/ports.ts", "message", "errors.ts", "text"],
    packages: /^(node:|postgres$)/,
  },
  terminal: {
    may: ["terminal", "errors.ts"],
    mayTypes: ["polling/receipt.ts", "polling/ports.ts"],
    packages: /^(node:(fs|stream|tty)|@clack\/prompts)$/,
  },
  settings: {
    may: [
      "settings",
      "errors.ts",
      "message/conversions",
      "message/mapping.ts",
      "message/transforms/version.ts",
      "text",
    ],
    mayTypes: ["commands/context.ts", "message"],
    packages: /^(node:(fs|path)|smol-toml|valibot)$/,
  },
  setup: { may: ["setup", "message", "errors.ts"] },
  demo: { may: ["demo", "errors.ts"], packages: /^(node:|local-aws-sqs$|@electric-sql\/)/ },
  doctor: { may: ["doctor", "errors.ts", "text"] },
  commands: {
    may: [
      "commands",
      "settings",
      "aws",
      "doctor",
      "polling",
      "demo",
      "errors.ts",
      "message",
      "postgres",
      "s3",
      "setup",
      "sqs",
      "terminal",
      "text",
    ],
    packages: /^(node:|bun:jsc$)/,
  },
  cli: { may: ["cli", "commands", "settings", "errors.ts", "terminal", "text"], packages: /^cac$/ },
  "cli.ts": { may: ["cli", "commands", "settings", "errors.ts", "terminal"] },
  "main.ts": {
    may: ["cli", "cli.ts", "terminal"],
    mayTypes: ["commands/context.ts"],
    packages: /^node:tty$/,
  },
  "errors.ts": { may: [] },
};

interface Import {
  readonly from: string;
  readonly typesOnly: boolean;
}

function importsOf(path: string): Import[] {
  const text = textOf(path).replaceAll(/^\s*(\*|\/\/|\/\*).*$/gm, "");
  const fixed = text.matchAll(/^(?:import|export)\s+(type\s)?(?:[^"';]*?\sfrom\s+)?"([^"]+)"/gm);
  const dynamic = text.matchAll(/\bimport\(\s*"([^"]+)"\s*\)/g);
  return [
    ...[...fixed].map(([, type, from = ""]) => ({ from, typesOnly: type !== undefined })),
    ...[...dynamic].map(([, from = ""]) => ({ from, typesOnly: false })),
  ];
}

/** What is run, without comments and texts. */
function codeOf(path: string): string {
  return textOf(path)
    .replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$|\s\/\/ .*$/gm, "")
    .replaceAll(/"(?:[^"\\\n]|\\.)*"|`(?:[^`\\$]|\\.|\$(?!\{))*`/g, '""');
}

const areaOf = (path: string) => path.split("/")[1] ?? "";

function isWithin(path: string, places: readonly string[]): boolean {
  return places.some((place) => path === `src/${place}` || path.startsWith(`src/${place}/`));
}

test("the files are found, and their imports read", () => {
  expect(source.length).toBeGreaterThan(50);
  expect(importsOf("src/commands/drain/real-run.ts").map(({ from }) => from)).toContain(
    "../../polling/drain.ts",
  );
  expect(importsOf("src/cli/commands.ts").map(({ from }) => from)).toContain("../commands/demo.ts");
  expect(importsOf("src/polling/ports.ts")).toContainEqual({
    from: "../message/message.ts",
    typesOnly: true,
  });
});

describe("who may import whom", () => {
  test.each(source)("%s", (path) => {
    const rule = arrows[areaOf(path)];
    if (rule === undefined) throw new Error(`say in this test what src/${areaOf(path)} may import`);
    const refused = importsOf(path).filter(({ from, typesOnly }) => {
      if (!from.startsWith(".")) return rule.packages?.test(from) !== true;
      const target = join(dirname(path), from);
      // A file that is embedded, such as SQL or the manifest, is content and no module.
      if (!target.endsWith(".ts")) return false;
      return !isWithin(target, typesOnly ? [...rule.may, ...(rule.mayTypes ?? [])] : rule.may);
    });
    expect(refused).toEqual([]);
  });
});

describe("what is passed in is never reached for", () => {
  const anywhere = /\b(process\b(?!:)|console\.)/;
  const timeAndChance =
    /\b(Date\.now|new Date\(\)|performance\.now|Math\.random|randomUUID|getRandomValues)\b/;
  const impure =
    /\b(async|await|Promise|fetch|setTimeout|setInterval|randomBytes|globalThis|Bun\.(?!CryptoHasher\b)\w+)\b/;

  const rules: readonly [what: string, pattern: RegExp, paths: readonly string[]][] = [
    ["the process and the console", anywhere, source.filter((path) => path !== "src/main.ts")],
    [
      "time and chance",
      timeAndChance,
      // Commands pass the real ones in; the embedded servers stand for machines that have their own.
      source.filter((path) => !isWithin(path, ["main.ts", "commands", "demo"])),
    ],
    ["anything but the arguments", impure, source.filter((path) => isWithin(path, ["message", "doctor"]))],
  ];
  test.each(rules)("%s", (_, pattern, paths) => {
    expect(paths.length).toBeGreaterThan(5);
    expect(paths.filter((path) => pattern.test(codeOf(path)))).toEqual([]);
  });

  test("the patterns know what they look for", () => {
    expect(codeOf("src/main.ts")).toMatch(anywhere);
    expect(codeOf("src/commands/system-clock.ts")).toMatch(timeAndChance);
    expect(codeOf("src/polling/drain.ts")).toMatch(impure);
  });
});

describe("the house", () => {
  test("no file is longer than 350 lines", () => {
    expect(everything.filter((path) => textOf(path).split("\n").length > 351)).toEqual([]);
  });

  test("names are kebab-case", () => {
    const kebab = /^([a-z0-9]+(-[a-z0-9]+)*\/)+[a-z0-9]+(-[a-z0-9]+)*(\.test|\.d)?\.ts$/;
    expect(everything.filter((path) => !kebab.test(path))).toEqual([]);
  });

  test("a sentence heads each file", () => {
    const headed = everything.filter((path) => !path.endsWith(".test.ts"));
    expect(headed.filter((path) => !/^\/\*\*\s+(\* )?[A-Z`][^\n]*/.test(textOf(path)))).toEqual([]);
  });

  test("relative imports name the file", () => {
    const unnamed = everything.flatMap((path) =>
      importsOf(path).filter(({ from }) => from.startsWith(".") && !/\.[a-z]+$/.test(from)),
    );
    expect(unnamed).toEqual([]);
  });

  test("nothing is left for later, and no test is left out", () => {
    const left = /\b(TODO|FIXME|XXX)\b|\b(test|describe|it)\.(only|skip|todo)\b/;
    const here = "test/architecture.test.ts";
    expect(everything.filter((path) => path !== here && left.test(textOf(path)))).toEqual([]);
  });
});
