/** What a client finds out in the middle of a run: that its clock is wrong, or its token has expired. */

import { afterEach, describe, expect, test } from "bun:test";
import type { SqsClient, SqsClientParts } from "../../src/sqs/client.ts";
import type { CredentialSource } from "../../src/sqs/credentials.ts";
import { SignatureClock } from "../../src/sqs/signature-clock.ts";
import { clientOf, fine, receive, refused, rejection } from "../support/sqs-client.ts";
import { errorAnswer, type Fault, type FaultyServer, startFaultyServer } from "../support/sqs-faults.ts";

let server: FaultyServer | undefined;
afterEach(() => server?.stop());

/** Tries three times, without a pause. */
async function start(script: [Fault, ...Fault[]], parts: Partial<SqsClientParts> = {}): Promise<SqsClient> {
  server = await startFaultyServer(script);
  return clientOf(server.endpoint, parts);
}

describe("a clock that is wrong", () => {
  const hour = 60 * 60_000;
  const serverTime = Date.UTC(2026, 0, 31, 23, 30);
  const late = (
    code: string,
    headers: Record<string, string> = { Date: new Date(serverTime).toUTCString() },
  ) => ({ status: 403, body: errorAnswer(code), headers }) as const;

  /** A client an hour ahead of the server, and what it was told of that. */
  async function startAhead(script: [Fault, ...Fault[]]) {
    const told: number[] = [];
    let ahead = hour;
    const signatureClock = new SignatureClock(
      () => serverTime + ahead,
      (aheadMillis) => told.push(aheadMillis),
    );
    const set = (millis: number) => {
      ahead = millis;
    };
    return { client: await start(script, { signatureClock }), told, set };
  }

  const signedAt = () => (server?.heads ?? []).map((head) => /x-amz-date: (\w+)/i.exec(head)?.[1]);

  test.each([
    "RequestExpired",
    "RequestTimeTooSkewed",
    "RequestInTheFuture",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
  ])("is corrected by the Date of the answer, for good, and told once: %s", async (code) => {
    const { client, told } = await startAhead([late(code), fine]);
    expect(await receive(client)).toEqual([]);
    expect(await receive(client)).toEqual([]);
    expect(signedAt()).toEqual(["20260201T003000Z", "20260131T233000Z", "20260131T233000Z"]);
    expect(server?.heads[1]).toContain("Credential=AKIDEXAMPLE/20260131/");
    expect(told).toEqual([hour]);
  });

  test("is an error where the corrected time is refused, too, and there is no third try", async () => {
    const { client, told } = await startAhead([late("RequestExpired")]);
    const error = await rejection(receive(client));
    expect(error).toMatchObject({ kind: "config", code: "RequestExpired", retryable: false });
    expect(error.message).toContain("60 min ahead of");
    expect([client.requests, told]).toEqual([2, [hour]]);
  });

  test("does not hide a wrong key", async () => {
    const { client } = await startAhead([late("SignatureDoesNotMatch")]);
    const error = await rejection(receive(client));
    expect(error).toMatchObject({ kind: "permission", code: "SignatureDoesNotMatch" });
    expect(client.requests).toBe(2);
    expect(await rejection(receive(client))).toMatchObject({ kind: "permission" });
    expect(client.requests).toBe(3);
  });

  test("is measured anew when it has been set in the middle of a run", async () => {
    const { client, told, set } = await startAhead([
      late("RequestExpired"),
      fine,
      late("RequestExpired"),
      fine,
    ]);
    await receive(client);
    set(0);
    expect(await receive(client)).toEqual([]);
    expect(signedAt().slice(2)).toEqual(["20260131T223000Z", "20260131T233000Z"]);
    expect(told).toEqual([hour, 0]);
  });

  test("cannot be measured where the answer has no Date; a request that was only slow is signed anew", async () => {
    const { client, told } = await startAhead([late("RequestExpired", {})]);
    const error = await rejection(receive(client));
    expect(error.message).toContain("clock differs");
    expect([client.requests, told]).toEqual([2, []]);
  });
});

describe("an expired token", () => {
  const old = { accessKeyId: "OLD", secretAccessKey: "x", sessionToken: "old" };
  const fresh = { accessKeyId: "NEW", secretAccessKey: "y", sessionToken: "new" };

  function renewing(next: typeof old) {
    let renewals = 0;
    let now = old;
    const credentials: CredentialSource = {
      current: async () => now,
      renew: async () => {
        renewals += 1;
        now = next;
        return next;
      },
    };
    return { credentials, renewals: () => renewals };
  }

  test.each(["ExpiredToken", "ExpiredTokenException"])(
    "(%s) is renewed, and the call made again",
    async (code) => {
      const { credentials, renewals } = renewing(fresh);
      const client = await start([refused(403, code), fine], { credentials });
      expect(await receive(client)).toEqual([]);
      expect(renewals()).toBe(1);
      expect(server?.heads[1]).toContain("Credential=NEW/");
    },
  );

  test("is renewed once only", async () => {
    const { credentials, renewals } = renewing(fresh);
    const client = await start([refused(403, "ExpiredToken")], { credentials });
    expect(await rejection(receive(client))).toMatchObject({ kind: "permission", code: "ExpiredToken" });
    expect([client.requests, renewals()]).toEqual([2, 1]);
  });

  test("that cannot be renewed, as it is set in the environment, ends the call", async () => {
    const client = await start([refused(403, "ExpiredToken")], { credentials: renewing(old).credentials });
    const error = await rejection(receive(client));
    expect(error.hint).toContain("AWS_SESSION_TOKEN");
    expect(client.requests).toBe(1);
  });
});
