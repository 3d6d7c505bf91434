/** How requests get to a server, how much of its answers is read, and what it means if none comes. */

import { readFileSync } from "node:fs";
import { EtlError } from "../errors.ts";
import type { CallSubject } from "./errors.ts";

/** What a person's environment holds. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The way there. */
export interface Route {
  /** Names the authorities to trust in `AWS_CA_BUNDLE`. */
  readonly env: Environment;
  /** Goes past every proxy that the process's environment names. @defaultValue false */
  readonly direct?: boolean | undefined;
}

/**
 * What every request on that way is sent with. Proxies are those of `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, which
 * Bun's fetch obeys; no redirect is followed.
 *
 * @throws EtlError of kind config if the CA bundle cannot be used
 */
export function routeInit({ env, direct }: Route): BunFetchRequestInit {
  const ca = readCaBundle(env);
  return {
    redirect: "manual",
    ...(direct ? { proxy: false } : {}),
    ...(ca === undefined ? {} : { tls: { ca } }),
  };
}

/**
 * Reads the file that `AWS_CA_BUNDLE` names: certificates in PEM, trusted in place of the built-in ones.
 *
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-gen-config.html
 */
function readCaBundle({ AWS_CA_BUNDLE: path }: Environment): string | undefined {
  if (path === undefined || path === "") return undefined;
  let bundle: string;
  try {
    bundle = readFileSync(path, "utf8");
  } catch (cause) {
    throw unusableBundle("the file that AWS_CA_BUNDLE names cannot be read", cause);
  }
  if (bundle.includes("-----BEGIN CERTIFICATE-----")) return bundle;
  throw unusableBundle("the file that AWS_CA_BUNDLE names holds no certificate in PEM");
}

function unusableBundle(message: string, cause?: unknown): EtlError {
  const hint = "AWS_CA_BUNDLE=/path/to/authorities.pem";
  const [operation, resource] = ["AWS_CA_BUNDLE", "AWS_CA_BUNDLE"];
  return new EtlError({ kind: "config", operation, resource, message, hint, cause });
}

/**
 * The answer, whose body is now no longer than that. One that states its length, as those of AWS do, is handed on
 * unread, to be read in one go.
 *
 * @returns undefined if it is longer, and then no more of it has been read than that takes
 */
export async function bounded(response: Response, mostBytes: number): Promise<Response | undefined> {
  const length = response.headers.get("content-length");
  if (Number(length) > mostBytes) {
    await response.body?.cancel();
    return undefined;
  }
  if (length !== null || response.body === null) return response;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.byteLength;
    if (bytes > mostBytes) return undefined; // Leaving the loop cancels the body.
    chunks.push(chunk);
  }
  return new Response(Buffer.concat(chunks));
}

const untrustedAuthority = new Set([
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "CERT_UNTRUSTED",
]);

/**
 * The error that a failed `fetch` is, without it as a cause: that quotes the URL. A certificate that is not trusted
 * stays so; anything else may pass.
 *
 * @param thrown what `fetch`, or the reading of its body, threw
 * @param settings what leads to the host, as a person sets it
 */
export function transportError(
  { operation, resource, host }: CallSubject,
  thrown: unknown,
  settings: readonly string[],
): EtlError {
  const given = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
  const code = typeof given === "string" ? given : "";
  const error = (kind: "unavailable" | "config", message: string, hint: string, retryable: boolean) =>
    new EtlError({ kind, operation, resource, message, hint, retryable, code });
  const lasting = (message: string, hint: string) => error("unavailable", message, hint, false);
  const passing = (message: string, hint = reachHint(settings)) => error("unavailable", message, hint, true);
  if (untrustedAuthority.has(code)) {
    const message = `the certificate of ${host} is signed by an authority that is not trusted here`;
    return lasting(message, "AWS_CA_BUNDLE=/path/to/the-authority.pem");
  }
  switch (code) {
    case "ERR_TLS_CERT_ALTNAME_INVALID":
    case "HOSTNAME_MISMATCH":
      return lasting(`the certificate at ${host} is for another host`, "check the host in the queue URL");
    case "CERT_HAS_EXPIRED":
    case "CERT_NOT_YET_VALID":
      return lasting(`the certificate of ${host} is not valid today`, "check this machine's clock");
    case "EPROTO":
      return lasting(`${host} does not speak TLS`, "check the port, and http:// or https://, in the URL");
    case "ECONNREFUSED":
      return passing(`nothing listens at ${host}`);
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return passing(`the host name ${host} was not found`);
    case "ERR_PROXY_TUNNEL":
      return passing(`the proxy did not connect to ${host}`, "check HTTPS_PROXY and NO_PROXY");
    case "UnsupportedProxyProtocol": {
      const message = "the proxy is of a kind that is not supported";
      return error("config", message, "set HTTPS_PROXY to an http:// or https:// URL", false);
    }
    default:
      if (/CERT|CRL|TLS/.test(code)) {
        return lasting(`the certificate of ${host} could not be verified`, "check AWS_CA_BUNDLE");
      }
      return passing(`the connection to ${host} broke`);
  }
}

/** The error of a request that took too long. */
export function timeoutError(
  { operation, resource, host }: CallSubject,
  timeoutMillis: number,
  settings: readonly string[],
): EtlError {
  return new EtlError({
    kind: "unavailable",
    operation,
    resource,
    message: `${host} did not answer within ${timeoutMillis / 1000} s`,
    hint: reachHint(settings),
    retryable: true,
    code: "ETIMEDOUT",
  });
}

/** What to check if a host cannot be reached. */
function reachHint(settings: readonly string[]): string {
  return `check ${settings.join(", ")}, HTTPS_PROXY and the network`;
}
