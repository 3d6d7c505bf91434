/** Calls a service of AWS that is not the queue, tried again where the failure may pass. */

import type { Clock } from "../polling/ports.ts";
import { type CredentialSource, createCredentialSource } from "./credentials.ts";
import { routeInit } from "./exchange.ts";
import { defaultRetryPolicy, type RetryParts, type RetryPolicy, withRetries } from "./retry.ts";
import { type ServiceName, variableOf } from "./service-endpoint.ts";
import { SignatureClock } from "./signature-clock.ts";
import { type SignedCall, SignedSender } from "./signed-sender.ts";
import type { Credentials } from "./signing.ts";
import { readCaBundle } from "./trust.ts";

/** What every client, of a queue or of another service, is made of. */
export interface ClientParts {
  /** For credentials, `AWS_CA_BUNDLE` and endpoints. Proxies, and profiles, are read from the process's own environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Milliseconds since 1970 UTC. */
  readonly now: () => number;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** @defaultValue {@link defaultRetryPolicy} */
  readonly retryPolicy?: RetryPolicy | undefined;
  /**
   * For one try, from the first byte sent to the last one read; of a receive, beyond the time that its poll is held open.
   *
   * @defaultValue {@link defaultTimeoutMillis}
   */
  readonly timeoutMillis?: number | undefined;
  /** Goes past every proxy that the process's environment names. @defaultValue false */
  readonly direct?: boolean | undefined;
  /**
   * Told by how many milliseconds this machine's clock is ahead of the server's (below 0: behind), when it has refused a
   * signature for its time and the time of further ones has been corrected. Told again only when another difference
   * is measured, such as about 0 after the clock has been set.
   */
  readonly onClockSkew?: ((aheadMillis: number) => void) | undefined;
}

/** What a client of a service that is not the queue is made of. */
export interface ServiceParts extends ClientParts {
  /** What calls are signed with. @defaultValue what `env` leads to */
  readonly credentials?: CredentialSource | undefined;
}

/** How long an answer is waited for where nothing else is said. */
export const defaultTimeoutMillis = 20_000;

/** A client of one service, in whatever region a call names. */
export class ServiceClient {
  readonly #credentials: CredentialSource;
  readonly #retry: RetryParts;
  readonly #sender: SignedSender;
  readonly #timeoutMillis: number;

  /**
   * @param region where credentials are asked for, where neither environment nor profile names one
   * @throws EtlError of kind config for a key or a CA bundle that cannot be used
   */
  constructor(service: ServiceName, region: string, parts: ServiceParts) {
    const { env, clock, random, direct, retryPolicy: policy = defaultRetryPolicy } = parts;
    this.#timeoutMillis = parts.timeoutMillis ?? defaultTimeoutMillis;
    this.#retry = { policy, clock, random };
    const signatureClock = new SignatureClock(parts.now, parts.onClockSkew);
    const now = () => signatureClock.now();
    const credentials = parts.credentials ?? createCredentialSource({ env, region, now });
    this.#credentials = credentials;
    // What is stored compressed comes as it is stored: its length is the one that is stated, and bounded.
    const init = { ...routeInit({ caBundle: readCaBundle(env), direct }), decompress: false };
    const reachHint = `check ${variableOf(service)}, HTTPS_PROXY and the network`;
    this.#sender = new SignedSender({ service, credentials, signatureClock, init, reachHint });
  }

  /** The credentials that calls are signed with. */
  credentials(): Promise<Credentials> {
    return this.#credentials.current();
  }

  /**
   * Calls the service.
   *
   * @throws EtlError once retries are exhausted or where there is no use in any; the signal's reason where it is aborted
   */
  call<Body, T>(call: Omit<SignedCall<Body, T>, "timeoutMillis">): Promise<T> {
    const signed = { ...call, timeoutMillis: this.#timeoutMillis };
    return withRetries(() => this.#sender.send(signed), this.#retry, call.signal);
  }
}
