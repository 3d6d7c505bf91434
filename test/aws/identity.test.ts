/** Whose the credentials are, by servers that answer what they are told to. */

import { afterEach, describe, expect, test } from "bun:test";
import { type AccountParts, callerIdentity } from "../../src/aws/identity.ts";
import { clientParts, keys, refused, rejection } from "../support/sqs-client.ts";
import { answer, type Fault, type FaultyServer, startFaultyServer } from "../support/sqs-faults.ts";

let server: FaultyServer | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

const partsOf = (more: Partial<AccountParts> = {}): AccountParts => ({
  region: "eu-west-1",
  ...clientParts,
  ...more,
});

async function start(...script: [Fault, ...Fault[]]): Promise<AccountParts> {
  server = await startFaultyServer(script);
  return partsOf({ endpoint: server.endpoint });
}

/** What was sent, by name. */
const sent = () => (server?.bodies ?? []).map((body) => Object.fromEntries(new URLSearchParams(body)));

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
