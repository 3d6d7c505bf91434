/** What requests are signed with: static keys at once, else whatever AWS's own chain finds, kept fresh. */

import { EtlError } from "../errors.ts";
import type { Credentials } from "./signing.ts";
import type { Environment } from "./transport.ts";

/** Gives credentials that are good now. */
export interface CredentialSource {
  /** @throws EtlError of kind config if there are none, or kind temporary, retryable, if a renewal fails */
  current(): Promise<Credentials>;
  /** Gets new ones although the old have not expired, as AWS has refused them. */
  renew(): Promise<Credentials>;
}

/** What {@link createCredentialSource} needs. */
export interface CredentialParts {
  readonly env: Environment;
  /** For the security token service, if neither environment nor profile names one. */
  readonly region: string;
  /** Milliseconds since 1970 UTC. */
  readonly now: () => number;
  /** The AWS chain. @defaultValue the SDK's, loaded on the first use */
  readonly load?: (() => Promise<Credentials>) | undefined;
}

/** New ones are fetched when the old have this long to live, as AWS's own clients do. */
const renewBeforeMillis = 5 * 60_000;

/** After a renewal that failed, the old ones are used this long before the next try. */
const renewPauseMillis = 30_000;

/**
 * Static keys in the environment come first, so that nothing is loaded and no file is read if they are
 * set; then the SDK's chain: profile, SSO, web identity, container, instance.
 *
 * @throws EtlError of kind config if static keys are there in part, or damaged
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
 */
export function createCredentialSource(parts: CredentialParts): CredentialSource {
  const { env, region } = parts;
  const fixed = readStaticKeys(env);
  if (fixed !== undefined) {
    const given = Promise.resolve(fixed);
    return { current: () => given, renew: () => given };
  }
  return renewing(parts.load ?? loadChain(env, region), parts);
}

/** The chain's credentials, kept until they are about to expire. */
function renewing(
  load: () => Promise<Credentials>,
  { env, now }: Pick<CredentialParts, "env" | "now">,
): CredentialSource {
  let kept: Credentials | undefined;
  let loading: Promise<Credentials> | undefined;
  let nextTryMillis = 0;

  async function fetchNew(): Promise<Credentials> {
    nextTryMillis = now() + renewPauseMillis;
    try {
      kept = await load();
      return kept;
    } catch (cause) {
      throw kept === undefined ? noneFound(env, cause) : notRenewed(env, cause);
    }
  }

  /** However many ask at a time, the chain is asked once. */
  function renew(): Promise<Credentials> {
    loading ??= fetchNew().finally(() => {
      loading = undefined;
    });
    return loading;
  }

  async function current(): Promise<Credentials> {
    const old = kept;
    if (old === undefined) return renew();
    const leftMillis = (old.expiresAtMillis ?? Number.POSITIVE_INFINITY) - now();
    if (leftMillis > renewBeforeMillis) return old;
    if (leftMillis > 0 && now() < nextTryMillis) return old;
    return renew().catch((error) => {
      if (leftMillis <= 0) throw error;
      return old;
    });
  }

  return { current, renew };
}

function readStaticKeys(env: Environment): Credentials | undefined {
  const names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] as const;
  const [accessKeyId, secretAccessKey, sessionToken] = names.map((name) => env[name] || undefined);
  if (accessKeyId === undefined && secretAccessKey === undefined) return undefined;
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    const missing = accessKeyId === undefined ? names[0] : names[1];
    const message = `${missing} is not set, but its counterpart is`;
    throw unusable(message, `set ${missing} too, or unset both`);
  }
  for (const name of names) {
    // A header takes no line break, and the error would show the value.
    if (/[^!-~]/.test(env[name] ?? "")) {
      const message = `${name} holds a space, a line break or another character that no key has`;
      throw unusable(message, `set ${name} again`);
    }
  }
  return { accessKeyId, secretAccessKey, sessionToken };
}

function noneFound(env: Environment, cause: unknown): EtlError {
  const profile = env.AWS_PROFILE;
  if (profile !== undefined && profile !== "") {
    const message = `the profile ${profile} (AWS_PROFILE) gives no AWS credentials`;
    return unusable(message, `aws sso login --profile ${profile}`, cause);
  }
  const hint = "aws configure sso, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
  return unusable("no AWS credentials were found", hint, cause);
}

