import { describe, expect, test } from "bun:test";
import { answeredError, type Refusal } from "../../src/aws/errors.ts";
import { transportError } from "../../src/aws/transport.ts";
import { queueErrors } from "../../src/sqs/errors.ts";

function answered(status: number, code?: string, more: Partial<Refusal> = {}) {
  const host = "sqs.eu-west-1.amazonaws.com";
  const clock = { clockAheadMillis: 0, signedAheadMillis: more.clockAheadMillis ?? 0 };
  const call = { operation: "receive", resource: "login-queue", host, region: "eu-west-1" };
  return answeredError({ ...call, status, code, ...clock, ...more }, queueErrors);
}

describe("what an error's code and status come to", () => {
  test.each([
    [400, "AWS.SimpleQueueService.NonExistentQueue", "config", false],
    [400, "QueueDoesNotExist", "config", false],
    [404, "InvalidAddress", "config", false],
    [404, undefined, "config", false],
    [403, "InvalidClientTokenId", "permission", false],
    [403, "SignatureDoesNotMatch", "permission", false],
    [403, "MissingAuthenticationToken", "permission", false],
    [403, "AccessDenied", "permission", false],
    [400, "AccessDeniedException", "permission", false],
    [403, "ExpiredToken", "permission", false],
    [403, undefined, "permission", false],
    [401, undefined, "permission", false],
    [407, undefined, "permission", false],
    [403, "RequestThrottled", "temporary", true],
    [400, "ThrottlingException", "temporary", true],
    [400, "Throttling", "temporary", true],
    [429, undefined, "temporary", true],
    [400, "KMS.ThrottlingException", "temporary", true],
    [400, "KmsThrottled", "temporary", true],
    [403, "OverLimit", "temporary", true],
    [400, "KMS.AccessDeniedException", "permission", false],
    [400, "KMS.DisabledException", "config", false],
    [400, "RequestExpired", "config", false],
    [403, "InvalidSecurity", "config", false],
    [500, "InternalError", "temporary", true],
    [500, undefined, "temporary", true],
    [502, undefined, "temporary", true],
    [503, "ServiceUnavailable", "temporary", true],
    [408, undefined, "temporary", true],
    [400, "InvalidParameterValue", "protocol", false],
    [400, undefined, "protocol", false],
    [302, undefined, "protocol", false],
    [204, undefined, "protocol", false],
    [400, "constructor", "protocol", false],
  ])("%d %s: %s, worth another try: %p", (status, code, kind, retryable) => {
    const error = answered(status, code);
    expect(error).toMatchObject({ kind, code, operation: "receive", resource: "login-queue" });
    expect(error.retryable).toBe(retryable);
    expect(error.hint).toBeString();
  });

  test("a missing queue sends the reader to its URL", () => {
    expect(answered(400, "AWS.SimpleQueueService.NonExistentQueue").hint).toContain("check the queue URL");
  });

  test("a signature that does not match names the region it was made for", () => {
    expect(answered(403, "SignatureDoesNotMatch").message).toContain("eu-west-1");
  });
});

describe("a clock that is wrong", () => {
  test.each([
    ["RequestExpired", 20 * 60_000, "20 min ahead of"],
    ["SignatureDoesNotMatch", -16 * 60_000, "16 min behind"],
    ["RequestTimeTooSkewed", 400_000, "7 min ahead of"],
  ])("%s with a clock %d ms ahead: %s", (code, clockAheadMillis, words) => {
    const error = answered(403, code, { clockAheadMillis });
    expect(error.kind).toBe("config");
    expect(error.message).toContain(words);
    expect(error.hint).toContain("clock");
  });

  test("is not to blame where it is right, or where the server did not say the time", () => {
    expect(answered(403, "SignatureDoesNotMatch", { clockAheadMillis: 60_000 }).message).not.toContain(
      "clock",
    );
    expect(answered(403, "SignatureDoesNotMatch", { clockAheadMillis: undefined }).message).not.toContain(
      "clock",
    );
    expect(answered(403, "RequestExpired", { clockAheadMillis: undefined }).message).toContain(
      "clock differs",
    );
  });
});

test.each([
  ["ECONNREFUSED", "unavailable", true],
  ["ECONNRESET", "unavailable", true],
  ["ENOTFOUND", "unavailable", true],
  ["ETIMEDOUT", "unavailable", true],
  ["ERR_PROXY_TUNNEL", "unavailable", true],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "unavailable", false],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "unavailable", false],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "unavailable", false],
  ["CERT_HAS_EXPIRED", "unavailable", false],
  ["CERT_REVOKED", "unavailable", false],
  ["EPROTO", "unavailable", false],
  ["UnsupportedProxyProtocol", "config", false],
])("no answer for %s: %s, worth another try: %p", (code, kind, retryable) => {
  const cause = Object.assign(new TypeError("quotes http://user:s3cret@proxy"), { code });
  const call = { operation: "delete", resource: "login-queue", host: "sqs.example:9324" };
  const error = transportError(call, cause, ["the queue URL"]);
  expect(error).toMatchObject({ kind, retryable, operation: "delete", resource: "login-queue", code });
  expect(Bun.inspect(error)).not.toContain("s3cret");
  if (retryable) expect(error.hint).toMatch(/check the queue URL, HTTPS_PROXY and the network|NO_PROXY/);
  if (kind === "unavailable") expect(error.message).toContain("sqs.example:9324");
});
