/** What is asked beside a queue: queues, identity and moves, of servers that answer what they are told to. */

import { afterEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SqsAccountParts } from "../../src/sqs/account.ts";
import { callerIdentity } from "../../src/sqs/identity.ts";
import { listMessageMoves, startMessageMove } from "../../src/sqs/message-move.ts";
import { listQueueUrls } from "../../src/sqs/queue-list.ts";
import { everyWordOf } from "../support/refusal.ts";
import { rejection } from "../support/sqs-client.ts";
import { errorAnswer, type Fault, type FaultyServer, startFaultyServer } from "../support/sqs-faults.ts";

let server: FaultyServer | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

const keys = { AWS_ACCESS_KEY_ID: "AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY: "s3cret-key" };

function partsOf(more: Partial<SqsAccountParts> = {}): SqsAccountParts {
  return {
    region: "eu-west-1",
    env: keys,
    clock: { monotonicMillis: () => 0, sleep: async () => {} },
    now: Date.now,
    random: () => 0,
    retryPolicy: { attempts: 3, firstPauseMillis: 0, longestPauseMillis: 0, totalMillis: 60_000 },
    ...more,
  };
}

async function start(...script: [Fault, ...Fault[]]): Promise<SqsAccountParts> {
  server = await startFaultyServer(script);
  return partsOf({ endpoint: server.endpoint });
}

/** What was sent, by name. */
const sent = () => (server?.bodies ?? []).map((body) => Object.fromEntries(new URLSearchParams(body)));

const answer = (action: string, content: string): Fault => ({
  status: 200,
  body: `<${action}Response><${action}Result>${content}</${action}Result><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></${action}Response>`,
});
const refused = (status: number, code: string): Fault => ({ status, body: errorAnswer(code, "canary-text") });

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
    expect(sent()).toEqual([asked, { ...asked, NextToken: "t=1&2" }]);
    expect(server?.heads[0]).toStartWith("POST / HTTP/1.1");
    expect(server?.heads[0]).toContain("/eu-west-1/sqs/aws4_request");
  });

  test("may be empty, and begin with a prefix", async () => {
    const parts = await start(page([]));
    expect(await listQueueUrls(parts, "login-")).toEqual([]);
    expect(sent()).toMatchObject([{ QueueNamePrefix: "login-" }]);
  });

  test("ends where a page brings nothing new", async () => {
    const parts = await start(page(["a"], "t"));
    expect(await listQueueUrls(parts)).toHaveLength(1);
    expect(sent()).toHaveLength(2);
  });

  test("ends at 5,000 queues", async () => {
    const names = (start: number) => Array.from({ length: 1000 }, (_, index) => `q${start + index}`);
    const pages = [0, 1000, 2000, 3000, 4000, 5000].map((from) => page(names(from), "more"));
    const parts = await start(pages[0] as Fault, ...pages.slice(1));
    expect(await listQueueUrls(parts)).toHaveLength(5000);
    expect(sent()).toHaveLength(5);
  });

  test.each([
    [403, "AccessDenied", "permission", "sqs:ListQueues"],
    [403, "InvalidClientTokenId", "permission", "get-caller-identity"],
    [400, "InvalidAction", "protocol", "AWS_ENDPOINT_URL_SQS"],
    [404, "", "protocol", "AWS_ENDPOINT_URL_SQS"],
    [503, "ServiceUnavailable", "temporary", "run it again"],
  ])("is refused with %d %s", async (status, code, kind, hint) => {
    const error = await rejection(listQueueUrls(await start(refused(status, code))));
    expect(error).toMatchObject({ kind });
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
    expect(sent()).toHaveLength(3);
  });
});

describe("the region", () => {
  const asked = async (parts: Partial<SqsAccountParts>) => {
    const { endpoint } = await start(answer("ListQueues", ""));
    await listQueueUrls(partsOf({ region: undefined, endpoint, ...parts }));
    const [, region] = /Credential=[^/]+\/\d+\/([^/]+)\//.exec(server?.heads[0] ?? "") ?? [];
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
    const error = await rejection(
      listQueueUrls(partsOf({ region: undefined })).catch((e) => Promise.reject(e)),
    );
    expect(error).toMatchObject({ kind: "config", message: "no AWS region is known" });
  });

  test.each(["eu-west-1.evil.example/", "EU", "eu west", "-", "x".repeat(51)])(
    "is not %j",
    async (region) => {
      expect(await rejection(listQueueUrls(partsOf({ region })))).toMatchObject({ kind: "config" });
    },
  );
});