function notRenewed(env: Environment, cause: unknown): EtlError {
  const message = "the AWS credentials have expired and could not be renewed";
  const hint = env.AWS_PROFILE ? `aws sso login --profile ${env.AWS_PROFILE}` : "aws sts get-caller-identity";
  return new EtlError({ kind: "temporary", operation: "credentials", message, hint, retryable: true, cause });
}

function unusable(message: string, hint: string, cause?: unknown): EtlError {
  return new EtlError({ kind: "config", operation: "credentials", message, hint, cause });
}

/** What the SDK returns; its types hide the features that it has marked it with. */
type Marked<T> = T & { readonly $source?: Readonly<Record<string, unknown>> };

/** The SDK writes warnings to the terminal if it is given no logger, or one without a `warn`. */
const silent = { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore };

/**
 * A function that asks the whole chain anew at each call. The SDK reads profile, token file and metadata
 * addresses from the process's environment itself.
 *
 * @param region where the security token service is asked; `AWS_REGION` comes before it
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
 */
function loadChain(env: Environment, region: string): () => Promise<Credentials> {
  const stsRegion = env.AWS_REGION || env.AWS_DEFAULT_REGION || region;
  return async () => {
    const { defaultProvider } = await import("@aws-sdk/credential-provider-node");
    const provide = defaultProvider({ logger: silent, parentClientConfig: { region: stsRegion } });
    const found: Marked<Awaited<ReturnType<typeof provide>>> = await provide();
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = found;
    const source = originInWords(Object.keys(found.$source ?? {}), env);
    return { accessKeyId, secretAccessKey, sessionToken, expiresAtMillis: expiration?.getTime(), source };
  };
}

function ignore(): void {}

/**
 * By the feature that the SDK counts, what it comes to. The later ones are marks of a step inside a profile, so the
 * order is that of significance.
 *
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
 */
const origins: readonly (readonly [feature: RegExp, words: (profile: string) => string])[] = [
  [/^CREDENTIALS_PROFILE_(SSO|SSO_LEGACY)$/, (profile) => `the profile ${profile}, by single sign-on`],
  [/^CREDENTIALS_PROFILE_SOURCE_PROFILE$/, (profile) => `the profile ${profile}, by assuming a role`],
  [/^CREDENTIALS_PROFILE_STS_WEB_ID_TOKEN$/, (profile) => `the profile ${profile}, by a web identity`],
  [/^CREDENTIALS_PROFILE_PROCESS$/, (profile) => `the profile ${profile}, by its credential_process`],
  [/^CREDENTIALS_PROFILE/, (profile) => `the profile ${profile}`],
  [/^CREDENTIALS_ENV_VARS_STS_WEB_ID_TOKEN$/, () => "a web identity (AWS_WEB_IDENTITY_TOKEN_FILE)"],
  [/^CREDENTIALS_ENV_VARS$/, () => staticOrigin],
  [/^CREDENTIALS_(SSO|SSO_LEGACY)$/, (profile) => `the profile ${profile}, by single sign-on`],
  [/^CREDENTIALS_PROCESS$/, (profile) => `the profile ${profile}, by its credential_process`],
  [/^CREDENTIALS_HTTP$/, () => "the container's role"],
];

/** Of static keys. */
export const staticOrigin = "AWS_ACCESS_KEY_ID in the environment";

/**
 * The origin in words, such as `the profile prod`.
 *
 * @param features the names of the features that the SDK has marked the credentials with; it marks neither those of an
 * instance nor those of a container that are read by a relative URI alone
 */
export function originInWords(features: readonly string[], env: Environment): string {
  const profile = env.AWS_PROFILE || "default";
  for (const [feature, words] of origins) {
    if (features.some((name) => feature.test(name))) return words(profile);
  }
  const inContainer = env.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI || env.AWS_CONTAINER_CREDENTIALS_FULL_URI;
  return inContainer ? "the container's role" : "the instance's role";
}
