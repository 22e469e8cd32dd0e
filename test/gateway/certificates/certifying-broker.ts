import { brokerContext } from "@swipewire/gateway/broker/broker-context";
import { type EmbeddedBroker, startEmbeddedBroker } from "@swipewire/gateway/broker/embedded-broker";
import { systemClock } from "@swipewire/protocol/time";
import { type Logger, pino } from "pino";
import type { Test } from "tap";
import type { signingFloor } from "./signing-floor.ts";

export const HOST = "127.0.0.1";
/** What the gateway logs in with. */
export const gateway = { username: "gateway", password: "gateway-secret" };

export interface CertifyingBrokerOptions {
  /** That its certificate is for. */
  readonly host?: string;
  readonly logger?: Logger;
}

/** The embedded broker, which takes passwords and, at another port, the floor's certificates. */
export async function certifyingBroker(
  t: Test,
  { authority, store, terminals }: Awaited<ReturnType<typeof signingFloor>>,
  { host = HOST, logger = pino({ level: "silent" }) }: CertifyingBrokerOptions = {},
): Promise<EmbeddedBroker & { readonly tlsUrl: string }> {
  const broker = await startEmbeddedBroker({
    host: HOST,
    port: 0,
    authenticate: (username, password) => terminals.authenticate(username, password),
    gateway,
    tls: {
      host: HOST,
      port: 0,
      context: () => brokerContext({ authority, store, host, now: systemClock.now() }),
      mayConnect: (terminal) => terminals.mayConnect(terminal),
    },
    logger,
  });
  t.teardown(() => broker.close());
  return { ...broker, tlsUrl: `mqtts://${HOST}:${broker.tlsPort}` };
}
