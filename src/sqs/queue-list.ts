/** The queues of an account in a region, for a person who has not named one yet. */

import { openSqsAccount, type SqsAccountParts } from "./account.ts";
import { callAccount, type Walk } from "./account-query.ts";
import type { Meaning } from "./error-meanings.ts";

const denied: Meaning = {
  kind: "permission",
  message: "the credentials may not list the account's queues",
  hint: "allow sqs:ListQueues, or name the queue: --queue-url https://sqs.REGION.amazonaws.com/ACCOUNT/QUEUE",
};

/** The most of a page. Without it SQS answers a thousand and says nothing of the rest. */
const pageEntries = 1000;

/** More than a person looks through; the rest is found by a prefix. */
const mostQueues = 5000;

/**
 * Lists queue URLs, as the queue server gives them, in its order; of more than 5,000 the first.
 *
 * @param namePrefix only queues whose names begin so
 * @throws EtlError of kind config where no region is known, permission, unavailable …
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListQueues.html
 */
export async function listQueueUrls(parts: SqsAccountParts, namePrefix?: string): Promise<readonly string[]> {
  const { client, endpoint } = openSqsAccount(parts);
  const urls = new Set<string>();
  let nextToken: string | undefined;
  do {
    const known = urls.size;
    const page = await callAccount("sqs", client, endpoint, {
      operation: "list queues",
      action: "ListQueues",
      version: "2012-11-05",
      parameters: {
        MaxResults: String(pageEntries),
        QueueNamePrefix: namePrefix || undefined,
        NextToken: nextToken,
      },
      denied,
      read: readPage,
    });
    for (const url of page.urls) urls.add(url);
    // A page that brings nothing new would be followed by others like it.
    nextToken = urls.size > known ? page.nextToken : undefined;
  } while (nextToken !== undefined && urls.size < mostQueues);
  return [...urls].slice(0, mostQueues);
}

function readPage(walk: Walk) {
  const urls: string[] = [];
  let nextToken: string | undefined;
  walk((reader, element) => {
    if (element === "QueueUrl") urls.push(reader.text());
    else if (element === "NextToken") nextToken = reader.text() || undefined;
    else reader.skip();
  });
  return { urls, nextToken };
}
