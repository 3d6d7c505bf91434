/** Asks the server what it is, and what a user may do there; reads catalogs, and changes nothing. */

import type { Database } from "./connect.ts";
import type { ConnectionSettings } from "./connection-settings.ts";

/** The server's own words. */
export interface ServerDescription {
  /** Such as 160004. */
  readonly versionNumber: number;
  /** Such as `16.4`. */
  readonly version: string;
  readonly standby: boolean;
  /** Whether the user's transactions may not write where nothing else is said. */
  readonly readOnly: boolean;
  /** Whether the connection is encrypted, by the server; undefined where it does not say. */
  readonly encrypted: boolean | undefined;
  /** Whether the server waits for its disk. */
  readonly fsync: boolean;
}

/**
 * Asks the server.
 *
 * @throws EtlError where it cannot be reached, or does not let the user in
 */
export async function describeServer(database: Database, signal: AbortSignal): Promise<ServerDescription> {
  const options = { operation: "describe server", readOnly: true, signal };
  const [row] = await database.transaction(options, (transaction) => transaction.run(serverSql));
  return {
    versionNumber: row?.version_number as number,
    // Distributions add their own name behind it.
    version: /^[0-9.]+/.exec(row?.version as string)?.[0] ?? "",
    standby: row?.standby as boolean,
    readOnly: row?.read_only === "on",
    encrypted: (row?.encrypted as boolean | null) ?? undefined,
    fsync: row?.fsync !== "off",
  };
}

const serverSql = `
  select
    pg_catalog.current_setting('server_version_num')::integer as version_number,
    pg_catalog.current_setting('server_version') as version,
    pg_catalog.pg_is_in_recovery() as standby,
    pg_catalog.current_setting('default_transaction_read_only') as read_only,
    pg_catalog.current_setting('fsync') as fsync,
    (select ssl from pg_catalog.pg_stat_ssl where pid = pg_catalog.pg_backend_pid()) as encrypted`;

/** Whether what is said to the database stays on this machine. */
export function isLocal({ host }: Pick<ConnectionSettings, "host">): boolean {
  return host.startsWith("/") || host === "localhost" || host === "::1" || /^127\./.test(host);
}
