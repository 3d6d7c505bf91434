/** What is asked beside a queue: the SQS of an account and region, before any queue of it is named. */

import { EtlError } from "../errors.ts";
import { readProfileRegion } from "./profile-region.ts";
import { ServiceClient, type ServiceParts } from "./service-client.ts";
import { resolveServiceEndpoint, type ServiceEndpoint } from "./service-endpoint.ts";

/** Who asks, and where. */
export interface SqsAccountParts extends ServiceParts {
  /** A region set by a person. @defaultValue `AWS_REGION`, `AWS_DEFAULT_REGION`, or the profile's */
  readonly region?: string | undefined;
  /** Where SQS's requests go instead of AWS: the settings' endpoint, or what `AWS_ENDPOINT_URL_SQS` names. */
  readonly endpoint?: string | undefined;
}

/** SQS, ready to be asked. */
export interface SqsAccount {
  readonly client: ServiceClient;
  readonly endpoint: ServiceEndpoint;
}

/** What ElasticMQ, LocalStack and other stand-ins call themselves where nobody says otherwise. */
const standInRegion = "us-east-1";

/**
 * Opens SQS without a queue. Nothing is sent yet.
 *
 * @throws EtlError of kind config where no region is known, or for an endpoint, a key or a CA bundle that cannot be used
 */
export function openSqsAccount(parts: SqsAccountParts): SqsAccount {
  const region = regionOf(parts);
  const endpoint = resolveServiceEndpoint("sqs", region, parts.endpoint);
  return { client: new ServiceClient("sqs", region, parts), endpoint };
}

/**
 * The region to ask in.
 *
 * @throws EtlError of kind config where none is known and AWS itself is to be asked
 */
export function regionOf({ region, endpoint, env }: SqsAccountParts): string {
  const known = region || env.AWS_REGION || env.AWS_DEFAULT_REGION || readProfileRegion(env);
  if (known) return known;
  if (endpoint !== undefined) return standInRegion;
  throw new EtlError({
    kind: "config",
    operation: "region",
    message: "no AWS region is known",
    hint: "AWS_REGION=eu-west-1, or --queue-url https://sqs.REGION.amazonaws.com/ACCOUNT/QUEUE",
  });
}
