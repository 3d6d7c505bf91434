/** Whose the credentials are, by servers that answer what they are told to. */

import { afterEach, expect, spyOn, test } from "bun:test";
import { callerIdentity } from "../../src/aws/identity.ts";
import { accountParts, formsOf, keys, refused, rejection } from "../support/sqs-client.ts";
import { answer, type Fault, type FaultyServer, startFaultyServer } from "../support/sqs-faults.ts";

let server: FaultyServer;
afterEach(() => server?.stop());

const arn = "arn:aws:sts::123456789012:assumed-role/drain/session";
const who = (text: string, account = "123456789012") =>
  answer("GetCallerIdentity", `<Arn>${text}</Arn><UserId>x:y</UserId><Account>${account}</Account>`);

async function ask(fault: Fault) {
  server = await startFaultyServer([fault]);
  return callerIdentity(accountParts({ env: { ...keys, AWS_ENDPOINT_URL_STS: server.endpoint } }));
}

const source = "AWS_ACCESS_KEY_ID in the environment";

test("the identity is what STS says, with where the credentials came from", async () => {
  expect(await ask(who(arn))).toEqual({ source, arn, account: "123456789012" });
  expect(formsOf(server)).toEqual([{ Action: "GetCallerIdentity", Version: "2011-06-15" }]);
  expect(server.heads[0]).toContain("/eu-west-1/sts/aws4_request");
});

test.each<[string, Fault]>([
  ["refuses", refused(403, "InvalidClientTokenId")],
  ["knows no such action", refused(400, "InvalidAction")],
  ["answers something else", { status: 200, body: "<html></html>" }],
  ["gives an ARN that is none", who("arn:aws:sts::1:x\u001b[31m")],
  ["gives an account that is none", who(arn, "123")],
  ["breaks the connection", "reset"],
])("the identity is left open if what stands for STS %s", async (_, fault) => {
  expect(await ask(fault)).toEqual({ source });
});

test("STS is not asked if an endpoint stands for SQS alone", async () => {
  const fetching = spyOn(globalThis, "fetch");
  expect(await callerIdentity(accountParts({ endpoint: "http://127.0.0.1:1" }))).toEqual({ source });
  expect(fetching).not.toHaveBeenCalled();
  fetching.mockRestore();
});

test("there is no identity with half of the credentials", async () => {
  const error = await rejection(callerIdentity(accountParts({ env: { AWS_ACCESS_KEY_ID: "AKID" } })));
  expect(error).toMatchObject({ kind: "config", operation: "credentials" });
});
