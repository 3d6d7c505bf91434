/** The queues of an account and the region that is asked, by servers that answer what they are told to. */

import { afterEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AccountParts } from "../../src/aws/identity.ts";
import { listQueueUrls } from "../../src/sqs/queue-list.ts";
import { everyWordOf } from "../support/refusal.ts";
import { accountParts, formsOf, keys, refused, rejection } from "../support/sqs-client.ts";
import { answer, type Fault, type FaultyServer, startFaultyServer } from "../support/sqs-faults.ts";

let server: FaultyServer;
afterEach(() => server?.stop());

async function start(...script: [Fault, ...Fault[]]): Promise<AccountParts> {
  server = await startFaultyServer(script);
  return accountParts({ endpoint: server.endpoint });
}

describe("a list of queues", () => {
  const page = (names: readonly string[], token = "") =>
    answer(
      "ListQueues",
      names.map((name) => `<QueueUrl>https://sqs/1/${name}</QueueUrl>`).join("") +
        (token === "" ? "" : `<NextToken>${token}</NextToken>`),
    );

  test("is read page by page", async () => {
    const parts = await start(page(["a", "b"], "t=1&amp;2"), page(["c"]));
    expect(await listQueueUrls(parts)).toEqual(["a", "b", "c"].map((name) => `https://sqs/1/${name}`));
    const asked = { Action: "ListQueues", Version: "2012-11-05", MaxResults: "1000" };
    expect(formsOf(server)).toEqual([asked, { ...asked, NextToken: "t=1&2" }]);
    expect(server.heads[0]).toStartWith("POST / HTTP/1.1");
    expect(server.heads[0]).toContain("/eu-west-1/sqs/aws4_request");
  });

  test("may be empty, and begin with a prefix", async () => {
    const parts = await start(page([]));
    expect(await listQueueUrls(parts, "login-")).toEqual([]);
    expect(formsOf(server)).toMatchObject([{ QueueNamePrefix: "login-" }]);
  });

  test("ends where a page brings nothing new", async () => {
    const parts = await start(page(["a"], "t"));
    expect(await listQueueUrls(parts)).toHaveLength(1);
    expect(formsOf(server)).toHaveLength(2);
  });

  test("ends at 5,000 queues", async () => {
    const names = (start: number) => Array.from({ length: 1000 }, (_, index) => `q${start + index}`);
    const pages = [0, 1000, 2000, 3000, 4000, 5000].map((from) => page(names(from), "more"));
    const parts = await start(pages[0] as Fault, ...pages.slice(1));
    expect(await listQueueUrls(parts)).toHaveLength(5000);
    expect(formsOf(server)).toHaveLength(5);
  });

  test.each([
    [403, "AccessDenied", "permission", "sqs:ListQueues"],
    [403, "InvalidClientTokenId", "permission", "get-caller-identity"],
    [400, "InvalidAction", "protocol", "AWS_ENDPOINT_URL_SQS"],
    [404, "", "protocol", "AWS_ENDPOINT_URL_SQS"],
    [503, "ServiceUnavailable", "temporary", "run it again"],
  ])("is refused with %d %s", async (status, code, kind, hint) => {
    const error = await rejection(listQueueUrls(await start(refused(status, code, "canary-text"))));
    expect(error).toMatchObject({ kind, resource: new URL(server.endpoint).host });
    expect(error.hint).toContain(hint);
    expect(everyWordOf(error)).not.toMatch(/canary-text|s3cret/);
  });

  test("is tried again where an answer is broken or damaged", async () => {
    const parts = await start("reset", { status: 200, body: "<html>" }, page(["a"]));
    expect(await listQueueUrls(parts)).toHaveLength(1);
    expect(await rejection(listQueueUrls(await start({ status: 200, body: "<html>" })))).toMatchObject({
      kind: "protocol",
      message: "the answer is not what SQS answers",
    });
  });

  test("ends where the answer never comes", async () => {
    const parts = await start("hang in body");
    const error = await rejection(listQueueUrls({ ...parts, timeoutMillis: 50 }));
    expect(error).toMatchObject({ kind: "unavailable", code: "ETIMEDOUT" });
    expect(formsOf(server)).toHaveLength(3);
  });
});

describe("the region", () => {
  const asked = async (parts: Partial<AccountParts>) => {
    const { endpoint } = await start(answer("ListQueues", ""));
    await listQueueUrls(accountParts({ region: undefined, endpoint, ...parts }));
    const [, region] = /Credential=[^/]+\/\d+\/([^/]+)\//.exec(server.heads[0] ?? "") ?? [];
    return region;
  };

  test("is the one that is set, then the environment's, then the profile's", async () => {
    const folder = await mkdtemp(join(tmpdir(), "etl-region-"));
    const path = join(folder, "config");
    await writeFile(
      path,
      "# region = no-where-1\n[default]\nregion=eu-west-1\n\n[profile prod]\r\nregion = us-east-2 # here\r\ns3 =\n  region = no-where-2\n[sso-session prod]\nregion = no-where-3\n",
    );
    const file = { ...keys, AWS_CONFIG_FILE: path };
    const both = { AWS_REGION: "eu-north-1", AWS_DEFAULT_REGION: "eu-south-1" };
    expect(await asked({ env: { ...file, ...both }, region: "ap-south-1" })).toBe("ap-south-1");
    expect(await asked({ env: { ...file, ...both } })).toBe("eu-north-1");
    expect(await asked({ env: { ...file, AWS_DEFAULT_REGION: "eu-south-1" } })).toBe("eu-south-1");
    expect(await asked({ env: { ...file, AWS_PROFILE: "prod" } })).toBe("us-east-2");
    expect(await asked({ env: file })).toBe("eu-west-1");
    expect(await asked({ env: { ...file, AWS_PROFILE: "none" } })).toBe("us-east-1");
    await rm(folder, { recursive: true });
  });

  test("must be known where AWS is asked", async () => {
    const error = await rejection(listQueueUrls(accountParts({ region: undefined })));
    expect(error).toMatchObject({ kind: "config", message: "no AWS region is known" });
  });

  test.each(["eu-west-1.evil.example/", "EU", "eu west", "-", "x".repeat(51)])(
    "is not %j",
    async (region) => {
      expect(await rejection(listQueueUrls(accountParts({ region })))).toMatchObject({ kind: "config" });
    },
  );
});
