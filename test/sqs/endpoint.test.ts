import { expect, test } from "bun:test";
import { resolveEndpoint } from "../../src/sqs/endpoint.ts";

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
