/** What a person has to do after a set-up, and what would get in the way of it. */

import { defaultPath } from "../../settings/settings-file.ts";
import type { Plan } from "../../setup/plan.ts";
import { printable } from "../../terminal/text.ts";
import { shellQuoted } from "../../text/shell-quoted.ts";
import type { Environment } from "../context.ts";

/** The next commands, one a line; first what would get in their way is taken out of it. */
export function nextSteps(plan: Plan, configPath: string, env: Environment, isTableMissing: boolean): string {
  const flag = env.ETL_CONFIG || configPath === defaultPath ? "" : ` --config ${shellQuoted(configPath)}`;
  const overruling = overrulingVariables(plan, env);
  const commands = [
    ...(overruling.length === 0 ? [] : [`unset ${overruling.join(" ")}`]),
    ...(isTableMissing ? [`etl migrate${flag} --print`] : []),
    `etl drain${flag} --dry-run`,
    `etl drain${flag}`,
  ];
  return commands.map((line) => `${printable(line)}\n`).join("");
}

/** What a person should know of what was written. */
export function remarks(plan: Plan, env: Environment): readonly string[] {
  const { key } = plan;
  const overruling = overrulingVariables(plan, env).map(
    (name) => `${name} is set, names something else, and comes before etl.toml`,
  );
  if (!key?.isNew) return overruling;
  return [
    ...overruling,
    `back up ${key.place}: without it, new rows no longer join with those masked before`,
  ];
}

/** Variables that say otherwise than the file. */
function overrulingVariables({ queue, databaseAnswer }: Plan, env: Environment): readonly string[] {
  return [
    ...(env.ETL_QUEUE_URL && env.ETL_QUEUE_URL !== queue.url ? ["ETL_QUEUE_URL"] : []),
    ...(env.DATABASE_URL && databaseAnswer.kind === "url" && env.DATABASE_URL !== databaseAnswer.url
      ? ["DATABASE_URL"]
      : []),
  ];
}
