import { describe, expect, test } from "bun:test";
import { createCredentialSource, originInWords } from "../../src/aws/credentials.ts";
import type { Credentials } from "../../src/aws/signing.ts";

const minute = 60_000;

/** A chain whose answers are given beforehand, and a clock to turn. */
function chain(answers: readonly (Credentials | Error)[], env: Record<string, string> = {}) {
  let loads = 0;
  const clock = { millis: 1_700_000_000_000 };
  const load = async () => {
    const answer = answers[Math.min(loads, answers.length - 1)];
    loads += 1;
    await Bun.sleep(0);
    if (answer instanceof Error) throw answer;
    if (answer === undefined) throw new Error("nothing");
    return answer;
  };
  const source = createCredentialSource({ env, region: "eu-west-1", now: () => clock.millis, load });
  return { source, clock, loads: () => loads };
}

const lasting = (name: string, minutes: number): Credentials => ({
  accessKeyId: name,
  secretAccessKey: "x",
  expiresAtMillis: 1_700_000_000_000 + minutes * minute,
});

describe("static keys", () => {
  const env = { AWS_ACCESS_KEY_ID: "AKID", AWS_SECRET_ACCESS_KEY: "s3cret" };

  test("are used as they are, and nothing is looked for", async () => {
    const { source, loads } = chain([new Error("not asked")], {
      ...env,
      AWS_SESSION_TOKEN: "token",
      AWS_PROFILE: "p",
    });
    const expected = { accessKeyId: "AKID", secretAccessKey: "s3cret", sessionToken: "token" };
    expect(await source.current()).toEqual(expected);
    expect(await source.renew()).toEqual(expected);
    expect(loads()).toBe(0);
  });

  test("that are empty are as good as absent", async () => {
    const { source } = chain([lasting("chain", 60)], { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" });
    expect((await source.current()).accessKeyId).toBe("chain");
  });

  test.each([
    ["AWS_ACCESS_KEY_ID", { AWS_SECRET_ACCESS_KEY: "s3cret" }],
    ["AWS_SECRET_ACCESS_KEY", { AWS_ACCESS_KEY_ID: "s3cret" }],
    ["AWS_SECRET_ACCESS_KEY", { ...env, AWS_SECRET_ACCESS_KEY: "s3cret\n" }],
    ["AWS_SESSION_TOKEN", { ...env, AWS_SESSION_TOKEN: "s3cret s3cret" }],
  ])("that are half set or damaged are refused: %s", (name, damaged) => {
    const make = () => createCredentialSource({ env: damaged, region: "eu-west-1", now: () => 0 });
    expect(make).toThrow(expect.objectContaining({ kind: "config" }));
    expect(make).toThrow(name);
    expect(make).not.toThrow("s3cret");
  });
});

describe("the chain's credentials", () => {
  test("are looked for once, however many ask, and kept", async () => {
    const { source, loads } = chain([lasting("one", 60)]);
    await Promise.all([source.current(), source.current(), source.current()]);
    expect((await source.current()).accessKeyId).toBe("one");
    expect(loads()).toBe(1);
  });

  test("that do not expire are never looked for again", async () => {
    const { source, clock, loads } = chain([{ accessKeyId: "one", secretAccessKey: "x" }]);
    await source.current();
    clock.millis += 10 * 365 * 24 * 60 * minute;
    await source.current();
    expect(loads()).toBe(1);
  });

  test("are renewed when they have five minutes to live", async () => {
    const { source, clock, loads } = chain([lasting("one", 60), lasting("two", 120)]);
    await source.current();
    clock.millis += 55 * minute - 1;
    expect((await source.current()).accessKeyId).toBe("one");
    clock.millis += 1;
    const first = source.current();
    expect((await source.current()).accessKeyId).toBe("one"); // Still good: nobody else has to wait.
    expect((await first).accessKeyId).toBe("two");
    expect((await source.current()).accessKeyId).toBe("two");
    expect(loads()).toBe(2);
  });

  test("are used to their end where they cannot be renewed, with a pause between the tries", async () => {
    const { source, clock, loads } = chain([
      lasting("one", 60),
      new Error("down"),
      new Error("down"),
      lasting("two", 120),
    ]);
    await source.current();
    clock.millis += 56 * minute;
    expect((await source.current()).accessKeyId).toBe("one");
    expect((await source.current()).accessKeyId).toBe("one");
    expect(loads()).toBe(2);
    clock.millis += minute;
    expect((await source.current()).accessKeyId).toBe("one");
    expect(loads()).toBe(3);
    clock.millis += minute;
    expect((await source.current()).accessKeyId).toBe("two");
  });

  test("that have expired and cannot be renewed end the call, for now", async () => {
    const { source, clock } = chain([lasting("one", 60), new Error("quotes s3cret"), lasting("two", 120)]);
    await source.current();
    clock.millis += 60 * minute;
    const error = await source.current().catch((caught) => caught);
    expect(error).toMatchObject({ kind: "temporary", retryable: true });
    expect(error.message).not.toContain("s3cret");
    expect((await source.current()).accessKeyId).toBe("two");
  });

  test("are renewed before their time where AWS has refused them", async () => {
    const { source } = chain([lasting("one", 60), lasting("two", 60)]);
    await source.current();
    expect((await source.renew()).accessKeyId).toBe("two");
    expect((await source.current()).accessKeyId).toBe("two");
  });

  test.each([
    [{}, "aws configure sso"],
    [{ AWS_PROFILE: "prod" }, "aws sso login --profile prod"],
  ])("that are nowhere are a wrong setting (%p): %s", async (env, hint) => {
    const { source } = chain([new Error("quotes s3cret")], env as Record<string, string>);
    const error = await source.current().catch((caught) => caught);
    expect(error).toMatchObject({ kind: "config", retryable: false });
    expect(error.hint).toContain(hint);
    expect(error.message).not.toContain("s3cret");
  });
});

const prod = { AWS_PROFILE: "prod" };
const container = { AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://169.254.170.23/v1/credentials" };

test.each<[words: string, env: Record<string, string>, features: string]>([
  ["the profile default", {}, "PROFILE"],
  ["the profile prod", prod, "PROFILE"],
  ["the profile prod, by single sign-on", prod, "SSO PROFILE_SSO"],
  ["the profile prod, by assuming a role", prod, "PROFILE PROFILE_SOURCE_PROFILE"],
  ["the profile default, by its credential_process", {}, "PROCESS PROFILE_PROCESS"],
  ["a web identity (AWS_WEB_IDENTITY_TOKEN_FILE)", {}, "STS_ASSUME_ROLE_WEB_ID ENV_VARS_STS_WEB_ID_TOKEN"],
  ["the container's role", container, "HTTP"],
  ["the container's role", container, ""],
  ["the instance's role", {}, ""],
])("credentials come from %s (%j, %s)", (words, env, features) => {
  const marks = features
    .split(" ")
    .filter(Boolean)
    .map((mark) => `CREDENTIALS_${mark}`);
  expect(originInWords(marks, env)).toBe(words);
});
