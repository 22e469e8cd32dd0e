import { backoff, spread } from "@swipewire/protocol/backoff";
import type { Random } from "@swipewire/protocol/random";
import { type Clock, Minutes, Seconds, sleep, type Timer } from "@swipewire/protocol/time";
import { connect, ErrorWithReasonCode, type MqttClient } from "mqtt";
import type { Logger } from "pino";
import type { TokenKey } from "../enrolment/token-key.ts";
import {
  TokenKeyUnusable,
  UplinkBrokerRefused,
  UplinkBrokerUnreachable,
  UplinkBrokerUntrusted,
  UplinkCertificateRefused,
  UplinkSubscriptionRefused,
} from "../errors.ts";
import type { BrokerLink, BrokerListener } from "./broker-link.ts";

const KEEPALIVE = Seconds(20);
const CONNECT_TIMEOUT = Seconds(10);
/** Tokens lock after some wrong PINs, and do not say whether it was that. */
const TOKEN_PAUSE = Minutes(10);
/** How long a farewell may take. */
const FAREWELL = Seconds(1);

/** A certificate to connect with, PEM, and where. */
export interface LinkCertificate {
  readonly url: string;
  readonly certificate: string;
  /** PEM; or what OpenSSL's engine finds it by. */
  readonly key: string | TokenKey;
  /** Who must have signed the broker's. */
  readonly authority: string;
  /** Otherwise the password is tried too, in turn. */
  readonly only: boolean;
}

export interface MqttLinkOptions {
  readonly url: string;
  readonly clientId: string;
  readonly username: string;
  readonly password: string;
  /** Asked for each connection, which is then made with it instead of the password. */
  readonly certificate?: () => LinkCertificate | undefined;
  /** The broker let the terminal in by it. */
  readonly certificateTaken?: () => void;
  readonly subscriptions: readonly string[];
  /** Made anew for each connection. */
  readonly will: () => { readonly topic: string; readonly payload: string };
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * MQTT 3.1.1 with a clean session. Each connection is a client of its own, so that nothing which the library holds for
 * redelivery outlives it: what is to be repeated, the application repeats.
 */
export class MqttLink implements BrokerLink {
  readonly #options: MqttLinkOptions;
  #listener: BrokerListener | undefined;
  #client: MqttClient | undefined;
  #ready = false;
  #retry: Timer | undefined;
  #failures = 0;
  /** The certificate has just been tried in vain. */
  #passwordNext = false;
  #problem: string | undefined;

  constructor(options: MqttLinkOptions) {
    this.#options = options;
  }

  get connected(): boolean {
    return this.#ready;
  }

  get problem(): string | undefined {
    return this.#problem;
  }

  open(listener: BrokerListener): void {
    this.#listener = listener;
    this.#connect();
  }

