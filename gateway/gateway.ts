import { CURRENCIES } from "@swipewire/protocol/iso8583/unionpay-messages";
import type { Random } from "@swipewire/protocol/random";
import { type Clock, Minutes, Seconds } from "@swipewire/protocol/time";
import { sql } from "kysely";
import type { Logger } from "pino";
import { followBank } from "./acquirer/bank-batch.ts";
import { dialTcp, dialTls } from "./acquirer/dial.ts";
import { PosAcquirer } from "./acquirer/pos-acquirer.ts";
import { reachBroker } from "./broker/reach-broker.ts";
import { TerminalCertificates } from "./certificates/terminal-certificates.ts";
import type { GatewayConfig } from "./config/config-schema.ts";
import { EnvelopeKeyMissing } from "./errors.ts";
import { enrolmentRoutes } from "./http/enrolment-routes.ts";
import { healthRoutes } from "./http/health-routes.ts";
import { type HttpServer, startHttpServer } from "./http/http-server.ts";
import { merchantRoutes } from "./http/merchant-routes.ts";
import { payRoutes } from "./http/pay-routes.ts";
import type { KeyStore } from "./keys/key-store.ts";
import { openKeys } from "./keys/open-keys.ts";
import { Merchants } from "./merchants/merchants.ts";
import { gatewayMetrics } from "./metrics/metrics.ts";
import { metricsRoutes } from "./metrics/metrics-routes.ts";
import { Outbox } from "./notify/outbox.ts";
import { SimulatedSms } from "./notify/simulated-sms.ts";
import { Orders } from "./orders/orders.ts";
import { Payments } from "./payments/payments.ts";
import { Refunds } from "./refunds/refunds.ts";
import { Rounds } from "./rounds.ts";
import { DEFAULT_TIME_ZONE } from "./settlement/daily-time.ts";
import { OwnReconciliation } from "./settlement/own-reconciliation.ts";
import { Settlements } from "./settlement/settlements.ts";
import { openStore, type Store } from "./store/store.ts";
import { KeyQuestions } from "./terminals/key-questions.ts";
import { TerminalLink } from "./terminals/link.ts";
import { Terminals } from "./terminals/terminals.ts";
import { AriChannel } from "./voice/ari-channel.ts";
import { BaresipChannel } from "./voice/baresip-channel.ts";
import { SimulatedPhoneLink } from "./voice/simulated-phone.ts";

/** What a command did beside the running gateway is in effect so soon. */
const LOOK_FOR_REVOCATIONS_EVERY = Seconds(2);
const EXPIRE_ORDERS_EVERY = Seconds(30);
const LOOK_FOR_KEYS_EVERY = Seconds(10);

/** What a gateway is made of. */
export interface GatewayOptions {
  readonly config: GatewayConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Unless told, what `config.keys` names. */
  readonly keys?: KeyStore;
}

/** A running gateway. */
export interface Gateway {
  /** Of the HTTP API, without a slash at the end. */
  readonly httpUrl: string;
  /** Of the metrics; undefined where the config does not ask for them. */
  readonly metricsUrl: string | undefined;
  /** Of the broker, as the gateway itself reaches it. */
  readonly brokerUrl: string;
  readonly merchants: Merchants;
  readonly terminals: Terminals;
  /** For looking into, not for writing. */
  readonly store: Store;
  /** Resolves when the bank and the phones are within reach for the first time; the gateway serves without them too. */
  readonly ready: Promise<void>;
  /** Ends what has not reached the bank, leaves the rest to the next start, and lets go of everything. */
  close(): Promise<void>;
}

