/** Queues listed by a real server that takes only what is signed right. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import type { AccountParts } from "../../../src/aws/identity.ts";
import { listQueueUrls } from "../../../src/sqs/queue-list.ts";
import { type SqsServer, startSqsServer } from "../../support/sqs-server.ts";
import { startVerifyingProxy, type VerifyingProxy } from "../../support/sqs-verifying-proxy.ts";

const signer = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "s3cret/key+", sessionToken: "a/token=" };

let server: SqsServer;
let proxy: VerifyingProxy;
let parts: AccountParts;

beforeAll(async () => {
  server = await startSqsServer();
  proxy = await startVerifyingProxy({ ...signer, upstream: server.endpoint, region: "us-east-1" });
  parts = {
    region: "us-east-1",
    endpoint: proxy.endpoint,
    env: {
      AWS_ACCESS_KEY_ID: signer.accessKeyId,
      AWS_SECRET_ACCESS_KEY: signer.secretAccessKey,
      AWS_SESSION_TOKEN: signer.sessionToken,
    },
    clock: { monotonicMillis: () => 0, sleep: async () => {} },
    now: Date.now,
    random: () => 0,
  };
});
afterAll(async () => {
  await Promise.all([proxy.stop(), server.stop()]);
});

test("queues are listed, all or by a prefix", async () => {
  const urls = await Promise.all(
    ["login-queue", "login-queue-eu", "orders"].map((name) => server.createQueue(name)),
  );
  expect((await listQueueUrls(parts)).toSorted()).toEqual(urls.toSorted());
  expect(await listQueueUrls(parts, "orders")).toEqual(urls.slice(2));
  expect(proxy.rejected).toBe(0);
});