describe("the identity", () => {
  const arn = "arn:aws:sts::123456789012:assumed-role/drain/session";
  const who = (text: string, account = "123456789012") =>
    answer("GetCallerIdentity", `<Arn>${text}</Arn><UserId>x:y</UserId><Account>${account}</Account>`);
  const ask = async (...script: [Fault, ...Fault[]]) => {
    const { endpoint = "" } = await start(...script);
    return callerIdentity(partsOf({ env: { ...keys, AWS_ENDPOINT_URL_STS: endpoint } }));
  };
  const source = "AWS_ACCESS_KEY_ID in the environment";

  test("is what STS says, with where the credentials came from", async () => {
    expect(await ask(who(arn))).toEqual({ source, arn, account: "123456789012" });
    expect(sent()).toEqual([{ Action: "GetCallerIdentity", Version: "2011-06-15" }]);
    expect(server?.heads[0]).toContain("/eu-west-1/sts/aws4_request");
  });

  test.each<[string, Fault]>([
    ["refuses", refused(403, "InvalidClientTokenId")],
    ["knows no such action", refused(400, "InvalidAction")],
    ["answers something else", { status: 200, body: "<html></html>" }],
    ["gives an ARN that is none", who("arn:aws:sts::1:x\u001b[31m")],
    ["gives an account that is none", who(arn, "123")],
    ["breaks the connection", "reset"],
  ])("is left open where what stands for STS %s", async (_, fault) => {
    expect(await ask(fault)).toEqual({ source });
  });

  test("is not asked for where an endpoint stands for SQS alone", async () => {
    const parts = await start(who(arn));
    expect(await callerIdentity(parts)).toEqual({ source });
    expect(sent()).toEqual([]);
  });

  test("is none without credentials, or with half of them", async () => {
    const error = await rejection(callerIdentity(partsOf({ env: { AWS_ACCESS_KEY_ID: "AKID" } })));
    expect(error).toMatchObject({ kind: "config", operation: "credentials" });
  });
});

describe("a move", () => {
  const from = "arn:aws:sqs:eu-west-1:123456789012:dead";
  const to = "arn:aws:sqs:eu-west-1:123456789012:login-queue";

  test("is started, to one queue or to where each came from", async () => {
    const parts = await start(answer("StartMessageMoveTask", "<TaskHandle>h</TaskHandle>"));
    expect(await startMessageMove(parts, { sourceArn: from, destinationArn: to })).toBe(true);
    expect(await startMessageMove(parts, { sourceArn: from })).toBe(true);
    const asked = { Action: "StartMessageMoveTask", Version: "2012-11-05", SourceArn: from };
    expect(sent()).toEqual([{ ...asked, DestinationArn: to }, asked]);
  });

  test.each(["AWS.SimpleQueueService.UnsupportedOperation", "InvalidAction", "InvalidParameterValue"])(
    "is not the server's to make: %s",
    async (code) => {
      expect(await startMessageMove(await start(refused(400, code)), { sourceArn: from })).toBe(false);
    },
  );

  test.each([
    [403, "AccessDenied", "permission", "sqs:StartMessageMoveTask"],
    [400, "ResourceNotFoundException", "config", "dead-letter"],
  ])("is refused with %d %s", async (status, code, kind, hint) => {
    const error = await rejection(startMessageMove(await start(refused(status, code)), { sourceArn: from }));
    expect(error).toMatchObject({ kind });
    expect(error.hint).toContain(hint);
  });

  test.each(["Result", "ListMessageMoveTasksResultEntry"])(
    "is told of, in entries called %s",
    async (name) => {
      const entry = (content: string) => `<${name}>${content}</${name}>`;
      const parts = await start(
        answer(
          "ListMessageMoveTasks",
          entry(
            "<TaskHandle>h</TaskHandle><Status>RUNNING</Status><ApproximateNumberOfMessagesMoved>7</ApproximateNumberOfMessagesMoved><ApproximateNumberOfMessagesToMove>9</ApproximateNumberOfMessagesToMove>",
          ) + entry("<Status>FAILED</Status><FailureReason>AccessDenied</FailureReason>"),
        ),
      );
      expect(await listMessageMoves(parts, from)).toEqual([
        { status: "RUNNING", moved: 7, toMove: 9 },
        { status: "FAILED", moved: 0, failureReason: "AccessDenied" },
      ]);
      expect(sent()).toMatchObject([{ SourceArn: from, MaxResults: "10" }]);
    },
  );

  test.each([
    "<Status>LOST</Status>",
    "<Status>RUNNING</Status><ApproximateNumberOfMessagesMoved>-1</ApproximateNumberOfMessagesMoved>",
    "",
  ])("that cannot be read is no move: %s", async (content) => {
    const parts = await start(answer("ListMessageMoveTasks", `<Result>${content}</Result>`));
    expect(await rejection(listMessageMoves(parts, from))).toMatchObject({ kind: "protocol" });
  });
});
