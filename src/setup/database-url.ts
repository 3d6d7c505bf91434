/** The URL of a database, parted from its password: what is written into `etl.toml` must have none. */

import type { DatabaseAnswer } from "./ports.ts";

/** {@link DatabaseAnswer}, as a URL. */
type DatabaseUrl = Extract<DatabaseAnswer, { kind: "url" }>;

/**
 * Takes the password out of a URL, wherever in it libpq takes one from. A URL in which it cannot be told where the
 * password ends stays as it is: nothing connects with it either.
 */
export function withoutPassword(url: string): DatabaseUrl {
  const [, scheme = "", user = "", userPassword, rest = ""] =
    /^(\w+:\/\/)(?:([^@/?:]*)(?::([^@/?]*))?@)?(.*)$/s.exec(url) ?? [];
  if (scheme === "") return { kind: "url", url };
  const [place = "", query = ""] = rest.split(/\?(.*)/s);
  const parameters = query.split("&").filter((pair) => pair !== "");
  // A name may be written with escapes, too.
  const isSecret = (pair: string) => decoded(pair.split("=")[0] ?? "") === "password";
  const kept = parameters.filter((pair) => !isSecret(pair));
  const password = parameters.findLast(isSecret)?.replace(/^[^=]*=/, "") ?? userPassword;
  return {
    kind: "url",
    url: `${scheme}${user === "" ? "" : `${user}@`}${place}${kept.length === 0 ? "" : `?${kept.join("&")}`}`,
    ...(password === undefined || password === "" ? {} : { password: decoded(password) }),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
