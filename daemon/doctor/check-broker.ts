import { once } from "node:events";
import { isIP } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Random } from "@swipewire/protocol/random";
import { type Clock, type Instant, Seconds } from "@swipewire/protocol/time";
import { connectAsync } from "mqtt";
import { UplinkBrokerRefused, UplinkCertificateRefused } from "../errors.ts";
import type { Identity } from "../state/identity.ts";
import { failureOf, type LinkCertificate, tlsOf } from "../uplink/mqtt-link.ts";
import { askGateway, type GatewayReply } from "./ask-gateway.ts";
import type { Finding } from "./finding.ts";

const PATIENCE = Seconds(8);
const DAY = 86_400_000;
const EXPIRES_SOON = 14;
const subject = "broker";
const LOOK_AROUND = "See that the network is up, and that a firewall lets this port through";
/** By the error of getaddrinfo, connect or TLS. */
const UNREACHED: readonly (readonly [causes: readonly string[], todo: string])[] = [
  [
    ["ENOTFOUND", "EAI_AGAIN"],
    "No address is known for that name: see that the network is up (ip addr) and that names are found (getent hosts NAME)",
  ],
  [
    ["ECONNREFUSED"],
    "The machine is there and nothing listens at that port: have the broker's people see that it runs",
  ],
  [
    ["ENETUNREACH", "EHOSTUNREACH"],
    "This machine has no way there: see that its cable or wireless network is connected",
  ],
  [["ECONNRESET", "EPIPE"], "Something cut the connection off: a broker that expects TLS at this port, or a firewall"],
];

/** How the terminal gets to its broker: by its certificate where it has one. */
export interface BrokerAccess extends Pick<Identity, "mqtt"> {
  readonly certificate?: Omit<LinkCertificate, "only"> | undefined;
}

/** What was found on the way to the gateway, and of its clock as {@link GatewayReply} has it. */
export interface UplinkCheck {
  readonly findings: readonly Finding[];
  readonly clockOffset?: number;
}

/**
 * Connects to the broker as the terminal does, and asks the gateway behind it. Not while its daemon runs: a broker cuts
 * the older of two connections with one client id (MQTT 3.1.1 3.1.4).
 */
export async function checkUplink(
  { terminal, mqtt, certificate }: BrokerAccess & Pick<Identity, "terminal">,
  around: { readonly clock: Clock; readonly random: Random },
): Promise<UplinkCheck> {
  const url = certificate?.url ?? mqtt.url;
  const where = new URL(url).host;
  try {
    const client = await connectAsync(
      url,
      {
        clientId: terminal,
        username: mqtt.username,
        ...(certificate ? tlsOf(certificate) : { password: mqtt.password }),
        protocolVersion: 4,
        connectTimeout: PATIENCE,
        reconnectPeriod: 0,
      },
      false,
    );
    const reply = await askGateway({ client, terminal, ...around });
    await client.endAsync(true);
    return {
      findings: [{ subject, verdict: "good", says: `${where} takes this terminal` }, gatewayFinding(reply)],
      ...(reply.kind === "answered" && { clockOffset: reply.clockOffset }),
    };
  } catch (error) {
    const { code } = failureOf(error as Error);
    if (code === UplinkBrokerRefused.code || code === UplinkCertificateRefused.code || (certificate && hungUp(error))) {
      const todo = "It was revoked, or enrolled anew elsewhere: enrol it again with a new token";
      return { findings: [{ subject, verdict: "bad", says: `${where} refuses this terminal`, todo }] };
    }
    const cause = error instanceof Error && "code" in error ? String(error.code) : "no answer";
    const [, todo] = UNREACHED.find(([causes]) => causes.includes(cause)) ?? [[], LOOK_AROUND];
    return { findings: [{ subject, verdict: "bad", says: `${where} cannot be reached (${cause})`, todo }] };
  }
}

/** A broker that does not take a certificate may say nothing of it: TLS 1.3 has it look behind the handshake. */
function hungUp(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === undefined || code === "ECONNRESET" || code === "EPIPE";
}

function gatewayFinding({ kind }: GatewayReply): Finding {
  const subject = "gateway";
  if (kind === "answered") return { subject, verdict: "good", says: "answers" };
  const says = kind === "offline" ? "not connected to the broker" : "does not answer behind its broker";
  return { subject, verdict: "bad", says, todo: "Have the gateway's people look after it" };
}

/** The certificate that the broker shows: is it trusted, and how long is it good for? None on a clear connection. */
export async function checkBrokerCertificate({ mqtt, certificate }: BrokerAccess, now: Instant): Promise<Finding[]> {
  const url = certificate?.url ?? mqtt.url;
  const { protocol, hostname, port } = new URL(url);
  if (protocol !== "mqtts:" && protocol !== "wss:") return [];
  const subject = "certificate";
  const defaultPort = protocol === "wss:" ? 443 : 8883;
  const socket = connectTls({
    host: hostname,
    port: port === "" ? defaultPort : Number(port),
    // RFC 6066 3: a name, never an address.
    ...(isIP(hostname) === 0 && { servername: hostname }),
    // It is looked at here, and nothing is sent.
    rejectUnauthorized: false,
    ...(certificate && tlsOf(certificate)),
  });
  try {
    await once(socket, "secureConnect", { signal: AbortSignal.timeout(PATIENCE) });
    if (!socket.authorized) {
      const says = `the broker's is not trusted (${socket.authorizationError?.message ?? socket.authorizationError})`;
      const todo = certificate
        ? "If the gateway's key store was made anew, enrol this terminal anew; or set this machine's clock if it is far off"
        : "Install the authority that signed it, or set this machine's clock if it is far off";
      return [{ subject, verdict: "bad", says, todo }];
    }
    const until = new Date(socket.getPeerCertificate().valid_to);
    const days = Math.floor((until.getTime() - now) / DAY);
    const says = `the broker's is trusted until ${until.toISOString()}`;
    if (days >= EXPIRES_SOON) return [{ subject, verdict: "good", says }];
    return [{ subject, verdict: "doubtful", says: `${says}, ${days} days`, todo: "Have the broker's people renew it" }];
  } catch {
    // Whether it can be reached is the other check's.
    return [];
  } finally {
    socket.destroy();
  }
}
