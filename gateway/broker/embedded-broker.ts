import { timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { Duplex, pipeline } from "node:stream";
import { SwipewireError } from "@swipewire/protocol/failure";
import { MAX_LINK_MESSAGE } from "@swipewire/protocol/messages/terminal-link";
import { Aedes, type AuthenticateError, type Client } from "aedes";
import type { Logger } from "pino";
import { BrokerAccessDenied, BrokerLoginRefused, BrokerNotStarted } from "../errors.ts";
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
/** MQTT 3.1.1 3.2.2.3. */
const BAD_USERNAME_OR_PASSWORD = 4;
const SERVER_UNAVAILABLE = 3;

export interface MqttCredentials {
  /** Is the client id too. */
  readonly username: string;
  readonly password: string;
}

export interface EmbeddedBrokerOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** Whether these are an enrolled terminal's credentials. */
  readonly authenticate: (username: string, password: Uint8Array) => Promise<boolean>;
  /** What the gateway itself logs in with. */
  readonly gateway: MqttCredentials;
  readonly logger: Logger;
}

export interface EmbeddedBroker {
  readonly url: string;
  readonly port: number;
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
  const { host, port, authenticate, gateway, logger } = options;
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
      if (!username || !password || username !== client.id) {
        refuse(new BrokerLoginRefused(), BAD_USERNAME_OR_PASSWORD);
      } else if (username === gateway.username) {
        const expected = Buffer.from(gateway.password);
        if (password.length === expected.length && timingSafeEqual(password, expected)) done(null, true);
        else refuse(new BrokerLoginRefused(), BAD_USERNAME_OR_PASSWORD);
      } else {
        authenticate(username, password).then(
          (known) => {
            // Once more after the wait: it may have been shut out meanwhile.
            if (known && !shutOut.has(username)) done(null, true);
            else refuse(new BrokerLoginRefused(), BAD_USERNAME_OR_PASSWORD);
          },
          () => refuse(new BrokerLoginRefused({ detail: "store" }), SERVER_UNAVAILABLE),
        );
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
  const server = createServer((socket) => {
    if (strangers.size >= STRANGERS) {
      const [[stream, oldest] = []] = strangers;
      strangers.delete(stream);
      oldest?.destroy();
    }
    socket.setNoDelay(true);
    // Errors reach the broker through the pair below.
    const readable = pipeline(socket, new PacketLimit(PACKET_LIMIT), () => {});
    const connection = Duplex.from({ readable, writable: socket });
    sockets.add(socket);
    strangers.set(connection, socket);
    socket.once("close", () => {
      sockets.delete(socket);
      strangers.delete(connection);
    });
    broker.handle(connection);
  });
  server.listen({ host, port });
  try {
    await once(server, "listening");
  } catch (cause) {
    await new Promise<void>((resolve) => broker.close(resolve));
    throw new BrokerNotStarted({ detail: `${host}:${port}`, cause });
  }

  const address = server.address() as AddressInfo;
  return {
    url: `mqtt://${address.family === "IPv6" ? `[${address.address}]` : address.address}:${address.port}`,
    port: address.port,
    shutOut(terminal) {
      shutOut.add(terminal);
      const client = connected.get(terminal);
      if (!client) return;
      logger.info({ terminal }, "terminal cut off");
      client.close();
    },
    async close() {
      const closed = once(server, "close");
      server.close();
      await new Promise<void>((resolve) => broker.close(resolve));
      // Connections that never logged in are not the broker's to close.
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
