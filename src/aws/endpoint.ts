/** Where requests go, and which region signs them: AWS's own hosts, or what stands in for a service. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { EtlError } from "../errors.ts";
import type { Environment } from "./transport.ts";

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

/** What ElasticMQ, LocalStack and other stand-ins call themselves by default. */
export const standInRegion = "us-east-1";

/**
 * The address of a service: the endpoint if one is given, else AWS's own of the region.
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
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(region) || region.length > 50) {
    throw unusable("region", "the region is not the name of one", "AWS_REGION=eu-west-1");
  }
  if (endpoint === undefined) {
    const host = `${service}.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}`;
    return { href: `https://${host}`, host, region, standIn: false };
  }
  const subject = `the endpoint of ${service.toUpperCase()}`;
  const url = parseServiceUrl(endpoint, subject, `${variableOf(service)}=http://localhost:4566`);
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

/** What names the service's endpoint, for what errors say: its own variable, and the one of all services. */
export function endpointSettings(service: ServiceName): readonly string[] {
  return [variableOf(service), "AWS_ENDPOINT_URL"];
}

function variableOf(service: ServiceName): string {
  return `AWS_ENDPOINT_URL_${service.toUpperCase()}`;
}

const awsHost = /(?:^|\.)(?:amazonaws\.com(?:\.cn)?|api\.aws|amazonwebservices\.com\.cn)$/;

/** Whether AWS itself answers there, and not a server that stands in for it. */
export function isAwsHost(hostname: string): boolean {
  return awsHost.test(hostname);
}

/**
 * Reads the URL of a service: http or https, and nothing in it that a request would not carry on.
 *
 * @param subject how an error names it, such as `the queue URL`
 * @throws EtlError of kind config; it does not quote the URL, which may hold credentials
 */
export function parseServiceUrl(text: string, subject: string, hint: string): URL {
  const refused = (message: string, what = hint) => unusable("queue URL", `${subject} ${message}`, what);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw refused("is not a full http or https URL");
  }
  if (url.username !== "" || url.password !== "") {
    throw refused("holds a user name or a password; requests are signed instead");
  }
  if (url.search !== "" || url.hash !== "") {
    throw refused("holds a query or a fragment, which would not be sent");
  }
  if (url.protocol === "http:" && isAwsHost(url.hostname)) {
    throw refused("would send messages to AWS unencrypted", "write https:// instead of http://");
  }
  return url;
}

/**
 * The region to ask in if no queue's URL names one.
 *
 * @param region set by a person. @defaultValue `AWS_REGION`, `AWS_DEFAULT_REGION`, or the profile's
 * @param endpoint what stands for AWS
 * @throws EtlError of kind config if none is known and AWS itself is to be asked
 */
export function regionOf(env: Environment, region: string | undefined, endpoint: string | undefined): string {
  const known = region || env.AWS_REGION || env.AWS_DEFAULT_REGION || readProfileRegion(env);
  if (known) return known;
  if (endpoint !== undefined) return standInRegion;
  const hint = "AWS_REGION=eu-west-1, or --queue-url https://sqs.REGION.amazonaws.com/ACCOUNT/QUEUE";
  throw unusable("region", "no AWS region is known", hint);
}

/**
 * Reads `region` of the profile (`AWS_PROFILE`, else `default`) from AWS's configuration file.
 *
 * @returns undefined if there is no such file, profile or region: another source may know it
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
 */
function readProfileRegion(env: Environment): string | undefined {
  const path = env.AWS_CONFIG_FILE || (env.HOME ? join(env.HOME, ".aws", "config") : undefined);
  if (path === undefined) return undefined;
  const profile = env.AWS_PROFILE || "default";
  const sections = profile === "default" ? ["default", "profile default"] : [`profile ${profile}`];
  let region: string | undefined;
  let inProfile = false;
  for (const line of readLines(path)) {
    const section = /^\[\s*(.*?)\s*\]/.exec(line)?.[1];
    if (section !== undefined) inProfile = sections.includes(section.replace(/\s+/g, " "));
    // A line that is set in belongs to the setting above it.
    else if (inProfile) region = /^region\s*=\s*([A-Za-z0-9-]+)\s*(?:[#;].*)?$/.exec(line)?.[1] ?? region;
  }
  return region;
}

function readLines(path: string): readonly string[] {
  try {
    return readFileSync(path, "utf8").split(/\r?\n/);
  } catch {
    return [];
  }
}

function unusable(operation: string, message: string, hint: string): EtlError {
  return new EtlError({ kind: "config", operation, message, hint });
}
