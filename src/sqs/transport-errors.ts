/** Turns a request that got no answer into an error that a person can act on. */

import { EtlError } from "../errors.ts";

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
 * @param reachHint what to check where the host cannot be reached
 */
export function transportError(
  operation: string,
  host: string,
  thrown: unknown,
  reachHint: string,
): EtlError {
  const code = codeOf(thrown);
  const unavailable = (message: string, hint: string, retryable: boolean) =>
    new EtlError({ kind: "unavailable", operation, message, hint, retryable, code });
  if (untrustedAuthority.has(code)) {
    const message = `the certificate of ${host} is signed by an authority that is not trusted here`;
    return unavailable(message, "AWS_CA_BUNDLE=/path/to/the-authority.pem", false);
  }
  switch (code) {
    case "ERR_TLS_CERT_ALTNAME_INVALID":
    case "HOSTNAME_MISMATCH":
      return unavailable(
        `the certificate at ${host} is for another host`,
        "check the host in the queue URL",
        false,
      );
    case "CERT_HAS_EXPIRED":
    case "CERT_NOT_YET_VALID":
      return unavailable(
        `the certificate of ${host} is not valid today`,
        "check this machine's clock",
        false,
      );
    case "EPROTO":
      return unavailable(
        `${host} does not speak TLS`,
        "check the port, and http:// or https://, in the URL",
        false,
      );
    case "ECONNREFUSED":
      return unavailable(`nothing listens at ${host}`, reachHint, true);
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return unavailable(`the host name ${host} was not found`, reachHint, true);
    case "ERR_PROXY_TUNNEL":
      return unavailable(`the proxy did not connect to ${host}`, "check HTTPS_PROXY and NO_PROXY", true);
    case "UnsupportedProxyProtocol":
      return new EtlError({
        kind: "config",
        operation,
        message: "the proxy is of a kind that is not supported",
        hint: "set HTTPS_PROXY to an http:// or https:// URL",
        code,
      });
    default:
      if (/CERT|CRL|TLS/.test(code)) {
        return unavailable(`the certificate of ${host} could not be verified`, "check AWS_CA_BUNDLE", false);
      }
      return unavailable(`the connection to ${host} broke`, reachHint, true);
  }
}

/** The error of a request that took too long. */
export function timeoutError(
  operation: string,
  host: string,
  timeoutMillis: number,
  reachHint: string,
): EtlError {
  return new EtlError({
    kind: "unavailable",
    operation,
    message: `${host} did not answer within ${timeoutMillis / 1000} s`,
    hint: reachHint,
    retryable: true,
    code: "ETIMEDOUT",
  });
}

function codeOf(thrown: unknown): string {
  const code = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
  return typeof code === "string" ? code : "";
}
