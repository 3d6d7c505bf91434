/** Queues listed, and dead letters moved back, by a real server that takes only what is signed right. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import type { SqsAccountParts } from "../../../src/sqs/account.ts";
import { listMessageMoves, startMessageMove } from "../../../src/sqs/message-move.ts";
import { listQueueUrls } from "../../../src/sqs/queue-list.ts";
import { type SqsServer, startSqsServer } from "../../support/sqs-server.ts";
import { startVerifyingProxy, type VerifyingProxy } from "../../support/sqs-verifying-proxy.ts";

const signer = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "s3cret/key+", sessionToken: "a/token=" };
const arnOf = (name: string) => `arn:aws:sqs:us-east-1:123456789012:${name}`;

let server: SqsServer;
let proxy: VerifyingProxy;
let parts: SqsAccountParts;

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

test("dead letters are moved, and only out of a queue that a redrive policy names", async () => {
  const dead = await server.createQueue("dead");
  const redrive = JSON.stringify({ deadLetterTargetArn: arnOf("dead"), maxReceiveCount: 3 });
  await server.createQueue("origin", { RedrivePolicy: redrive });
  await server.send(dead, ["a", "b", "c"]);
  const move = { sourceArn: arnOf("dead"), destinationArn: arnOf("origin") };
  expect(await listMessageMoves(parts, move.sourceArn)).toEqual([]);
  expect(await startMessageMove(parts, move)).toBe(true);
  expect(await listMessageMoves(parts, move.sourceArn)).toMatchObject([{ status: "RUNNING", toMove: 3 }]);
  expect(await startMessageMove(parts, { ...move, sourceArn: arnOf("orders") })).toBe(false);
  expect(proxy.rejected).toBe(0);
});
