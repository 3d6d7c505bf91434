import { expect, test } from "bun:test";
import { originInWords } from "../../src/sqs/credential-origin.ts";

const container = { AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://169.254.170.23/v1/credentials" };

test.each<[readonly string[], Record<string, string>, string]>([
  [["CREDENTIALS_PROFILE"], {}, "the profile default"],
  [["CREDENTIALS_PROFILE"], { AWS_PROFILE: "prod" }, "the profile prod"],
  [
    ["CREDENTIALS_SSO", "CREDENTIALS_PROFILE_SSO"],
    { AWS_PROFILE: "prod" },
    "the profile prod, by single sign-on",
  ],
  [
    ["CREDENTIALS_PROFILE", "CREDENTIALS_PROFILE_SOURCE_PROFILE"],
    { AWS_PROFILE: "prod" },
    "the profile prod, by assuming a role",
  ],
  [
    ["CREDENTIALS_PROCESS", "CREDENTIALS_PROFILE_PROCESS"],
    {},
    "the profile default, by its credential_process",
  ],
  [
    ["CREDENTIALS_STS_ASSUME_ROLE_WEB_ID", "CREDENTIALS_ENV_VARS_STS_WEB_ID_TOKEN"],
    {},
    "a web identity (AWS_WEB_IDENTITY_TOKEN_FILE)",
  ],
  [["CREDENTIALS_HTTP"], container, "the container's role"],
  [[], container, "the container's role"],
  [[], {}, "the instance's role"],
])("%j: %s", (features, env, words) => {
  expect(originInWords(features, env)).toBe(words);
});
