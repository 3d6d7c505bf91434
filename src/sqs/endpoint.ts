/** Where a queue's requests go and which region signs them, from the settings a person gave. */

import { parseQueueUrl, parseServiceUrl, type QueueUrl } from "./queue-url.ts";

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

/** What ElasticMQ, LocalStack and other stand-ins call themselves where nobody says otherwise. */
const standInRegion = "us-east-1";

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
