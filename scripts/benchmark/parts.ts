/** What parts of a drain cost by themselves, beside the library or the built-in way that one would take otherwise. */

import { AwsV4Signer } from "aws4fetch";
import { XMLParser } from "fast-xml-parser";
import { parse as parseLossless } from "lossless-json";
import { RequestSigner } from "../../src/aws/signing.ts";
import { parseExactJson } from "../../src/message/json.ts";
import { compileMapping } from "../../src/message/mapper.ts";
import { userLogins } from "../../src/message/mapping.ts";
import { createMasker } from "../../src/message/mask.ts";
import { deleteMessageBatch, encodeQuery } from "../../src/sqs/query.ts";
import { readMessages } from "../../src/sqs/response.ts";
import { Backlog } from "./backlog.ts";
import { figureOf, markdownTable, shownFigure } from "./figures.ts";
import { Messages } from "./messages.ts";
import { queryProtocol } from "./protocols.ts";

/** Something to be done again and again. */
type Doing = () => unknown;

interface Part {
  readonly name: string;
  readonly etl: Doing;
  /** Another way to the same result. */
  readonly other?: readonly [name: string, doing: Doing];
}

const entries = 10;
const queueUrl = "https://sqs.eu-central-1.amazonaws.com/123456789012/login-queue";
const scope = { service: "sqs", region: "eu-central-1" };
const credentials = {
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
};

/**
 * Measures each part and its other way in turn.
 *
 * @returns a table in Markdown, in microseconds of wall time on one thread
 */
export async function partsTable(rounds: number): Promise<string> {
  const rows: string[][] = [];
  for (const { name, etl, other } of parts()) {
    const [ours, theirs]: number[][] = [[], []];
    for (let round = 0; round < rounds; round += 1) {
      ours?.push(await micros(etl));
      if (other !== undefined) theirs?.push(await micros(other[1]));
    }
    const beside = other === undefined ? ["–", "–"] : [other[0], shownFigure(figureOf(theirs ?? []), 1)];
    rows.push([name, shownFigure(figureOf(ours ?? []), 1), ...beside]);
  }
  return markdownTable(["part, µs", "etl", "instead of", "which takes"], rows);
}

function parts(): readonly Part[] {
  const messages = new Messages({ count: entries, run: 0, sentUntilMillis: Date.UTC(2026, 0, 1) });
  const indexes = [...Array(entries).keys()];
  const answer = queryProtocol.writeMessages(new Backlog(messages), indexes);
  const handles = indexes.map((index) => messages.receiptHandle(index, 1));
  const query = deleteMessageBatch(handles);
  const body = encodeQuery(query, queueUrl);
  const signer = new RequestSigner(scope);
  const cache = new Map<string, ArrayBuffer>();
  const url = new URL("/", queueUrl).href;
  const xml = new XMLParser({ parseTagValue: false });
  const received = readMessages(answer);
  const map = compileMapping(userLogins, {
    masker: createMasker({ defaultMethod: "hmac", key: new Uint8Array(32).fill(7) }),
    limits: new Map(),
    body: { envelope: "none", encoding: "none" },
    now: Date.now,
  });
  const exact = '{"order":{"id":9007199254740993,"total":"x","amount":1234.50,"lines":[1,2,3]},"note":"abc"}';
  return [
    {
      name: "sign a delete of ten",
      etl: () => signer.sign({ method: "POST", url, body }, credentials, Date.now()),
      other: [
        "aws4fetch alone",
        () => new AwsV4Signer({ ...scope, ...credentials, method: "POST", url, body, cache }).sign(),
      ],
    },
    {
      name: "encode a delete of ten",
      etl: () => encodeQuery(query, queueUrl),
      other: [
        "encodeURIComponent",
        () =>
          query.parameters
            .map(([name, value]) => `${name}=${encodeURIComponent(value.toWellFormed())}`)
            .join("&"),
      ],
    },
    {
      name: "read an answer of ten, digests included",
      etl: () => readMessages(answer),
      other: ["fast-xml-parser, digests left out", () => xml.parse(answer)],
    },
    { name: "decode, map and mask ten messages", etl: () => received.map(map) },
    {
      name: "parse a body whose digits count",
      etl: () => parseExactJson(exact),
      other: ["lossless-json", () => parseLossless(exact)],
    },
  ];
}

const warmUpMillis = 200;
const measuredMillis = 300;

/** Of one time. */
async function micros(doing: Doing): Promise<number> {
  await repeat(doing, warmUpMillis);
  return await repeat(doing, measuredMillis);
}

async function repeat(doing: Doing, millis: number): Promise<number> {
  const since = performance.now();
  let times = 0;
  while (performance.now() - since < millis) {
    for (let time = 0; time < 50; time += 1) await doing();
    times += 50;
  }
  return ((performance.now() - since) * 1000) / times;
}
