/** Refuses to run in an environment that would print, open or divert what passes through this program. */

import type { Environment } from "../commands/context.ts";
import { EtlError } from "../errors.ts";

/** A variable that the runtime or the driver obeys before any of our code could stop it. */
interface Danger {
  readonly name: string;
  readonly does: string;
  /** The one value that does it; absent where any value does. */
  readonly value?: string;
}

/**
 * Found by trying them on a compiled executable of Bun 1.4.5. Without effect there, and so not listed:
 * `NODE_OPTIONS`, `NODE_DEBUG`, `NODE_V8_COVERAGE`, `SSLKEYLOGFILE`, `BUN_INSPECT_PRELOAD`, and `BUN_INSPECT_NOTIFY`
 * without `BUN_INSPECT`. `NODE_EXTRA_CA_CERTS` and `SSL_CERT_FILE` add a trusted authority, which is for the host's
 * owner to decide. `BUN_BE_BUN` puts Bun itself in this program's place: nothing of ours runs that could refuse.
 */
const dangers: readonly Danger[] = [
  { name: "BUN_CONFIG_VERBOSE_FETCH", does: "prints every request with its credentials, and message bodies" },
  { name: "BUN_OPTIONS", does: "can load other code into this program" },
  { name: "BUN_INSPECT", does: "opens a debugger that reads this program's memory" },
  { name: "BUN_INSPECT_CONNECT_TO", does: "hands this program to a debugger" },
  { name: "PGDEBUG", does: "prints the values of rows" },
  { name: "NODE_TLS_REJECT_UNAUTHORIZED", does: "turns the verification of certificates off", value: "0" },
];

/**
 * Looks for a dangerous variable. A variable set to nothing does nothing.
 *
 * @throws EtlError of kind config for the first one found
 */
export function refuseDangerousEnvironment(env: Environment): void {
  for (const { name, does, value } of dangers) {
    const given = env[name] ?? "";
    if (given === "" || (value !== undefined && given !== value)) continue;
    throw new EtlError({
      kind: "config",
      operation: "start",
      message: `${name} is set${value === undefined ? "" : ` to ${value}`}: it ${does}`,
      hint: `unset ${name}`,
    });
  }
}
