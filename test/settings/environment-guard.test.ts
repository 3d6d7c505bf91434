import { describe, expect, test } from "bun:test";
import { EtlError } from "../../src/errors.ts";
import { refuseDangerousEnvironment } from "../../src/settings/environment-guard.ts";

describe("refuseDangerousEnvironment", () => {
  test.each([
    ["BUN_CONFIG_VERBOSE_FETCH", "curl"],
    ["BUN_CONFIG_VERBOSE_FETCH", "0"],
    ["BUN_OPTIONS", "--preload=./secret-canary.js"],
    ["BUN_INSPECT", "127.0.0.1:9229"],
    ["BUN_INSPECT_CONNECT_TO", "unix:///tmp/s"],
    ["PGDEBUG", "1"],
    ["NODE_TLS_REJECT_UNAUTHORIZED", "0"],
  ])("%s=%s is refused", (name, value) => {
    let refusal: unknown;
    try {
      refuseDangerousEnvironment({ PATH: "/bin", [name]: value });
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(EtlError);
    const { exitCode, message, hint } = refusal as EtlError;
    expect(exitCode).toBe(78);
    expect(message).toStartWith(`${name} is set`);
    expect(message).not.toContain("canary");
    expect(hint).toBe(`unset ${name}`);
  });

  test.each([
    {},
    { BUN_OPTIONS: "", PGDEBUG: "", BUN_CONFIG_VERBOSE_FETCH: "", NODE_TLS_REJECT_UNAUTHORIZED: "" },
    { NODE_TLS_REJECT_UNAUTHORIZED: "1", NODE_EXTRA_CA_CERTS: "/etc/ca.pem", NODE_OPTIONS: "--require=x" },
  ])("%p is harmless", (env) => {
    expect(() => refuseDangerousEnvironment(env)).not.toThrow();
  });
});
