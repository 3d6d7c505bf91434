/** The proxies that the environment names, and the authorities it names to trust. */

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAuthority } from "../../support/certificates.ts";
import { type ForwardProxy, startForwardProxy } from "../../support/sqs-forward-proxy.ts";
import { type SqsServer, startSqsServer } from "../../support/sqs-server.ts";
import { askAttributes } from "./programs/attributes.ts";

const arn = "arn:aws:sqs:us-east-1:123456789012:login-queue";
const keys = { AWS_ACCESS_KEY_ID: "AKID", AWS_SECRET_ACCESS_KEY: "x" };

let server: SqsServer;
let queueUrl: string;
let proxy: ForwardProxy;
let folder: string;
let secure: Bun.Server<undefined>;
let authority: string;

beforeAll(async () => {
  server = await startSqsServer();
  queueUrl = await server.createQueue("login-queue");
  folder = await mkdtemp(join(tmpdir(), "etl-proxy-"));
  const issuer = createAuthority("the proxy tests' authority");
  const certificates = issuer.issue({ addresses: ["127.0.0.1"] });
  authority = join(folder, "authority.pem");
  await writeFile(authority, issuer.certificate);
  secure = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { key: certificates.key, cert: certificates.certificate },
    fetch: async (request) => fetch(server.endpoint, { method: "POST", body: await request.text() }),
  });
});
afterAll(async () => {
  await secure.stop(true);
  await server.stop();
  await rm(folder, { recursive: true });
});
beforeEach(async () => {
  proxy = await startForwardProxy();
});
afterEach(() => proxy.stop());

const overTls = (env: Record<string, string>) =>
  askAttributes(queueUrl, { ...keys, AWS_ENDPOINT_URL_SQS: `https://127.0.0.1:${secure.port}`, ...env });
const plain = (env: Record<string, string>) => askAttributes(queueUrl, { ...keys, ...env });

describe("a proxy", () => {
  test.each(["HTTP_PROXY", "http_proxy"])("of %s takes a call over http", async (name) => {
    expect(await plain({ [name]: proxy.url })).toEqual({ arn });
    expect(proxy.targets).toEqual([queueUrl]);
  });

  test.each(["HTTPS_PROXY", "https_proxy"])("of %s is asked for a tunnel", async (name) => {
    expect(await overTls({ [name]: proxy.url, AWS_CA_BUNDLE: authority })).toEqual({ arn });
    expect(proxy.targets).toEqual([`127.0.0.1:${secure.port}`]);
  });

  test.each(["NO_PROXY", "no_proxy"])("is passed by for the hosts of %s", async (name) => {
    expect(await plain({ HTTP_PROXY: proxy.url, [name]: "example.com,127.0.0.1" })).toEqual({ arn });
    expect(proxy.targets).toEqual([]);
  });

  test("that is not there is an error that speaks of it", async () => {
    const outcome = await plain({ HTTP_PROXY: "http://127.0.0.1:1" });
    expect(outcome).toMatchObject({ kind: "unavailable", retryable: true });
    expect(outcome.hint).toContain("HTTPS_PROXY");
  });

  test("of another kind is a wrong setting", async () => {
    expect(await plain({ HTTP_PROXY: "socks5://127.0.0.1:1" })).toMatchObject({ kind: "config" });
  });
});

describe("AWS_CA_BUNDLE", () => {
  test("names the authority to trust", async () => {
    expect(await overTls({ AWS_CA_BUNDLE: authority })).toEqual({ arn });
  });

  test("is asked for where the authority is not known", async () => {
    const outcome = await overTls({});
    expect(outcome).toMatchObject({ kind: "unavailable", retryable: false });
    expect(outcome.hint).toContain("AWS_CA_BUNDLE");
  });

  test("does not make a certificate good for another host", async () => {
    const elsewhere = `https://localhost:${secure.port}`;
    const outcome = await overTls({ AWS_CA_BUNDLE: authority, AWS_ENDPOINT_URL_SQS: elsewhere });
    expect(outcome).toMatchObject({ kind: "unavailable", retryable: false });
    expect(outcome.message).toContain("for another host");
  });
});
