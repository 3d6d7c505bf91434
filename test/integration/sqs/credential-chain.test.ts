/** Credentials from every place of the AWS chain, proved by the signature that reaches the queue. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type QueueProxy, startQueueProxy } from "../../support/sqs-proxy.ts";
import { type SqsServer, startSqsServer } from "../../support/sqs-server.ts";
import { askAttributes } from "./programs/attributes.ts";

const accessKeyId = "ASIACHAINEXAMPLE";
const secretAccessKey = "chain/s3cret+key";
const sessionToken = "chain+token/==";
const arn = "arn:aws:sqs:us-east-1:123456789012:login-queue";
const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();

let server: SqsServer;
let withToken: QueueProxy;
let withoutToken: QueueProxy;
let queueUrl: string;
let folder: string;

beforeAll(async () => {
  server = await startSqsServer();
  queueUrl = await server.createQueue("login-queue");
  const signer = { accessKeyId, secretAccessKey, region: "eu-west-1" };
  withToken = await startQueueProxy(server.endpoint, { signer: { ...signer, sessionToken } });
  withoutToken = await startQueueProxy(server.endpoint, { signer });
  folder = await mkdtemp(join(tmpdir(), "etl-credentials-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await Promise.all([withToken.stop(), withoutToken.stop(), server.stop()]);
});

function ask(proxy: QueueProxy, env: Record<string, string>) {
  const common = {
    AWS_ENDPOINT_URL_SQS: proxy.endpoint,
    AWS_REGION: "eu-west-1",
    AWS_EC2_METADATA_DISABLED: "true",
  };
  return askAttributes(queueUrl, { ...common, ...env });
}

async function file(name: string, content: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

/** A loopback server of metadata or tokens. */
function serve(answer: (request: Request) => Response | Promise<Response>) {
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: answer });
  return { origin: `http://127.0.0.1:${server.port}`, [Symbol.asyncDispose]: () => server.stop(true) };
}

describe("found", () => {
  test("in the environment", async () => {
    const env = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
    expect(await ask(withToken, { ...env, AWS_SESSION_TOKEN: sessionToken })).toEqual({ arn });
    // A profile besides is not looked at, nor warned about.
    expect(await ask(withoutToken, { ...env, AWS_PROFILE: "other" })).toEqual({ arn });
  });

  test("in a profile of the credentials file", async () => {
    const path = await file(
      "credentials",
      `[default]\naws_access_key_id = wrong\naws_secret_access_key = wrong\n
       [prod]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`,
    );
    const env = { AWS_SHARED_CREDENTIALS_FILE: path, AWS_CONFIG_FILE: "/nonexistent" };
    expect(await ask(withoutToken, { ...env, AWS_PROFILE: "prod" })).toEqual({ arn });
    expect(await ask(withoutToken, env)).toMatchObject({ kind: "permission", code: "InvalidClientTokenId" });
  });

  test("by a program that the config file names", async () => {
    const credentials = { Version: 1, AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey };
    const answer = await file("answer.json", JSON.stringify({ ...credentials, SessionToken: sessionToken }));
    const path = await file("process-config", `[profile by-program]\ncredential_process = cat ${answer}\n`);
    const env = {
      AWS_CONFIG_FILE: path,
      AWS_SHARED_CREDENTIALS_FILE: "/nonexistent",
      AWS_PROFILE: "by-program",
    };
    expect(await ask(withToken, env)).toEqual({ arn });
  });

  test("in a container", async () => {
    await using metadata = serve((request) => {
      if (request.headers.get("authorization") !== "container-token")
        return new Response("", { status: 403 });
      const credentials = { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: sessionToken };
      return Response.json({ ...credentials, Expiration: inAnHour() });
    });
    const env = { AWS_CONTAINER_CREDENTIALS_FULL_URI: `${metadata.origin}/role` };
    expect(await ask(withToken, { ...env, AWS_CONTAINER_AUTHORIZATION_TOKEN: "container-token" })).toEqual({
      arn,
    });
    // The SDK has a warning for both at once, which must not reach the terminal.
    const path = await file("container-token", "container-token");
    const both = { AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: path, AWS_CONTAINER_AUTHORIZATION_TOKEN: "other" };
    expect(await ask(withToken, { ...env, ...both })).toEqual({ arn });
  });

  test("with a web identity, whose region nobody set", async () => {
    const asked: URLSearchParams[] = [];
    await using sts = serve(async (request) => {
      asked.push(new URLSearchParams(await request.text()));
      return new Response(
        `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
           <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>${accessKeyId}</AccessKeyId>
           <SecretAccessKey>${secretAccessKey}</SecretAccessKey><SessionToken>${sessionToken}</SessionToken>
           <Expiration>${inAnHour()}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
         </AssumeRoleWithWebIdentityResponse>`,
        { headers: { "content-type": "text/xml" } },
      );
    });
    const token = await file("token", "web-identity-token");
    const env = {
      AWS_WEB_IDENTITY_TOKEN_FILE: token,
      AWS_ROLE_ARN: "arn:aws:iam::123456789012:role/drain",
      AWS_ENDPOINT_URL_STS: sts.origin,
      AWS_ENDPOINT_URL_SQS: withToken.endpoint,
    };
    expect(await askAttributes("https://sqs.eu-west-1.amazonaws.com/123456789012/login-queue", env)).toEqual({
      arn,
    });
    expect(asked.map((query) => query.get("WebIdentityToken"))).toEqual(["web-identity-token"]);
  });

  test("on an instance", async () => {
    await using metadata = serve((request) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/latest/api/token") return new Response("imds-token");
      if (request.headers.get("x-aws-ec2-metadata-token") !== "imds-token")
        return new Response("", { status: 401 });
      if (pathname.endsWith("/security-credentials/")) return new Response("drain");
      const credentials = { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: sessionToken };
      return Response.json({ Code: "Success", ...credentials, Expiration: inAnHour() });
    });
    const env = { AWS_EC2_METADATA_DISABLED: "false", AWS_EC2_METADATA_SERVICE_ENDPOINT: metadata.origin };
    expect(await ask(withToken, env)).toEqual({ arn });
  });
});

describe("not found", () => {
  test("anywhere", async () => {
    const outcome = await ask(withToken, {});
    expect(outcome).toMatchObject({ kind: "config", message: "no AWS credentials were found" });
    expect(outcome.hint).toContain("aws configure sso");
  });

  test("in a profile that does not exist", async () => {
    const outcome = await ask(withToken, { AWS_PROFILE: "nowhere", AWS_CONFIG_FILE: "/nonexistent" });
    expect(outcome).toMatchObject({ kind: "config", hint: "aws sso login --profile nowhere" });
  });
});
