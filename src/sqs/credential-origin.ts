/** Says in words where credentials came from, by the marks that the SDK's chain leaves on what it finds. */

type Environment = Readonly<Record<string, string | undefined>>;

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
