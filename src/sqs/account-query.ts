/** One action of the Query protocol that names no queue: what is sent, and how its answer is read. */

import { EtlError } from "../errors.ts";
import type { Meaning } from "./error-meanings.ts";
import { queryHeaders } from "./query.ts";
import { readResult } from "./response.ts";
import type { ServiceClient } from "./service-client.ts";
import type { ServiceEndpoint, ServiceName } from "./service-endpoint.ts";
import { readAs, serviceError } from "./service-errors.ts";
import type { XmlReader } from "./xml.ts";

/** The most that such an answer may hold: a thousand queue URLs take a tenth of it. */
const mostBytes = 4 * 1024 * 1024;

/** Calls back with each child of the answer's result, whose content is then to be read or skipped. */
export type Walk = (onChild: (reader: XmlReader, element: string) => void) => void;

/** An action to call. */
export interface AccountQuery<T> {
  /** What it is for, as errors name it. */
  readonly operation: string;
  readonly action: string;
  /** Of the service's protocol, such as `2012-11-05`. */
  readonly version: string;
  readonly parameters: Readonly<Record<string, string | undefined>>;
  /** What a denial means. */
  readonly denied: Meaning;
  /** What codes of this action alone mean. */
  readonly meanings?: ReadonlyMap<string, Meaning> | undefined;
  /** Reads the answer, whose result's children it walks over once. */
  readonly read: (walk: Walk) => T;
}

/**
 * Calls the action, and reads its answer from its first character to its last.
 *
 * @throws EtlError once retries are exhausted or where there is no use in any
 */
export function callAccount<T>(
  service: ServiceName,
  client: ServiceClient,
  endpoint: ServiceEndpoint,
  query: AccountQuery<T>,
): Promise<T> {
  const { operation, action, version } = query;
  const body = new URLSearchParams({ Action: action, Version: version });
  for (const [name, value] of Object.entries(query.parameters)) {
    if (value !== undefined) body.append(name, value);
  }
  return client.call({
    operation,
    region: endpoint.region,
    host: endpoint.host,
    request: {
      method: "POST",
      url: `${endpoint.href}/`,
      headers: queryHeaders,
      body: body.toString(),
    },
    mostBytes,
    take: (answer) => answer.text(),
    read: (text = "") =>
      readAs(service, operation, () => query.read((onChild) => readResult(text, action, onChild))),
    refused: (refusal) => {
      const { code = "" } = refusal;
      const own = query.meanings?.get(code);
      if (own !== undefined) throw new EtlError({ operation, code, ...own });
      throw serviceError(service, refusal, query.denied);
    },
  });
}