  publish(topic: string, payload: string, { retain } = { retain: false }): boolean {
    if (!this.#ready || !this.#client?.connected) return false;
    // The callback tells of a PUBACK or of a lost connection: neither proves anything.
    this.#client.publish(topic, payload, { qos: 1, retain }, () => {});
    return true;
  }

  async close(last: { readonly topic: string; readonly payload: string }): Promise<void> {
    this.#retry?.cancel();
    this.#listener = undefined;
    const client = this.#client;
    this.#client = undefined;
    if (!client) return;
    // A plain DISCONNECT where the broker took the last message: the will is then not sent. Without a PUBACK the client
    // would wait for one.
    const taken = client.connected && (await this.#publishLast(client, last));
    await client.endAsync(!taken);
  }

  async #publishLast(client: MqttClient, { topic, payload }: { topic: string; payload: string }): Promise<boolean> {
    const patience = new AbortController();
    const taken = await Promise.race([
      client.publishAsync(topic, payload, { qos: 1, retain: true }).then(
        () => true,
        () => false,
      ),
      new Promise<false>((resolve) => client.once("close", () => resolve(false))),
      sleep(this.#options.clock, FAREWELL, patience.signal).then(
        () => false,
        () => false,
      ),
    ]);
    patience.abort();
    return taken;
  }

  reconnect(): void {
    if (!this.#ready) return;
    this.#options.logger.info("uplink connects anew");
    this.#client?.end(true);
  }

  #certificate(): LinkCertificate | undefined {
    const certificate = this.#options.certificate?.();
    return certificate?.only || !this.#passwordNext ? certificate : undefined;
  }

  /** Node takes a certificate and its key before it connects, and says at once where it can't. */
  #begun(begin: () => MqttClient): MqttClient | undefined {
    const { logger, clock, random } = this.#options;
    try {
      return begin();
    } catch {
      // What a token's library says may hold anything.
      const { code, text } = TokenKeyUnusable;
      this.#problem = code;
      logger.error({ code, failures: this.#failures + 1 }, text.what);
      this.#failures++;
      this.#retry = clock.after(spread(TOKEN_PAUSE, random), () => this.#connect());
      return undefined;
    }
  }

  #connect(): void {
    const { url, clientId, username, password, subscriptions, will, logger, certificateTaken } = this.#options;
    const certificate = this.#certificate();
    const client = this.#begun(() =>
      connect(certificate?.url ?? url, {
        protocolVersion: 4,
        clean: true,
        clientId,
        username,
        ...(certificate ? tlsOf(certificate) : { password }),
        keepalive: KEEPALIVE / 1000,
        connectTimeout: CONNECT_TIMEOUT,
        reconnectPeriod: 0,
        resubscribe: false,
        // Which is a buffer for each number that has two bytes, made beforehand: 9 MB.
        writeCache: false,
        will: { ...will(), payload: Buffer.from(will().payload), qos: 1, retain: true },
      }),
    );
    if (!client) return;
    this.#client = client;
    /** Whether the broker has seen the certificate and said nothing of it yet: TLS 1.3 lets it refuse after the handshake. */
    let shown = false;
    let failed = false;
    this.#passwordNext = certificate !== undefined;
    if (certificate)
      client.stream.once("secureConnect", () => {
        shown = true;
      });
    client.on("connect", () => {
      shown = false;
      this.#passwordNext = false;
      if (certificate) certificateTaken?.();
      client.subscribe([...subscriptions], { qos: 1 }, (error, granted) => {
        if (client !== this.#client) return;
        if (error || granted?.some(({ qos }) => qos === 128)) {
          this.#problem = UplinkSubscriptionRefused.code;
          logger.error({ code: UplinkSubscriptionRefused.code }, UplinkSubscriptionRefused.text.what);
          client.end(true);
          return;
        }
        this.#failures = 0;
        this.#problem = undefined;
        this.#ready = true;
        logger.info("uplink connected");
        this.#listener?.connected();
      });
    });
    client.on("message", (topic, payload) => this.#listener?.message(topic, payload));
    client.on("error", (error) => {
      // TLS tells of the same failure twice.
      if (client !== this.#client || failed) return;
      failed = true;
      const told = failureOf(error);
      // Hung up on, and what was being sent is answered by a reset.
      const { code, text } = shown && told === UplinkBrokerUnreachable ? UplinkCertificateRefused : told;
      shown = false;
      this.#problem = code;
      const cause = "code" in error ? error.code : error.name;
      logger.warn({ code, cause, failures: this.#failures + 1 }, text.what);
      client.end(true);
    });
    client.on("close", () => {
      if (client !== this.#client) return;
      this.#client = undefined;
      client.end(true);
      if (shown) {
        const { code, text } = UplinkCertificateRefused;
        this.#problem = code;
        logger.warn({ code, failures: this.#failures + 1 }, text.what);
      }
      if (this.#ready) {
        this.#ready = false;
        this.#problem = UplinkBrokerUnreachable.code;
        logger.warn({ code: UplinkBrokerUnreachable.code }, "uplink lost");
        this.#listener?.disconnected();
      }
      this.#retry = this.#options.clock.after(backoff(this.#failures++, this.#options.random), () => this.#connect());
    });
  }
}

/** What Node says of a certificate that it does not believe: `X509_V_ERR_…`, and of one for another name. */
const UNTRUSTED = /CERT|SIGNATURE|ISSUER|CRL|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH/;

/** What TLS is to show and to believe. */
export const tlsOf = ({ certificate, key, authority }: Omit<LinkCertificate, "url" | "only">) => ({
  cert: certificate,
  ca: authority,
  ...(typeof key === "string" ? { key } : key),
});

/** What kept the terminal from its broker. */
export function failureOf(error: Error) {
  // CONNACK 4 and 5, MQTT 3.1.1 3.2.2.3.
  if (error instanceof ErrorWithReasonCode && (error.code === 4 || error.code === 5)) return UplinkBrokerRefused;
  const code = "code" in error ? String(error.code) : "";
  // RFC 8446 6.2: the broker's word about the certificate that it was shown.
  if (/^ERR_SSL_.*ALERT_(.*CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED)/.test(code)) return UplinkCertificateRefused;
  return UNTRUSTED.test(code) ? UplinkBrokerUntrusted : UplinkBrokerUnreachable;
}
