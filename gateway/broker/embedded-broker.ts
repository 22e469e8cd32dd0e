import { timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { Duplex, pipeline } from "node:stream";
import {
  createServer as createTlsServer,
  type SecureContextOptions,
  type TLSSocket,
  type Server as TlsServer,
} from "node:tls";
import { SwipewireError } from "@swipewire/protocol/failure";
import { MAX_LINK_MESSAGE } from "@swipewire/protocol/messages/terminal-link";
import { Seconds } from "@swipewire/protocol/time";
import { Aedes, type AuthenticateError, type Client } from "aedes";
import type { Logger } from "pino";
import { BrokerAccessDenied, BrokerCertificateRefused, BrokerLoginRefused, BrokerNotStarted } from "../errors.ts";
import { gatewayAccess, terminalAccess } from "./access-list.ts";
import { PacketLimit } from "./packet-limit.ts";

/** Room for the topic and MQTT's own fields around a link message. */
const PACKET_LIMIT = MAX_LINK_MESSAGE + 1_024;
/** A client that does not promise to be heard of would stay "connected" long after its cable was cut. */
const LONGEST_KEEPALIVE_S = 300;
/** QoS 2 is not used here; what a client may leave half-sent stays small. */
const QOS2_HALF_SENT = 16;
/**
 * Connections that have not logged in, at once: the rest of the gateway needs sockets too. Another one takes the place of
 * the oldest, so that whoever only connects keeps out nobody who logs in.
 */
const STRANGERS = 256;
const HANDSHAKE_TIMEOUT = Seconds(10);
/** MQTT 3.1.1 3.2.2.3. */
const BAD_USERNAME_OR_PASSWORD = 4;
const SERVER_UNAVAILABLE = 3;

export interface MqttCredentials {
  /** Is the client id too. */
  readonly username: string;
  readonly password: string;
}

/** Mutual TLS: a client is the terminal that its certificate names, whatever user it says to be. */
export interface BrokerTls {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** The broker's certificate, whom it believes, and which certificates are revoked: as they are now. */
  readonly context: () => Promise<Pick<SecureContextOptions, "cert" | "key" | "ca" | "crl">>;
  /** Whether a terminal may connect: a list of revoked certificates may be some seconds old. */
  readonly mayConnect: (terminal: string) => Promise<boolean>;
}

export interface EmbeddedBrokerOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** Whether these are an enrolled terminal's credentials. */
  readonly authenticate: (username: string, password: Uint8Array) => Promise<boolean>;
  /** What the gateway itself logs in with. */
  readonly gateway: MqttCredentials;
  /** Listens for terminals with certificates too. */
  readonly tls?: BrokerTls;
  readonly logger: Logger;
}

export interface EmbeddedBroker {
  readonly url: string;
  readonly port: number;
  /** Of the listener for certificates: 0 where there is none. */
  readonly tlsPort: number;
  /** Takes over what {@link BrokerTls.context} says by now, for the connections to come; none is resumed over it. */
  renewContext(): Promise<void>;
  /** Cuts a terminal off at once and lets it in no more, whatever `authenticate` says. */
  shutOut(terminal: string): void;
  close(): Promise<void>;
}

/**
 * An MQTT 3.1.1 broker in this process, for an installation on one machine. No session outlives its connection: the link
 * repeats by message id, so that a queue of its own would only deliver twice.
 *
 * @throws BrokerNotStarted
 */
