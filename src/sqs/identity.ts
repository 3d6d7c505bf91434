/** Who the requests are signed as, and where those credentials came from, in words for a person. */

import { EtlError } from "../errors.ts";
import { regionOf, type SqsAccountParts } from "./account.ts";
import { callAccount } from "./account-query.ts";
import { staticOrigin } from "./credential-origin.ts";
import type { Meaning } from "./error-meanings.ts";
import { required, unexpected } from "./response.ts";
import type { RetryPolicy } from "./retry.ts";
import { ServiceClient } from "./service-client.ts";
import { environmentEndpoint, resolveServiceEndpoint } from "./service-endpoint.ts";

/** Who asks. */
export interface CallerIdentity {
  /** Such as `the profile prod`. */
  readonly source: string;
  /** Absent where nobody could say it. */
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

/** No permission is needed to ask, so who is denied is none of AWS's. */
const denied: Meaning = {
  kind: "permission",
  message: "AWS does not say whose credentials these are",
  hint: "check which credentials are used: aws sts get-caller-identity",
};

const arnForm = /^arn:[a-z0-9-]+:(?:sts|iam)::[0-9]{12}:[\w+=,.@/:-]{1,512}$/;

/**
 * Finds credentials, and asks the security token service whose they are.
 *
 * The identity is left open where an endpoint stands for AWS's SQS and none for STS, where what stands for STS does
 * not answer as it does, and where AWS cannot be reached now.
 *
 * @throws EtlError where there are no credentials or no region, or AWS does not accept the credentials
 * @see https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
 */
export async function callerIdentity(parts: SqsAccountParts): Promise<CallerIdentity> {
  const region = regionOf(parts);
  const client = new ServiceClient("sts", region, { ...parts, retryPolicy, timeoutMillis });
  const { source = staticOrigin } = await client.credentials();
  const named = environmentEndpoint("sts", parts.env);
  if (named === undefined && parts.endpoint !== undefined) return { source };
  const endpoint = resolveServiceEndpoint("sts", region, named);
  try {
    return await callAccount("sts", client, endpoint, {
      operation: "identity",
      action: "GetCallerIdentity",
      version: "2011-06-15",
      parameters: {},
      denied,
      read(walk) {
        const texts = new Map<string, string>();
        walk((reader, element) => texts.set(element, reader.text()));
        const arn = required(texts, "Arn");
        const account = required(texts, "Account");
        if (!arnForm.test(arn) || !/^[0-9]{12}$/.test(account)) throw unexpected();
        return { source, arn, account };
      },
    });
  } catch (error) {
    const mustBeTold = !endpoint.standIn && error instanceof EtlError && tellingKinds.has(error.kind);
    if (mustBeTold || !(error instanceof EtlError)) throw error;
    return { source };
  }
}

/** Of errors that every call to AWS would meet. */
const tellingKinds: ReadonlySet<string> = new Set(["permission", "config"]);
