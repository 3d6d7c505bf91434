/** The queues of an account in a region, for a person who has not named one yet. */

import { ServiceClient } from "../aws/client.ts";
import { regionOf, resolveServiceEndpoint } from "../aws/endpoint.ts";
import type { AccountParts } from "../aws/identity.ts";
import { asText, formRequest, readResult } from "../aws/query-protocol.ts";
import { listErrors, sqs } from "./errors.ts";
import { encodeQuery, listQueues } from "./query.ts";

/** The most of a page. Without it SQS answers a thousand and says nothing of the rest. */
const pageEntries = 1000;

/** More than a person looks through; the rest is found by a prefix. */
const mostQueues = 5000;

/**
 * Lists queue URLs, as the queue server gives them, in its order; of more than 5,000 the first.
 *
 * @param namePrefix only queues whose names begin so
 * @throws EtlError of kind config if no region is known, permission, unavailable …
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListQueues.html
 */
export async function listQueueUrls(parts: AccountParts, namePrefix?: string): Promise<readonly string[]> {
  const region = regionOf(parts.env, parts.region, parts.endpoint);
  const { href, host } = resolveServiceEndpoint("sqs", region, parts.endpoint);
  const client = new ServiceClient(sqs, region, parts);
  const call = { operation: "list queues", resource: host, host, region, errors: listErrors };
  const urls = new Set<string>();
  let nextToken: string | undefined;
  do {
    const known = urls.size;
    const query = listQueues({
      MaxResults: String(pageEntries),
      QueueNamePrefix: namePrefix || undefined,
      NextToken: nextToken,
    });
    const request = () => formRequest(`${href}/`, encodeQuery(query));
    const page = await client.call({ ...call, request, take: asText, read: readPage });
    for (const url of page.urls) urls.add(url);
    // A page that brings nothing new would be followed by others like it.
    nextToken = urls.size > known ? page.nextToken : undefined;
  } while (nextToken !== undefined && urls.size < mostQueues);
  return [...urls].slice(0, mostQueues);
}

function readPage(text: string) {
  const urls: string[] = [];
  let nextToken: string | undefined;
  readResult(text, "ListQueues", (reader, element) => {
    if (element === "QueueUrl") urls.push(reader.text());
    else if (element === "NextToken") nextToken = reader.text() || undefined;
    else reader.skip();
  });
  return { urls, nextToken };
}
