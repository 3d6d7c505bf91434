/** AWS's own search for credentials, by the SDK's provider package, loaded only when it is needed. */

import { originInWords } from "./credential-origin.ts";
import type { Credentials } from "./signing.ts";

/** What the SDK returns; its types hide the features that it has marked it with. */
type Marked<T> = T & { readonly $source?: Readonly<Record<string, unknown>> };

/** The SDK writes warnings to the terminal where it is given no logger, or one without a `warn`. */
const silent = { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore };

/**
 * A function that asks the whole chain anew at each call. The SDK reads profile, token file and metadata
 * addresses from the process's environment itself.
 *
 * @param region where the security token service is asked; `AWS_REGION` comes before it
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
 */
export function loadChain(
  env: Readonly<Record<string, string | undefined>>,
  region: string,
): () => Promise<Credentials> {
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
