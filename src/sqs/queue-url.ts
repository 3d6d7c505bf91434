/** The queue's URL, read once: where requests go, which queue they name, and which region signs them. */

import { isAwsHost, parseServiceUrl, standInRegion } from "../aws/endpoint.ts";
import { EtlError } from "../errors.ts";
import type { QueueAttributes } from "../polling/ports.ts";

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
  /^(?:vpce-[a-z0-9-]+\.)?sqs(?:-fips)?\.([a-z0-9-]+)\.(?:vpce\.)?amazonaws\.com(?:\.cn)?$/,
  /^([a-z0-9-]+)\.queue\.amazonaws\.com(?:\.cn)?$/,
  /^sqs(?:-fips)?\.([a-z0-9-]+)\.api\.(?:aws|amazonwebservices\.com\.cn)$/,
  /^sqs\.([a-z0-9-]+)\.localhost\.localstack\.cloud$/,
];

/** The first host SQS had; it is the region in Northern Virginia. */
const firstHost = "queue.amazonaws.com";

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
  const complete = queueName.test(name) && (segments.length === 2 || !isAwsHost(url.hostname));
  if (!complete) throw refused("the queue URL does not end with a queue's name", `--queue-url ${example}`);
  const region =
    url.hostname === firstHost
      ? "us-east-1"
      : hostPatterns.map((pattern) => pattern.exec(url.hostname)?.[1]).find((found) => found !== undefined);
  const parts = { href: url.origin + path, origin: url.origin, path, name };
  return region === undefined ? parts : { ...parts, region };
}

function refused(message: string, hint: string): EtlError {
  return new EtlError({ kind: "config", operation: "queue URL", message, hint });
}

/** What a person may have said of the queue. */
export interface QueueLocation {
  readonly url: string;
  /** A region set for this queue: comes before the one its URL names. */
  readonly region?: string | undefined;
  /** `AWS_REGION` or `AWS_DEFAULT_REGION`: comes after the one its URL names. */
  readonly environmentRegion?: string | undefined;
  /** Where requests go instead of the URL's host: `AWS_ENDPOINT_URL_SQS`, `AWS_ENDPOINT_URL`. */
  readonly endpoint?: string | undefined;
}

/** A queue as the client needs it. */
export interface Endpoint {
  readonly queue: QueueUrl;
  /** Where requests are posted to. */
  readonly requestUrl: string;
  /** The host and port requests go to, for messages to people. */
  readonly host: string;
  readonly region: string;
}

/**
 * Puts the settings together. An endpoint keeps its own path in front of the queue's.
 *
 * @throws EtlError of kind config for a URL that cannot be used
 */
export function resolveEndpoint(location: QueueLocation): Endpoint {
  const queue = parseQueueUrl(location.url);
  const region = location.region ?? queue.region ?? location.environmentRegion ?? standInRegion;
  if (location.endpoint === undefined) {
    return { queue, requestUrl: queue.href, host: new URL(queue.href).host, region };
  }
  const hint = "AWS_ENDPOINT_URL_SQS=http://localhost:9324";
  const endpoint = parseServiceUrl(location.endpoint, "the queue's endpoint", hint);
  const prefix = endpoint.pathname.replace(/\/+$/, "");
  return { queue, requestUrl: endpoint.origin + prefix + queue.path, host: endpoint.host, region };
}

/** A dead-letter queue. */
export interface DeadLetterPlace {
  readonly name: string;
  /** Undefined if it is in another account or region than its queue, whose URL says nothing of it then. */
  readonly url: string | undefined;
}

/**
 * Where the queue's redrive policy sends messages; undefined if it has none.
 *
 * In one account and region, URLs of queues differ in the name at their end.
 */
export function redrivePlace(
  queueUrl: string,
  { arn, deadLetterArn }: Pick<QueueAttributes, "arn" | "deadLetterArn">,
): DeadLetterPlace | undefined {
  if (deadLetterArn === undefined) return undefined;
  const name = deadLetterArn.slice(deadLetterArn.lastIndexOf(":") + 1);
  const isBeside = arn.slice(0, arn.lastIndexOf(":") + 1) + name === deadLetterArn;
  const { href } = parseQueueUrl(queueUrl);
  return { name, url: isBeside ? href.slice(0, href.lastIndexOf("/") + 1) + name : undefined };
}
