/** Where the database is, as flags, `DATABASE_URL` and `etl.toml` say it, with the secrets that the file names. */

import type { FileSettings } from "./file-schema.ts";
import { readSecret, type SecretPlaces, secretReference } from "./secret.ts";
import { findSetting, type SettingPlaces } from "./setting-value.ts";

/** What `[database]` of `etl.toml` says. Flags and environment come before each of these. */
interface DatabaseFileSettings {
  readonly url?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly name?: string | undefined;
  readonly user?: string | undefined;
  /** What `password` or `password_file` names. */
  readonly password?: string | undefined;
  readonly sslmode?: string | undefined;
  /** An absolute path, or libpq's word `system`. */
  readonly sslrootcert?: string | undefined;
}

/** Where the database is. `PG*` variables stand between the two and are read by the connection itself. */
export interface DatabaseSettings {
  /** `--database-url` or `DATABASE_URL`. */
  readonly url?: string | undefined;
  /** Empty where there is such a URL. */
  readonly file: DatabaseFileSettings;
}

/**
 * Reads them.
 *
 * @throws EtlError of kind config where a secret is not where the file says, or open to others
 */
export function databaseSettings(places: SettingPlaces, secrets: SecretPlaces): DatabaseSettings {
  const { value, origin } = findSetting("database.url", places);
  return {
    url: origin.from === "file" ? undefined : (value as string | undefined),
    file: databaseFromFile(places.file.database ?? {}, secrets),
  };
}

function databaseFromFile(
  database: NonNullable<FileSettings["database"]>,
  secrets: SecretPlaces,
): DatabaseFileSettings {
  const { url = "", password = "", password_file, sslrootcert, schema: _, ...written } = database;
  const key = password_file === undefined ? "database.password" : "database.password_file";
  const passwordReference =
    password_file === undefined ? secretReference(password) : { in: "file" as const, path: password_file };
  const urlReference = secretReference(url);
  return {
    ...written,
    url: urlReference
      ? readSecret(urlReference, "database.url", "the database's URL", secrets)
      : database.url,
    password: passwordReference && readSecret(passwordReference, key, "the database's password", secrets),
    // `system` is libpq's word for the authorities that the machine trusts.
    sslrootcert: sslrootcert && (sslrootcert === "system" ? sslrootcert : secrets.resolvePath(sslrootcert)),
  };
}
