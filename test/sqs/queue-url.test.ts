import { describe, expect, test } from "bun:test";
import { parseQueueUrl, redrivePlace, resolveEndpoint } from "../../src/sqs/queue-url.ts";
import { refusalOf } from "../support/refusal.ts";

const path = "/123456789012/login-queue";

describe("the region that a host names", () => {
  test.each([
    ["https://sqs.eu-west-1.amazonaws.com", "eu-west-1"],
    ["https://sqs.us-gov-west-1.amazonaws.com", "us-gov-west-1"],
    ["https://sqs.cn-north-1.amazonaws.com.cn", "cn-north-1"],
    ["https://eu-central-1.queue.amazonaws.com", "eu-central-1"],
    ["https://queue.amazonaws.com", "us-east-1"],
    ["https://sqs-fips.us-east-2.amazonaws.com", "us-east-2"],
    ["https://sqs.ap-south-1.api.aws", "ap-south-1"],
    ["https://sqs-fips.us-west-2.api.aws", "us-west-2"],
    ["https://sqs.cn-north-1.api.amazonwebservices.com.cn", "cn-north-1"],
    ["https://vpce-0123456789abcdef0-abcdefgh.sqs.eu-west-2.vpce.amazonaws.com", "eu-west-2"],
    ["http://sqs.eu-west-1.localhost.localstack.cloud:4566", "eu-west-1"],
    ["http://localhost:9324", undefined],
    ["https://sqs.internal.example", undefined],
    ["https://sqs.eu-west-1.amazonaws.com.example", undefined],
  ])("%s", (origin, region) => {
    const url = parseQueueUrl(origin + path);
    expect(url.region).toBe(region as string);
    expect(url).toMatchObject({ href: origin + path, origin, path, name: "login-queue" });
  });
});

test("a slash at the end is dropped, a FIFO queue's name and ElasticMQ's paths are taken", () => {
  expect(parseQueueUrl("http://localhost:9324/queue/login-queue/").path).toBe("/queue/login-queue");
  expect(parseQueueUrl("https://sqs.eu-west-1.amazonaws.com/123456789012/login.fifo").name).toBe(
    "login.fifo",
  );
});

describe("refused, as a wrong setting", () => {
  test.each([
    ["login-queue"],
    [""],
    ["ftp://sqs.eu-west-1.amazonaws.com/123456789012/login-queue"],
    ["https://sqs.eu-west-1.amazonaws.com"],
    ["https://sqs.eu-west-1.amazonaws.com/login-queue"],
    ["https://sqs.eu-west-1.amazonaws.com/123456789012/login%20queue"],
    ["https://sqs.eu-west-1.amazonaws.com/123456789012/login-queue.txt"],
  ])("%p, with a full URL to type", (text) => {
    const error = refusalOf(() => parseQueueUrl(text));
    expect(error.kind).toBe("config");
    expect(error.hint).toContain("https://sqs.eu-west-1.amazonaws.com/123456789012/login-queue");
  });

  test("an ARN, with its URL to type", () => {
    const { hint } = refusalOf(() => parseQueueUrl("arn:aws:sqs:us-east-2:210987654321:events"));
    expect(hint).toBe("give its URL: --queue-url https://sqs.us-east-2.amazonaws.com/210987654321/events");
  });

  test.each(["http://sqs.eu-west-1.amazonaws.com", "http://sqs.eu-west-1.api.aws"])("%s", (origin) => {
    expect(refusalOf(() => parseQueueUrl(origin + path)).message).toContain("unencrypted");
  });

  test.each([
    [`https://someone:s3cret@sqs.eu-west-1.amazonaws.com${path}`],
    [`https://sqs.eu-west-1.amazonaws.com${path}?X-Amz-Signature=s3cret`],
    [`https://sqs.eu-west-1.amazonaws.com${path}#s3cret`],
  ])("more than a URL of a queue, which is not quoted: %s", (text) => {
    const error = refusalOf(() => parseQueueUrl(text));
    expect(error.kind).toBe("config");
    expect(error.message + error.hint).not.toContain("s3cret");
  });
});

const url = "https://sqs.eu-west-1.amazonaws.com/123456789012/login-queue";

test("requests go to the queue's URL where no endpoint is set", () => {
  const endpoint = resolveEndpoint({ url });
  expect(endpoint.requestUrl).toBe(url);
  expect(endpoint.host).toBe("sqs.eu-west-1.amazonaws.com");
});

test.each([
  ["http://localhost:9324", "http://localhost:9324/123456789012/login-queue"],
  ["http://localhost:9324/", "http://localhost:9324/123456789012/login-queue"],
  ["https://gateway.example/aws/sqs/", "https://gateway.example/aws/sqs/123456789012/login-queue"],
])("an endpoint of %s takes the place of the host and keeps its path", (endpoint, requestUrl) => {
  const resolved = resolveEndpoint({ url, endpoint });
  expect(resolved.requestUrl).toBe(requestUrl);
  expect(resolved.queue.href).toBe(url);
});

test.each(["localhost:9324", "http://user:s3cret@localhost:9324", "http://sqs.eu-west-1.amazonaws.com"])(
  "an endpoint of %s is refused",
  (endpoint) => {
    expect(() => resolveEndpoint({ url, endpoint })).toThrow(expect.objectContaining({ kind: "config" }));
    expect(() => resolveEndpoint({ url, endpoint })).not.toThrow("s3cret");
  },
);

test("the region: the queue's own setting, then the URL, then the environment, then what stand-ins use", () => {
  const local = "http://localhost:9324/000000000000/login-queue";
  expect(resolveEndpoint({ url, region: "a", environmentRegion: "b" }).region).toBe("a");
  expect(resolveEndpoint({ url, environmentRegion: "b" }).region).toBe("eu-west-1");
  expect(resolveEndpoint({ url: local, environmentRegion: "b" }).region).toBe("b");
  expect(resolveEndpoint({ url: local }).region).toBe("us-east-1");
});

const arn = "arn:aws:sqs:eu-west-1:000000000001:logins";

test.each([
  ["no redrive policy", undefined, undefined],
  [
    "a queue beside it",
    "arn:aws:sqs:eu-west-1:000000000001:dead",
    { name: "dead", url: "https://sqs.eu-west-1.amazonaws.com/000000000001/dead" },
  ],
  ["another account", "arn:aws:sqs:eu-west-1:000000000002:dead", { name: "dead", url: undefined }],
  ["another region", "arn:aws:sqs:eu-west-2:000000000001:dead", { name: "dead", url: undefined }],
])("where a redrive policy leads: %s", (_, deadLetterArn, place) => {
  const attributes = deadLetterArn === undefined ? { arn } : { arn, deadLetterArn };
  expect(redrivePlace("https://sqs.eu-west-1.amazonaws.com/000000000001/logins", attributes)).toEqual(place);
});
