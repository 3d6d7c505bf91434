import { describe, expect, spyOn, test } from "bun:test";
import { AwsV4Signer } from "aws4fetch";
import fc from "fast-check";
import { RequestSigner, type SignedRequest } from "../../src/aws/signing.ts";

const credentials = {
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
};

/** Signs twice: a key is derived for the first signature and kept for the second. */
async function signatures(
  signer: RequestSigner,
  ...[request, keys, atMillis]: Parameters<RequestSigner["sign"]>
): Promise<(string | undefined)[]> {
  const first = await signer.sign(request, keys, atMillis);
  const second = await signer.sign(request, keys, atMillis);
  return [first, second].map(({ headers }) => headers.authorization);
}

/** @see https://github.com/awslabs/aws-c-auth/tree/main/tests/aws-signing-test-suite/v4 */
describe("the signatures that AWS has published", () => {
  test.each([
    ["get-vanilla", "GET", "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"],
    [
      "get-vanilla-query-order-key-case",
      "GET",
      "/?Param2=value2&Param1=value1",
      "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ],
    ["post-vanilla", "POST", "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"],
  ] as const)("%s", async (_, method, path, signature) => {
    const signer = new RequestSigner({ service: "service", region: "us-east-1" });
    const request = { method, url: `https://example.amazonaws.com${path}` };
    const authorization =
      "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, " +
      `SignedHeaders=host;x-amz-date, Signature=${signature}`;
    const atMillis = Date.UTC(2015, 7, 30, 12, 36);
    expect(await signatures(signer, request, credentials, atMillis)).toEqual([authorization, authorization]);
  });

  test("post-sts-header-before", async () => {
    const sessionToken =
      "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflf" +
      "KD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd" +
      "8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3i" +
      "SIlTJabIQwj2ICCR/oLxBA==";
    const signer = new RequestSigner({ service: "service", region: "us-east-1" });
    const request = { method: "POST", url: "https://example.amazonaws.com/" } as const;
    const atMillis = Date.UTC(2015, 7, 30, 12, 36);
    const authorization =
      "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, " +
      "SignedHeaders=host;x-amz-date;x-amz-security-token, " +
      "Signature=85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead";
    const keys = { ...credentials, sessionToken };
    expect(await signatures(signer, request, keys, atMillis)).toEqual([authorization, authorization]);
  });
});

describe("what aws4fetch signs by itself", () => {
  const instant = fc.integer({ min: Date.UTC(2000, 0, 1), max: Date.UTC(2099, 11, 31) });
  const text = fc.string({ unit: "binary", maxLength: 200 });
  const word = fc.stringMatching(/^[!-~]{1,40}$/);
  const token = fc.option(word, { nil: undefined });

  /** The same request, signed by aws4fetch with WebCrypto. */
  async function asAws4fetch(
    options: ConstructorParameters<typeof AwsV4Signer>[0],
    atMillis: number,
  ): Promise<Record<string, string>> {
    const datetime = `${new Date(atMillis).toISOString().slice(0, 19).replace(/[-:]/g, "")}Z`;
    const { headers } = await new AwsV4Signer({ ...options, datetime }).sign();
    return headers.toJSON();
  }

  test("any form, at any time, with any key", async () => {
    const signer = new RequestSigner({ service: "sqs", region: "eu-west-1" });
    const secret = fc.constantFrom("s", "s3cret+/=", "x".repeat(100));
    await fc.assert(
      fc.asyncProperty(
        text,
        instant,
        secret,
        token,
        async (body, atMillis, secretAccessKey, sessionToken) => {
          const keys = { accessKeyId: "AKID", secretAccessKey, sessionToken };
          const request = {
            method: "POST",
            url: "https://sqs.eu-west-1.amazonaws.com/123456789012/login-queue",
            headers: { "content-type": "application/x-www-form-urlencoded" },
            body,
          } as const;
          const { accessKeyId } = keys;
          const scope = { service: "sqs", region: "eu-west-1" };
          const theirs = { ...request, ...scope, accessKeyId, secretAccessKey };
          const expected = await asAws4fetch(
            sessionToken === undefined ? theirs : { ...theirs, sessionToken },
            atMillis,
          );
          for (let time = 0; time < 2; time += 1) {
            const signed = await signer.sign(request, keys, atMillis);
            expect(signed).toMatchObject({ url: request.url, method: "POST", body });
            expect(signed.headers).toEqual(expected);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  test.each([
    ["a body that is not hashed", {}, "UNSIGNED-PAYLOAD"],
    ["a hash of the caller's", { "x-amz-content-sha256": "e3b0c442" }, "e3b0c442"],
  ])("%s, as S3 takes it", async (_, headers, hash) => {
    const scope = { service: "s3", region: "eu-west-1" };
    const signer = new RequestSigner(scope);
    const url = "https://bucket.s3.amazonaws.com/a%20b/c+d";
    const request = { method: "POST", url, headers, body: "a" } as const;
    const atMillis = Date.UTC(2024, 1, 29);
    const expected = await asAws4fetch({ ...request, ...scope, ...credentials }, atMillis);
    expect(expected["x-amz-content-sha256"]).toBe(hash);
    const { authorization } = expected;
    expect(await signatures(signer, request, credentials, atMillis)).toEqual([
      authorization as string,
      authorization as string,
    ]);
  });
});

test("a signature is of its own request, whatever was signed before it in the same second", async () => {
  const scope = { service: "sqs", region: "eu-west-1" };
  const form = { "content-type": "application/x-www-form-urlencoded" };
  const first = {
    method: "POST",
    url: "https://sqs.eu-west-1.amazonaws.com/1/a",
    headers: form,
    body: "a",
  } as const;
  const other = { accessKeyId: "AKIDOTHER", secretAccessKey: "another" };
  const calls: Parameters<RequestSigner["sign"]>[] = [
    [first, credentials, 1_000],
    [{ ...first, body: "b" }, credentials, 1_999],
    [{ ...first, url: "https://sqs.eu-west-1.amazonaws.com/1/b" }, credentials, 1_999],
    [{ ...first, method: "GET" }, credentials, 1_999],
    [{ ...first, headers: { ...form, "x-amz-meta": "c" } }, credentials, 1_999],
    [first, other, 1_999],
    [first, { ...credentials, sessionToken: "token" }, 1_999],
    [first, credentials, 2_000],
    [first, credentials, 1_000],
  ];
  const signer = new RequestSigner(scope);
  const alone = await Promise.all(calls.map((call) => new RequestSigner(scope).sign(...call)));
  for (const [index, call] of calls.entries()) {
    await signer.sign(first, credentials, 1_999);
    expect(await signer.sign(...call)).toEqual(alone[index] as SignedRequest);
  }
  // All at once, too, when none of them has a predecessor yet.
  const together = new RequestSigner(scope);
  expect(await Promise.all(calls.map((call) => together.sign(...call)))).toEqual(alone);
  expect(new Set(alone.map(({ headers }) => headers.authorization)).size).toBe(calls.length - 1);
});

test("a key is derived once; after that WebCrypto, which takes its time, is not asked", async () => {
  const digest = spyOn(crypto.subtle, "digest");
  const sign = spyOn(crypto.subtle, "sign");
  const signer = new RequestSigner({ service: "sqs", region: "eu-west-1" });
  const request = { method: "POST", url: "https://sqs.eu-west-1.amazonaws.com/", body: "a" } as const;
  await signer.sign(request, credentials, 0);
  expect([digest.mock.calls.length, sign.mock.calls.length]).toEqual([0, 5]);
  await signer.sign({ ...request, body: "b" }, credentials, 1000);
  expect([digest.mock.calls.length, sign.mock.calls.length]).toEqual([0, 5]);
  digest.mockRestore();
  sign.mockRestore();
});