/**
 * Starts the whole gateway: last run's payments are settled before terminals are listened to, and HTTP comes last.
 * @throws StoreNotOpened | what opening the keys throws (`key_*`) | EnvelopeKeyMissing | BrokerNotStarted |
 * HttpNotListening | VoicePromptUnusable | AcquirerTlsUnusable | AuthorityMissing, having closed again what was open
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { config, clock, random, logger } = options;
  // Closes in the reverse order of the starts.
  await using starting = new AsyncDisposableStack();

  let keys = options.keys;
  if (!keys) {
    const opened = await openKeys(config.keys, { clock, random });
    starting.defer(async () => opened.close());
    keys = opened.store;
    const failed = "keys that a command changed could not be taken over";
    const work = async () => {
      if (await opened.refresh()) logger.info("keys that a command changed are in use");
    };
    const keyRounds = new Rounds({ every: LOOK_FOR_KEYS_EVERY, work, failed, clock, logger });
    starting.defer(() => keyRounds.close());
    keyRounds.start();
  }
  if (keys.sealingKeys().length === 0) throw new EnvelopeKeyMissing();
  const store = await openStore(config.store.path);
  starting.defer(() => store.destroy());
  const merchants = new Merchants({ store, clock, random });
  const orders = new Orders({
    store,
    clock,
    random,
    lifetime: Minutes(config.order.lifetimeMinutes),
    currencies: CURRENCIES,
  });

  const phoneLink = (url: string) => new SimulatedPhoneLink({ url, clock, random, logger });
  const texts = phoneLink(config.sms.url);
  starting.defer(() => texts.close());
  let voice: BaresipChannel | AriChannel | SimulatedPhoneLink = texts;
  if (config.voice.kind === "baresip") {
    voice = await BaresipChannel.open({ settings: config.voice, clock, random, logger });
  } else if (config.voice.kind === "asterisk") {
    voice = new AriChannel({ settings: config.voice, clock, random, logger });
  } else if (config.voice.url !== config.sms.url) {
    voice = phoneLink(config.voice.url);
  }
  starting.defer(() => voice.close());
  const sms = new SimulatedSms(texts);

  const signedOn = Promise.withResolvers<void>();
  const { tls, host, port, replySeconds, idleSeconds, tpdu = "", header = "", ...pos } = config.acquirer;
  const acquirer = new PosAcquirer({
    ...pos,
    tpdu,
    header,
    declinesWithoutMac: tls?.declinesWithoutMac === true,
    dial: tls ? await dialTls({ host, port }, tls) : dialTcp({ host, port }),
    replyTimeout: Seconds(replySeconds),
    idleAfter: Seconds(idleSeconds),
    keys,
    clock,
    random,
    logger,
    onStatus: ({ ready }) => {
      if (ready) signedOn.resolve();
    },
    onBatch: (batch) => {
      store
        .transaction()
        .execute((trx) => followBank(trx, batch, clock.now()))
        .then(
          (followed) =>
            followed && logger.warn({ batch }, "the bank has another batch open, and it is used from now on"),
        )
        // The bank refuses what is in the other batch, and says this one again with the next sign-on.
        .catch((error: Error) =>
          logger.error({ batch, fault: error.name }, "the bank's batch could not be taken over"),
        );
    },
  });
  starting.defer(() => acquirer.close());

  const certificates = await certificatesOf(options, { store, keys, url: () => broker.publicUrl });
  const terminals: Terminals = new Terminals({
    store,
    clock,
    random,
    sealingKeys: () => keys.sealingKeys(),
    mqttUrl: () => broker.publicUrl,
    certificates: certificates?.ofTerminals,
  });
  const broker = await reachBroker({
    broker: config.broker,
    terminals,
    store,
    authority: certificates?.authority,
    clock,
    random,
    logger,
  });
  starting.defer(() => broker.close());
  const revocations = new Rounds({
    every: LOOK_FOR_REVOCATIONS_EVERY,
    work: () => terminals.announceRevocations(),
    failed: "revoked terminals could not be looked for",
    clock,
    logger,
  });
  starting.defer(() => revocations.close());

  const link = new TerminalLink({ ...broker, terminals, clock, random, logger });
  starting.defer(() => link.close());
  terminals.onRevoked((terminal) => {
    if (link.presence.get(terminal)?.state === "online") broker.revokedHeard?.(terminal);
  });
  const outbox = new Outbox({ store, clock, random, logger, sms });
  starting.defer(() => outbox.close());
  const payments = new Payments({
    store,
    orders,
    outbox,
    keys,
    acquirer,
    voice,
    clock,
    random,
    logger,
    instance: config.instance,
    signingKey: (terminal) => terminals.signingKey(terminal),
    tell: (terminal, notice) => link.tell(terminal, notice),
  });
  starting.defer(() => payments.close());
  const refunds = new Refunds({ store, outbox, acquirer, clock, random, logger });
  starting.defer(() => refunds.close());
  const timeZone = config.settlement?.timeZone ?? DEFAULT_TIME_ZONE;
  const reconciliation = new OwnReconciliation({ store, clock, logger, timeZone });
  const settlements = new Settlements({
    store,
    acquirer,
    clock,
    logger,
    onSettled: () => reconciliation.run(),
    ...(config.settlement && { daily: config.settlement }),
  });
  starting.defer(() => settlements.close());
  const expiry = new Rounds({
    every: EXPIRE_ORDERS_EVERY,
    // Nothing waits for it: whoever reads an order looks at its time too. This frees the codes.
    work: async () => {
      const expired = await orders.expireOverdue();
      if (expired > 0) logger.info({ expired }, "orders expired");
    },
    failed: "orders could not be expired",
    clock,
    logger,
  });
  starting.defer(() => expiry.close());

  await payments.recover();
  await refunds.recover();
  settlements.start();
  outbox.start();
  expiry.start();
  revocations.start();
  const listening = link.start({
    orders,
    payments,
    keys: new KeyQuestions({ keys, terminals }),
    certificates: certificates?.ofTerminals,
  });
  // A broker elsewhere may be away for a while; merchants are served meanwhile.
  if (config.broker.kind === "embedded") await listening;
  const http = await startHttpServer({
    ...config.http,
    clock,
    logger,
    routes: [
      merchantRoutes({ merchants, orders, payments, refunds }),
      payRoutes({ orders }),
      enrolmentRoutes({ enrol: (request) => terminals.enrol(request), authority: certificates?.authority.certificate }),
      healthRoutes({ checkStore: () => sql`select 1`.execute(store), acquirerReady: () => acquirer.ready }),
    ],
  });
  starting.defer(() => http.close());
  let metrics: HttpServer | undefined;
  if (config.metrics) {
    const registry = gatewayMetrics({ store, clock, acquirer, link, reconciliation: () => reconciliation.last });
    const routes = [metricsRoutes(registry)];
    metrics = await startHttpServer({ ...config.metrics, trustedProxies: [], clock, logger, routes });
    starting.defer(() => metrics?.close());
  }

  const running = starting.move();
  logger.info({ http: http.url, broker: broker.url }, "gateway is up");
  return {
    httpUrl: http.url,
    metricsUrl: metrics && `${metrics.url}/metrics`,
    brokerUrl: broker.url,
    merchants,
    terminals,
    store,
    ready: Promise.all([signedOn.promise, voice.connected, texts.connected]).then(() => {}),
    close: () => running.disposeAsync(),
  };
}

/** What signs terminals' certificates, where the config has them need any. */
async function certificatesOf(
  { config: { broker }, clock, random }: GatewayOptions,
  { store, keys, url }: { store: Store; keys: KeyStore; url: () => string },
) {
  if (broker.kind === "embedded" ? !broker.tls : !broker.certificates) return undefined;
  // Loaded here, for ASN.1 takes its time.
  const { CertificateAuthority } = await import("./certificates/authority.ts");
  const authority = new CertificateAuthority({ keys, random });
  return { authority, ofTerminals: new TerminalCertificates({ store, authority, keys, url, clock }) };
}
