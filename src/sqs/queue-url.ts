/** The queue's URL, read once: where requests go, which queue they name, and which region signs them. */

import { EtlError } from "../errors.ts";

/** A queue URL in its parts. */
export interface QueueUrl {
  /** The whole URL, as SQS knows the queue. */
  readonly href: string;
  /** Such as `https://sqs.eu-west-1.amazonaws.com`. */
  readonly origin: string;
  /** Such as `/123456789012/login-queue`; no slash at its end. */
  readonly path: string;
  /** The region that the host names; absent for a host that is not SQS's. */
  readonly region?: string;
  /** The last part of the path. */
  readonly name: string;
}

/**
 * The hosts that SQS answers on, and the region each names.
 *
 * @see https://docs.aws.amazon.com/general/latest/gr/sqs-service.html
 * @see https://docs.localstack.cloud/aws/services/sqs/
 */
const hostPatterns: readonly RegExp[] = [
  /^(?:vpce-[a-z0-9-]+\.)?sqs(?:-fips)?\.(?<region>[a-z0-9-]+)\.(?:vpce\.)?amazonaws\.com(?:\.cn)?$/,
  /^(?<region>[a-z0-9-]+)\.queue\.amazonaws\.com(?:\.cn)?$/,
  /^sqs(?:-fips)?\.(?<region>[a-z0-9-]+)\.api\.(?:aws|amazonwebservices\.com\.cn)$/,
  /^sqs\.(?<region>[a-z0-9-]+)\.localhost\.localstack\.cloud$/,
];

/** The first host SQS had; it is the region in Northern Virginia. */
const firstHost = "queue.amazonaws.com";

const awsHost = /(?:^|\.)(?:amazonaws\.com(?:\.cn)?|api\.aws|amazonwebservices\.com\.cn)$/;
const queueName = /^[A-Za-z0-9_-]{1,80}(?:\.fifo)?$/;
const queueArn = /^arn:aws:sqs:([a-z0-9-]+):(\d{12}):([A-Za-z0-9_-]{1,80}(?:\.fifo)?)$/;

const example = "https://sqs.eu-west-1.amazonaws.com/123456789012/login-queue";

/**
 * Reads a queue URL.
 *
 * @throws EtlError of kind config; it does not quote the URL, which may hold credentials
 */
export function parseQueueUrl(text: string): QueueUrl {
  const arn = queueArn.exec(text.trim());
  if (arn) {
    const [, region, account, name] = arn;
    const hint = `give its URL: --queue-url https://sqs.${region}.amazonaws.com/${account}/${name}`;
    throw refused("the queue was given as an ARN, not as a URL", hint);
  }
  const url = parseServiceUrl(text, "the queue URL", `--queue-url ${example}`);
  const path = url.pathname.replace(/\/+$/, "");
  const segments = path.split("/").slice(1);
  const name = segments.at(-1) ?? "";
  const complete = queueName.test(name) && (segments.length === 2 || !awsHost.test(url.hostname));
  if (!complete) throw refused("the queue URL does not end with a queue's name", `--queue-url ${example}`);
  const region = regionOf(url.hostname);
  const parts = { href: url.origin + path, origin: url.origin, path, name };
  return region === undefined ? parts : { ...parts, region };
}

/**
 * Reads the URL of a service: http or https, and nothing in it that a request would not carry on.
 *
 * @param subject how an error names it, such as `the queue URL`
 * @throws EtlError of kind config
 */
export function parseServiceUrl(text: string, subject: string, hint: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw refused(`${subject} is not a full http or https URL`, hint);
  }
  if (url.username !== "" || url.password !== "") {
    throw refused(`${subject} holds a user name or a password; requests are signed instead`, hint);
  }
  if (url.search !== "" || url.hash !== "") {
    throw refused(`${subject} holds a query or a fragment, which would not be sent`, hint);
  }
  if (url.protocol === "http:" && awsHost.test(url.hostname)) {
    throw refused(`${subject} would send messages to AWS unencrypted`, "write https:// instead of http://");
  }
  return url;
}

/** Whether AWS itself answers there, and not a server that stands in for it. */
export function isAwsHost(hostname: string): boolean {
  return awsHost.test(hostname);
}

function regionOf(hostname: string): string | undefined {
  if (hostname === firstHost) return "us-east-1";
  for (const pattern of hostPatterns) {
    const region = pattern.exec(hostname)?.groups?.region;
    if (region !== undefined) return region;
  }
  return undefined;
}

function refused(message: string, hint: string): EtlError {
  return new EtlError({ kind: "config", operation: "queue URL", message, hint });
}
