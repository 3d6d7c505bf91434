/** Asks one question of each kind at a terminal, tells the answers on standard output, and ends with Ctrl-C's own code. */

import { openOutputs } from "../../../src/terminal/output.ts";
import { createPrompts } from "../../../src/terminal/prompts.ts";

const { stdout, stderr } = openOutputs(process);
const backingOut = new AbortController();
process.on("SIGTERM", () => backingOut.abort());
const prompts = createPrompts({ keyboard: process.stdin, output: stderr, signal: backingOut.signal });
const long =
  "a label that is much longer than any terminal of sixty columns could show on one line of its own";

prompts.begin("questions");
prompts.tell("found", [`told: ${long}`, "a second line with \u001b[2J in it"]);
prompts.show("shown", ["a  b", "-  -"]);
const answers = [
  await prompts.text({
    message: "Text?",
    initial: "old",
    example: "such as this",
    fault: (text) => (text === "" ? "It is not empty" : undefined),
  }),
  await prompts.secret("Secret?"),
  await prompts.choose(
    "One?",
    [
      { label: "first", hint: "1" },
      { label: "second", hint: "2" },
      { label: long, hint: "3" },
    ],
    1,
  ),
  await prompts.several("Several?", [{ label: "x" }, { label: "y" }, { label: "z" }], [0, 2]),
  await prompts.confirm("Sure?", true),
];
prompts.end("done");
await prompts.flush();
await stdout.write(
  `${JSON.stringify(answers.map((answer) => (typeof answer === "symbol" ? answer.description : answer)))}\n`,
);
process.exit(0);
