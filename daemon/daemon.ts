import { sealSwipe } from "@swipewire/protocol/envelope/seal";
import type { TerminalStatus } from "@swipewire/protocol/messages/terminal-status";
import { topics } from "@swipewire/protocol/messages/topics";
import type { Random } from "@swipewire/protocol/random";
import { type Clock, isoTime } from "@swipewire/protocol/time";
import { importJWK } from "jose";
import type { Logger } from "pino";
import type { DaemonConfig } from "./config/config-schema.ts";
import { CertificateRenewal, certificateOf } from "./enrolment/certificate-renewal.ts";
import { SealingKeys } from "./enrolment/sealing-keys.ts";
import { type LocalSession, startLocalApi } from "./local-api/local-api.ts";
import manifest from "./package.json" with { type: "json" };
import { FrameIntake, type ReaderFinder } from "./readers/frame-intake.ts";
import { TerminalSession } from "./session/terminal-session.ts";
import { whenIdle } from "./session/when-idle.ts";
import type { Identity } from "./state/identity.ts";
import { pairingToken } from "./state/pairing-token.ts";
import type { ReaderTransport } from "./transports/reader-transport.ts";
import type { BrokerLink } from "./uplink/broker-link.ts";
import { MqttLink, type MqttLinkOptions } from "./uplink/mqtt-link.ts";
import { offlinePresence, Uplink } from "./uplink/uplink.ts";

/** What a terminal is made of. */
export interface DaemonOptions {
  readonly config: DaemonConfig;
  readonly identity: Identity;
  /** Opened and closed by the daemon. */
  readonly transports: readonly ReaderTransport[];
  /** Finds more of them while the daemon runs. */
  readonly finder?: ReaderFinder;
  /** Makes the way to the broker; MQTT unless given. */
  readonly link?: (options: MqttLinkOptions) => BrokerLink;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** A running terminal. */
export interface Daemon {
  readonly session: LocalSession;
  readonly localApi: { readonly url: string; readonly pairingToken: string };
  /** How it stands now. */
  status(): TerminalStatus;
  /** Wipes what is held, says that the terminal is offline, and stops. A payment under way goes on at the gateway. */
  close(): Promise<void>;
}

/**
 * Starts the terminal. It does not wait for readers or broker: both may come later and go again.
 * @throws LocalApiNotListening | StateFileExposed | StateFileInvalid | StateFolderUnusable
 */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { config, identity, transports, finder, clock, random, logger } = options;
  const { link: linkTo = (given) => new MqttLink(given) } = options;
  const { terminal, mqtt } = identity;
  const signingKey = await importJWK(identity.signingKey, "EdDSA");
  if (signingKey instanceof Uint8Array) throw new TypeError("a signing key that is none");
  const token = await pairingToken(config.stateDir, random);
  const kept = await certificateOf(config, terminal);

  const link = linkTo({
    ...mqtt,
    clientId: terminal,
    certificate: () => certificates.forLink,
    certificateTaken: () => certificates.taken(),
    subscriptions: Uplink.subscriptions(terminal),
    will: () => ({ topic: topics.presence(terminal), payload: offlinePresence(clock.now()) }),
    clock,
    random,
    logger: logger.child({ part: "uplink" }),
  });
  const uplink = new Uplink({
    terminal,
    link,
    version: manifest.version,
    clock,
    random,
    logger: logger.child({ part: "uplink" }),
  });
  const intake = new FrameIntake({
    transports,
    ...(finder && { finder }),
    clock,
    logger: logger.child({ part: "readers" }),
  });
  const sealingKeys = new SealingKeys({
    identity,
    stateDir: config.stateDir,
    uplink,
    clock,
    random,
    logger: logger.child({ part: "enrolment" }),
  });
  const certificates = new CertificateRenewal({
    identity,
    kept,
    stateDir: config.stateDir,
    certificateKey: config.certificateKey,
    uplink,
    signingKey,
    gatewayKey: () => sealingKeys.gatewayKey(),
    // Whoever is paying would see the gateway go away for a moment.
    moveOver: () => void whenIdle(session).then(() => link.reconnect()),
    clock,
    random,
    logger: logger.child({ part: "enrolment" }),
  });
  const session = new TerminalSession({
    uplink,
    seal: (swipe, context) => sealSwipe(swipe, { terminal, ...context }, signingKey, sealingKeys.recipient),
    askForKeys: () => sealingKeys.ask(),
    reader: intake.presence,
    clock,
    random,
    logger: logger.child({ part: "session" }),
  });
  const startedAt = isoTime(clock.now());
  const dropped = () => ({ frames: intake.dropped, messages: uplink.dropped });
  const status = (): TerminalStatus => ({
    version: manifest.version,
    terminal,
    startedAt,
    step: session.view().step,
    uplink: uplink.status,
    readers: [...intake.readers],
    dropped: dropped(),
  });
  const localApi = await startLocalApi({
    session,
    status,
    ...config.localApi,
    token,
    logger: logger.child({ part: "local-api" }),
  });

  uplink.open({
    reachChanged: () => {
      session.reachChanged();
      if (!uplink.withinReach) return;
      sealingKeys.ask();
      certificates.ask();
    },
    paymentState: (news, at) => session.paymentState(news, at),
    paymentResult: (news) => session.paymentResult(news),
  });
  intake.open({
    readerChanged: (reader) => {
      session.readerChanged(reader);
      uplink.readerChanged(reader);
    },
    swiped: (swipe) => session.swiped(swipe),
    misread: (failure) => session.misread(failure),
  });
  logger.info({ terminal, localApi: localApi.url, version: manifest.version }, "daemon started");

  return {
    session,
    localApi: { url: localApi.url, pairingToken: token },
    status,
    async close() {
      session.close();
      await uplink.close();
      await Promise.all([sealingKeys.close(), certificates.close()]);
      await Promise.all([intake.close(), localApi.close()]);
      logger.info(dropped(), "daemon stopped; dropped by code");
    },
  };
}
