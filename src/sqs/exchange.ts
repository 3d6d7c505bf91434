/** An exchange over HTTP: how requests get to a server, and how much of its answers is read. */

/** The way there. */
export interface Route {
  /** Authorities to trust for TLS, in PEM, in place of the built-in ones. */
  readonly caBundle?: string | undefined;
  /** Goes past every proxy that the process's environment names. @defaultValue false */
  readonly direct?: boolean | undefined;
}

/**
 * What every request on that way is sent with. Proxies are those of `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, which
 * Bun's fetch obeys; no redirect is followed.
 */
export function routeInit({ caBundle, direct }: Route): BunFetchRequestInit {
  return {
    redirect: "manual",
    ...(direct ? { proxy: false } : {}),
    ...(caBundle === undefined ? {} : { tls: { ca: caBundle } }),
  };
}

/**
 * The answer, whose body is now no longer than that. One that states its length, as those of AWS do, is handed on
 * unread, to be read in one go.
 *
 * @returns undefined where it is longer, and then no more of it has been read than that takes
 */
export async function bounded(response: Response, mostBytes: number): Promise<Response | undefined> {
  const length = response.headers.get("content-length");
  if (Number(length) > mostBytes) {
    await response.body?.cancel();
    return undefined;
  }
  if (length !== null || response.body === null) return response;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.byteLength;
    if (bytes > mostBytes) return undefined; // Leaving the loop cancels the body.
    chunks.push(chunk);
  }
  return new Response(Buffer.concat(chunks));
}