export async function startEmbeddedBroker(options: EmbeddedBrokerOptions): Promise<EmbeddedBroker> {
  const { host, port, authenticate, gateway, tls, logger } = options;
  /** Whom a certificate named, by the stream that the broker has them as. */
  const certified = new WeakMap<object, string | undefined>();
  const connected = new Map<string, Client>();
  const shutOut = new Set<string>();
  const isGateway = (client: Client) => client.id === gateway.username;

  const note = (client: Client, failure: Error) => {
    // The broker answers a DISCONNECT by destroying the stream (MQTT 3.1.1 3.14.4), which Duplex.from() calls an abort.
    if (failure.name === "AbortError") return;
    const { code } = failure instanceof SwipewireError ? failure : { code: "broker_connection_lost" };
    // The client id is the client's own claim until it has logged in, so only an enrolled one is repeated.
    const terminal = connected.get(client.id) === client ? client.id : undefined;
    logger.warn({ code, terminal }, "MQTT client disconnected");
  };

  const broker = await Aedes.createBroker({
    keepaliveLimit: LONGEST_KEEPALIVE_S,
    maxInflightInbound: QOS2_HALF_SENT,
    preConnect: (_client, packet, done) => {
      packet.clean = true;
      const { will } = packet;
      const allowed =
        will === undefined ||
        (packet.clientId === gateway.username
          ? gatewayAccess.mayPublish(will.topic, will.retain === true)
          : terminalAccess.mayPublish(packet.clientId, will.topic, will.retain === true));
      if (allowed) done(null, true);
      else done(new BrokerAccessDenied({ detail: "last will" }), false);
    },
    authenticate: (client, username, password, done) => {
      const refuse = (failure: Error, returnCode: number) =>
        done(Object.assign(failure, { returnCode }) as AuthenticateError, false);
      const accept = (known: boolean) => {
        // Once more after the wait: it may have been shut out meanwhile.
        if (known && !shutOut.has(client.id)) done(null, true);
        else refuse(new BrokerLoginRefused(), BAD_USERNAME_OR_PASSWORD);
      };
      const failed = () => refuse(new BrokerLoginRefused({ detail: "store" }), SERVER_UNAVAILABLE);
      if (tls && certified.has(client.conn)) {
        if (certified.get(client.conn) === client.id) tls.mayConnect(client.id).then(accept, failed);
        else refuse(new BrokerLoginRefused({ detail: "another's certificate" }), BAD_USERNAME_OR_PASSWORD);
      } else if (!username || !password || username !== client.id) {
        refuse(new BrokerLoginRefused(), BAD_USERNAME_OR_PASSWORD);
      } else if (username === gateway.username) {
        const expected = Buffer.from(gateway.password);
        if (password.length === expected.length && timingSafeEqual(password, expected)) done(null, true);
        else refuse(new BrokerLoginRefused(), BAD_USERNAME_OR_PASSWORD);
      } else {
        authenticate(username, password).then(accept, failed);
      }
    },
    authorizePublish: (client, packet, done) => {
      const allowed =
        client !== null &&
        (isGateway(client)
          ? gatewayAccess.mayPublish(packet.topic, packet.retain)
          : terminalAccess.mayPublish(client.id, packet.topic, packet.retain));
      done(allowed ? null : new BrokerAccessDenied({ detail: "publish" }));
    },
    authorizeSubscribe: (client, subscription, done) => {
      const allowed = isGateway(client)
        ? gatewayAccess.maySubscribe(subscription.topic)
        : terminalAccess.maySubscribe(client.id, subscription.topic);
      if (!allowed) logger.warn({ code: BrokerAccessDenied.code, terminal: client.id }, "MQTT subscription refused");
      done(null, allowed ? subscription : null);
    },
  });

  /** By the stream that the broker has them as, oldest first. */
  const strangers = new Map<unknown, Socket>();
  broker.on("client", (client) => {
    strangers.delete(client.conn);
    connected.set(client.id, client);
    if (shutOut.has(client.id)) client.close();
  });
  broker.on("clientDisconnect", (client) => {
    if (connected.get(client.id) === client) connected.delete(client.id);
  });
  broker.on("clientError", note);
  broker.on("connectionError", note);

  const sockets = new Set<Socket>();
  const meet = (stream: unknown, socket: Socket) => {
    if (strangers.size >= STRANGERS) {
      const [[first, oldest] = []] = strangers;
      strangers.delete(first);
      oldest?.destroy();
    }
    sockets.add(socket);
    strangers.set(stream, socket);
    socket.once("close", () => {
      sockets.delete(socket);
      strangers.delete(stream);
    });
  };
  const take = (socket: Socket): Duplex => {
    socket.setNoDelay(true);
    // Errors reach the broker through the pair below.
    const readable = pipeline(socket, new PacketLimit(PACKET_LIMIT), () => {});
    const connection = Duplex.from({ readable, writable: socket });
    meet(connection, socket);
    return connection;
  };
  const server = createServer((socket) => broker.handle(take(socket)));
  const secure = tls && (await secureServer(tls));
  secure?.on("connection", (socket: Socket) => meet(endsOf(socket), socket));
  secure?.on("secureConnection", (socket) => {
    strangers.delete(endsOf(socket));
    const connection = take(socket);
    certified.set(connection, terminalOf(socket));
    broker.handle(connection);
  });
  secure?.on("tlsClientError", (error: NodeJS.ErrnoException, socket) => {
    // Node hangs up itself where it does not believe a certificate, and then says why in the socket only.
    const cause = socket.authorizationError ?? error.code;
    logger.warn({ code: BrokerCertificateRefused.code, cause }, BrokerCertificateRefused.text.what);
    socket.destroy();
  });
  const close = async () => {
    const closed = [server, secure].flatMap((one) => (one?.listening ? [once(one, "close")] : []));
    server.close();
    secure?.close();
    await new Promise<void>((resolve) => broker.close(resolve));
    // Connections that never logged in are not the broker's to close.
    for (const socket of sockets) socket.destroy();
    await Promise.all(closed);
  };
  for (const [listener, at] of [[server, { host, port }], ...(secure ? [[secure, tls] as const] : [])] as const) {
    listener.listen({ host: at.host, port: at.port });
    try {
      await once(listener, "listening");
    } catch (cause) {
      await close();
      throw new BrokerNotStarted({ detail: `${at.host}:${at.port}`, cause });
    }
  }

  const address = server.address() as AddressInfo;
  return {
    url: `mqtt://${address.family === "IPv6" ? `[${address.address}]` : address.address}:${address.port}`,
    port: address.port,
    tlsPort: (secure?.address() as AddressInfo | undefined)?.port ?? 0,
    async renewContext() {
      if (tls) secure?.setSecureContext({ ...(await tls.context()), minVersion: "TLSv1.2" });
    },
    shutOut(terminal) {
      shutOut.add(terminal);
      const client = connected.get(terminal);
      if (!client) return;
      logger.info({ terminal }, "terminal cut off");
      client.close();
    },
    close,
  };
}

async function secureServer({ context }: BrokerTls): Promise<TlsServer> {
  return createTlsServer({
    ...(await context()),
    minVersion: "TLSv1.2",
    requestCert: true,
    rejectUnauthorized: true,
    handshakeTimeout: HANDSHAKE_TIMEOUT,
  });
}

/** What a socket and the TLS over it have in common. */
const endsOf = ({ remoteAddress, remotePort }: Socket) => `${remoteAddress} ${remotePort}`;

/** Its common name; the authority has seen to it that it is the terminal's id. */
function terminalOf(socket: TLSSocket): string | undefined {
  const name = /^CN=([0-9a-f-]{36})$/.exec(socket.getPeerX509Certificate()?.subject ?? "");
  return name?.[1];
}
