import { isIPv6 } from "node:net";
import type { Random } from "@swipewire/protocol/random";
import { type Clock, Hours } from "@swipewire/protocol/time";
import type { Logger } from "pino";
import type { CertificateAuthority } from "../certificates/authority.ts";
import type { GatewayConfig } from "../config/config-schema.ts";
import { Rounds } from "../rounds.ts";
import type { Store } from "../store/store.ts";
import type { Terminals } from "../terminals/terminals.ts";
import { whereabouts } from "../whereabouts.ts";
import { brokerContext } from "./broker-context.ts";
import { CutOff } from "./cut-off.ts";
import { type BrokerTls, type EmbeddedBroker, type MqttCredentials, startEmbeddedBroker } from "./embedded-broker.ts";

/** Its key too, which is in memory only. */
const RENEW_CERTIFICATE_EVERY = Hours(24);

type Embedded = Extract<GatewayConfig["broker"], { kind: "embedded" }>;

export interface ReachOptions {
  readonly broker: GatewayConfig["broker"];
  readonly terminals: Terminals;
  readonly store: Store;
  /** Where terminals need certificates. */
  readonly authority: CertificateAuthority | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** The gateway's broker, wherever it is. */
export interface ReachedBroker {
  readonly url: string;
  /** As terminals are told. */
  readonly publicUrl: string;
  /** The gateway's own. */
  readonly credentials: MqttCredentials;
  /** A revoked terminal is there still: has a broker elsewhere cut it off. */
  readonly revokedHeard?: (terminal: string) => void;
  close(): Promise<void>;
}

/**
 * The broker elsewhere that the config names, or one in this process, with credentials made up for this run.
 * @throws BrokerNotStarted
 */
export async function reachBroker(options: ReachOptions): Promise<ReachedBroker> {
  const { broker, terminals, random, clock, logger } = options;
  if (broker.kind === "external") {
    const { url, username, password, publicUrl = url } = broker;
    const credentials = { username, password };
    const cutOff = new CutOff({ url, credentials, clock, logger });
    const revokedHeard = (terminal: string) => cutOff.cut(terminal);
    return { url, publicUrl, credentials, revokedHeard, close: async () => cutOff.close() };
  }
  const credentials = { username: "gateway", password: Buffer.from(random.bytes(32)).toString("base64url") };
  const tls = brokerTls(broker, options);
  const embedded = await startEmbeddedBroker({
    host: broker.host,
    port: broker.port,
    authenticate: (username, password) => terminals.authenticate(username, password),
    gateway: credentials,
    ...(tls && { tls }),
    logger,
  });
  terminals.onRevoked((terminal) => embedded.shutOut(terminal));
  const { url } = embedded;
  if (!tls) return { url, publicUrl: broker.publicUrl ?? url, credentials, close: () => embedded.close() };
  const renewals = renewing(embedded, options);
  return {
    url,
    publicUrl: broker.publicUrl ?? `mqtts://${inUrl(tls.host)}:${embedded.tlsPort}`,
    credentials,
    async close() {
      await renewals.close();
      await embedded.close();
    },
  };
}

function brokerTls({ tls, publicUrl }: Embedded, { authority, store, terminals, clock }: ReachOptions) {
  if (!tls || !authority) return undefined;
  const host = publicUrl === undefined ? tls.host : new URL(publicUrl).hostname.replace(/^\[|\]$/g, "");
  return {
    ...tls,
    context: () => brokerContext({ authority, store, host, now: clock.now() }),
    mayConnect: (terminal) => terminals.mayConnect(terminal),
  } satisfies BrokerTls;
}

/** Each day, and when a terminal was revoked. */
function renewing(embedded: EmbeddedBroker, { terminals, clock, logger }: ReachOptions): Rounds {
  const failed = "the broker's certificate and list of revoked ones could not be renewed";
  const work = () => embedded.renewContext();
  const renewals = new Rounds({ every: RENEW_CERTIFICATE_EVERY, work, failed, clock, logger });
  renewals.start();
  let due = false;
  terminals.onRevoked(() => {
    // Those of before are all told of at the start.
    if (due) return;
    due = true;
    queueMicrotask(() => {
      due = false;
      work().catch((failure) => logger.error(whereabouts(failure), failed));
    });
  });
  return renewals;
}

const inUrl = (host: string) => (isIPv6(host) ? `[${host}]` : host);
