/** Where requests go that are not a queue's own: to a service of a region, or to what stands in for it. */

import { EtlError } from "../errors.ts";
import { parseServiceUrl } from "./queue-url.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** The services that are asked, as AWS names them in a signature. */
export type ServiceName = "s3" | "sqs" | "sts";

/** One service's address. */
export interface ServiceEndpoint {
  /** Such as `https://sts.eu-west-1.amazonaws.com`; no slash at its end. */
  readonly href: string;
  /** Host and port, for messages to people. */
  readonly host: string;
  readonly region: string;
  /** Whether it was named by a person, and so may be any server. */
  readonly standIn: boolean;
}

/**
 * The address of a service: the endpoint where one is given, else AWS's own of the region.
 *
 * @throws EtlError of kind config for an endpoint or a region that no request can be sent to
 * @see https://docs.aws.amazon.com/general/latest/gr/rande.html
 */
export function resolveServiceEndpoint(
  service: ServiceName,
  region: string,
  endpoint: string | undefined,
): ServiceEndpoint {
  // A region becomes a part of a host's name, and of the signature's scope.
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(region) || region.length > 50) throw noRegion();
  if (endpoint === undefined) {
    const host = `${service}.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}`;
    return { href: `https://${host}`, host, region, standIn: false };
  }
  const name = variableOf(service);
  const url = parseServiceUrl(
    endpoint,
    `the endpoint of ${service.toUpperCase()}`,
    `${name}=http://localhost:4566`,
  );
  const href = url.origin + url.pathname.replace(/\/+$/, "");
  return { href, host: url.host, region, standIn: true };
}

/**
 * The endpoint that the environment names for the service.
 *
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
 */
export function environmentEndpoint(service: ServiceName, env: Environment): string | undefined {
  if (env.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS?.toLowerCase() === "true") return undefined;
  return env[variableOf(service)] || env.AWS_ENDPOINT_URL || undefined;
}

/** The variable that names the service's endpoint. */
export function variableOf(service: ServiceName): string {
  return `AWS_ENDPOINT_URL_${service.toUpperCase()}`;
}

function noRegion(): EtlError {
  return new EtlError({
    kind: "config",
    operation: "region",
    message: "the region is not the name of one",
    hint: "AWS_REGION=eu-west-1",
  });
}
