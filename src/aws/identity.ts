/** Who the requests are signed as, and where those credentials came from, in words for a person. */

import { EtlError } from "../errors.ts";
import { type ClientParts, ServiceClient } from "./client.ts";
import { staticOrigin } from "./credentials.ts";
import { endpointSettings, environmentEndpoint, regionOf, resolveServiceEndpoint } from "./endpoint.ts";
import type { ServiceErrors } from "./errors.ts";
import { asText, encodeForm, formRequest, readResult, required } from "./query-protocol.ts";
import type { RetryPolicy } from "./retry.ts";
import { UnreadableAnswer } from "./xml.ts";

/** Who asks, and where, before any queue is named. */
export interface AccountParts extends ClientParts {
  /** A region set by a person. @defaultValue `AWS_REGION`, `AWS_DEFAULT_REGION`, or the profile's */
  readonly region?: string | undefined;
  /** Where SQS's requests go instead of AWS: the settings' endpoint, or what `AWS_ENDPOINT_URL_SQS` names. */
  readonly endpoint?: string | undefined;
}

/** Whose credentials they are. */
export interface CallerIdentity {
  /** Such as `the profile prod`. */
  readonly source: string;
  /** Absent if nobody could say it. */
  readonly arn?: string;
  /** The account's number; absent as the ARN is. */
  readonly account?: string;
}

/** A person waits for it, and can go on without it. */
const timeoutMillis = 5000;
const retryPolicy: RetryPolicy = {
  attempts: 2,
  firstPauseMillis: 100,
  longestPauseMillis: 100,
  totalMillis: timeoutMillis,
};

const errors: ServiceErrors = {
  name: "STS",
  settings: endpointSettings("sts"),
  // No permission is needed to ask, so who is denied is none of AWS's.
  denied: {
    kind: "permission",
    message: "AWS does not say whose credentials these are",
    hint: "check which credentials are used: aws sts get-caller-identity",
  },
};

const action = "GetCallerIdentity";
const arnForm = /^arn:[a-z0-9-]+:(?:sts|iam)::[0-9]{12}:[\w+=,.@/:-]{1,512}$/;

/** Of errors that every call to AWS would meet. */
const tellingKinds: ReadonlySet<string> = new Set(["permission", "config"]);

/**
 * Finds credentials, and asks the security token service whose they are.
 *
 * The identity is left open if an endpoint stands for AWS's SQS and none for STS, if what stands for STS does
 * not answer as it does, and if AWS cannot be reached now.
 *
 * @throws EtlError if there are no credentials or no region, or AWS does not accept the credentials
 * @see https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
 */
export async function callerIdentity(parts: AccountParts): Promise<CallerIdentity> {
  const region = regionOf(parts.env, parts.region, parts.endpoint);
  const client = new ServiceClient({ name: "sts" }, region, { ...parts, retryPolicy, timeoutMillis });
  const { source = staticOrigin } = await client.credentials.current();
  const named = environmentEndpoint("sts", parts.env);
  if (named === undefined && parts.endpoint !== undefined) return { source };
  const { href, host, standIn } = resolveServiceEndpoint("sts", region, named);
  const call = { operation: "identity", resource: host, host, region, errors, take: asText };
  try {
    const form: [string, string][] = [
      ["Action", action],
      ["Version", "2011-06-15"],
    ];
    const request = () => formRequest(`${href}/`, encodeForm(form));
    return { source, ...(await client.call({ ...call, request, read: readIdentity })) };
  } catch (error) {
    const mustBeTold = !standIn && error instanceof EtlError && tellingKinds.has(error.kind);
    if (mustBeTold || !(error instanceof EtlError)) throw error;
    return { source };
  }
}

function readIdentity(text: string) {
  const texts = new Map<string, string>();
  readResult(text, action, (reader, element) => texts.set(element, reader.text()));
  const [arn, account] = [required(texts, "Arn"), required(texts, "Account")];
  if (!arnForm.test(arn) || !/^[0-9]{12}$/.test(account)) throw new UnreadableAnswer();
  return { arn, account };
}
