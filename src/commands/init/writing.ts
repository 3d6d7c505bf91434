/** Writes what a set-up came to: the table first, which can still be called off, then the files, in one go. */

import { rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { EtlError } from "../../errors.ts";
import type { Plan } from "../../setup/plan.ts";
import { createKeyFile } from "../keys.ts";
import { replaceFile } from "./files.ts";
import { passwordFile } from "./settings.ts";

/** What the files are to hold. */
export interface Contents {
  /** The settings, for `configPath`. */
  readonly toml: string;
  /** The database's, for a file beside it. */
  readonly password: string | undefined;
  readonly configPath: string;
}

/** What became of it. */
export interface Written {
  /** What was made, one line each. */
  readonly made: readonly string[];
  /** Why the table or the ledger could not be made; the files were written all the same. */
  readonly failure: EtlError | undefined;
}

/**
 * Creates the table and its ledger, then writes the key, the password's file and `etl.toml`. A table that this user may
 * not create is a task for another, who needs the file for it.
 *
 * @throws EtlError of kind config where a file cannot be written: none of the new ones is then there; whatever creating
 * the table throws other than of kind `permission`
 */
export async function writePlan(plan: Plan, { toml, password, configPath }: Contents): Promise<Written> {
  const { created, failure } = await migrated(plan);
  // From here on nothing waits, so that nothing can come between.
  const made = writeFiles(plan, { toml, password, configPath });
  return {
    made: [...created.map((name) => `created ${name}`), ...made.map((path) => `wrote ${path}`)],
    failure,
  };
}

async function migrated({ database, table, mapping }: Plan) {
  try {
    return { created: await database.migrate(table, mapping), failure: undefined };
  } catch (error) {
    if (!(error instanceof EtlError) || error.kind !== "permission") throw error;
    return { created: [], failure: error };
  }
}

function writeFiles({ key }: Plan, { toml, password, configPath }: Contents): readonly string[] {
  const made: string[] = [];
  try {
    if (key?.isNew) {
      createKeyFile(resolve(key.place), key.bytes);
      made.push(key.place);
    }
    if (password !== undefined) {
      const path = join(dirname(configPath), passwordFile);
      replaceFile(path, `${password}\n`);
      made.push(path);
    }
    replaceFile(configPath, toml);
    return [...made, configPath];
  } catch (error) {
    // Nothing is masked under the new key yet, and nothing names the password's file.
    for (const path of made) rmSync(path, { force: true });
    throw error;
  }
}
