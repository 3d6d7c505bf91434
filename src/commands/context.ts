/** What a command gets from the world. Nothing below `main` reaches for it in another way. */

import type { Log } from "../terminal/log.ts";
import type { Output } from "../terminal/output.ts";
import type { Keyboard } from "../terminal/prompts.ts";

/** The environment, as the process was given it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The signals that ask a run to stop. */
export type StopSignal = "SIGHUP" | "SIGINT" | "SIGTERM";

/** Everything of the outside that a command may use. */
export interface Context {
  readonly env: Environment;
  /** Results go here. */
  readonly stdout: Output;
  /** Logs, progress and questions go here. */
  readonly stderr: Output;
  readonly log: Log;
  /** The keyboard, if standard input is a terminal; otherwise undefined. Asking for it reads nothing. */
  readonly keyboard: () => Keyboard | undefined;
  /** Calls the listener at every stop signal until the returned function is called; without one the process just ends. */
  onStopSignal(listener: (signal: StopSignal) => void): () => void;
}
