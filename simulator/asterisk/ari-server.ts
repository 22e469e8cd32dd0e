import type { AddressInfo } from "node:net";
import { checker } from "@swipewire/protocol/messages/parse";
import { type Clock, Millis, Seconds } from "@swipewire/protocol/time";
import Fastify, { type FastifyReply } from "fastify";
import Type from "typebox";
import { type WebSocket, WebSocketServer } from "ws";
import type { Phone } from "../phone/phone.ts";
import { ariTime, SimulatedAriChannel } from "./ari-channel.ts";

const DEFAULT_DIAL_SECONDS = 30;
/** How long every sound lasts. */
const SOUND = Seconds(3);
const E164 = /\+[1-9]\d{6,14}/;

const Text = Type.Optional(Type.String());
/** Query and body alike: Asterisk takes parameters from either. */
const checkParameters = checker(
  Type.Object({
    endpoint: Text,
    app: Text,
    extension: Text,
    callerId: Text,
    timeout: Type.Optional(Type.Union([Type.Integer(), Type.String({ pattern: "^-?\\d+$" })])),
    media: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())])),
    lang: Text,
    playbackId: Text,
  }),
);

export interface AriServerOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly clock: Clock;
  /** The phone of a number. */
  readonly phone: (number: string) => Phone;
}

/** The part of Asterisk 22's REST interface that makes calls, from its documented resources and events. */
export interface AriServer {
  /** `http://…/ari` */
  readonly url: string;
  readonly port: number;
  /** Ids of the channels that exist. */
  readonly channels: readonly string[];
  /** Media and language of every playback, in order. */
  readonly played: readonly { readonly media: string; readonly language: string }[];
  /** Breaks every connection for events. New ones are accepted. */
  cut(): void;
  /** Answers none of the next requests that make a channel, though it makes it. */
  swallowAnswers: boolean;
  close(): Promise<void>;
}

export async function startAriServer(options: AriServerOptions): Promise<AriServer> {
  const { host, port, user, password, clock, phone } = options;
  const channels = new Map<string, SimulatedAriChannel>();
  const applications = new Map<string, WebSocket>();
  const played: { media: string; language: string }[] = [];
  let serial = 0;

  const tell = (app: string, event: object): boolean => {
    const socket = applications.get(app);
    if (socket?.readyState !== socket?.OPEN || !socket) return false;
    socket.send(JSON.stringify(event));
    return true;
  };
  const mayEnter = (authorization: string | undefined, query: URLSearchParams) =>
    authorization === `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}` ||
    query.get("api_key") === `${user}:${password}`;
  const refuse = (reply: FastifyReply, status: number, message: string) => reply.code(status).send({ message });

  const server = Fastify({ forceCloseConnections: true });
  server.addHook("onRequest", async (request, reply) => {
    const query = new URL(request.url, "http://ari").searchParams;
    if (mayEnter(request.headers.authorization, query)) return;
    reply.header("www-authenticate", 'Basic realm="Asterisk REST Interface"');
    return refuse(reply, 401, "Authentication required");
  });
  server.setNotFoundHandler((_request, reply) => refuse(reply, 404, "Resource not found"));
  server.setErrorHandler((_failure, _request, reply) => refuse(reply, 400, "Invalid parameters"));
  const parametersOf = ({ query, body }: { query: unknown; body: unknown }) =>
    checkParameters({ ...(query as object), ...(body as object | null) });

  server.get("/ari/channels", async () => [...channels.values()].map((channel) => channel.snapshot()));
  server.get<{ Params: { id: string } }>("/ari/channels/:id", async ({ params }, reply) => {
    return channels.get(params.id)?.snapshot() ?? refuse(reply, 404, "Channel not found");
  });

  const originate = (id: string, request: { query: unknown; body: unknown }, reply: FastifyReply) => {
    const parameters = parametersOf(request);
    const { endpoint, app, extension, callerId = "" } = parameters;
    if (!endpoint) return refuse(reply, 400, "Endpoint must be specified");
    if (!/^[^/]+\/./.test(endpoint)) return refuse(reply, 400, "Invalid endpoint specified");
    // Of extensions in a dialplan there are none here.
    if (!app || extension) return refuse(reply, 400, "Application or extension must be specified");
    if (channels.has(id)) return refuse(reply, 409, "Channel with given unique ID already exists");
    const number = E164.exec(endpoint)?.[0];
    // What no technology can make a channel to (`ast_ari_response_alloc_failed`).
    if (!number) return reply.code(500).send({ error: "Allocation failed" });
    const seconds = Number(parameters.timeout ?? DEFAULT_DIAL_SECONDS);
    const timeout =
      seconds === -1
        ? { cancel: () => {} }
        : clock.after(Seconds(seconds > 0 ? seconds : DEFAULT_DIAL_SECONDS), () => channel.hangUp(19));
    const channel = new SimulatedAriChannel({
      id,
      number,
      app,
      callerId,
      phone: phone(number),
      clock,
      timeout,
      tell: (event) => tell(app, event),
      onEnd: () => channels.delete(id),
    });
    channels.set(id, channel);
    const made = channel.snapshot();
    setImmediate(() => channel.dial());
    if (running.swallowAnswers) {
      reply.hijack();
      reply.raw.destroy();
      return reply;
    }
    return reply.send(made);
  };
  server.post<{ Params: { id: string } }>("/ari/channels/:id", (request, reply) =>
    originate(request.params.id, request, reply),
  );
  server.post("/ari/channels", (request, reply) => originate(`${clock.now()}.${serial++}`, request, reply));

  server.delete<{ Params: { id: string } }>("/ari/channels/:id", async ({ params }, reply) => {
    const channel = channels.get(params.id);
    if (!channel) return refuse(reply, 404, "Channel not found");
    channels.delete(params.id);
    channel.hangUp(16);
    return reply.code(204).send();
  });

  server.post<{ Params: { id: string } }>("/ari/channels/:id/play", async (request, reply) => {
    const channel = channels.get(request.params.id);
    if (!channel) return refuse(reply, 404, "Channel not found");
    if (!channel.inStasis) return refuse(reply, 409, "Channel not in a Stasis application");
    const { media, lang: language = "en", playbackId = `playback-${serial++}` } = parametersOf(request);
    const [sound] = [media].flat();
    if (!sound) return refuse(reply, 400, "Media must be specified");
    played.push({ media: sound, language });
    const playback = (state: string) => ({
      id: playbackId,
      media_uri: sound,
      target_uri: `channel:${channel.id}`,
      language,
      state,
    });
    const event = (type: string, state: string) =>
      tell(channel.app, {
        type,
        application: channel.app,
        timestamp: ariTime(clock),
        playback: playback(state),
      });
    clock.after(Millis(0), () => event("PlaybackStarted", "playing"));
    clock.after(SOUND, () => event("PlaybackFinished", "done"));
    return reply.code(201).header("location", `/playbacks/${playbackId}`).send(playback("queued"));
  });

  const sockets = new WebSocketServer({ noServer: true });
  server.server.on("upgrade", (request, socket, head) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://ari");
    const answer = (status: string) =>
      socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    if (!mayEnter(request.headers.authorization, searchParams)) answer("401 Unauthorized");
    else if (pathname !== "/ari/events") answer("404 Not Found");
    else {
      const names = searchParams
        .getAll("app")
        .flatMap((value) => value.split(","))
        .filter(Boolean);
      if (names.length === 0) answer("400 Bad Request");
      else sockets.handleUpgrade(request, socket, head, (client) => subscribe(client, names));
    }
  });
  const subscribe = (client: WebSocket, names: readonly string[]) => {
    for (const app of names) {
      // The newer one wins.
      tell(app, { type: "ApplicationReplaced", application: app, timestamp: ariTime(clock) });
      applications.set(app, client);
    }
    client.on("error", () => {});
    client.on("close", () => {
      for (const app of names) if (applications.get(app) === client) applications.delete(app);
    });
  };

  await server.listen({ host, port });
  const { port: listening } = server.server.address() as AddressInfo;
  const running: AriServer = {
    swallowAnswers: false,
    url: `http://${host}:${listening}/ari`,
    port: listening,
    get channels() {
      return [...channels.keys()];
    },
    played,
    cut() {
      for (const client of sockets.clients) client.terminate();
    },
    async close() {
      for (const client of sockets.clients) client.terminate();
      for (const channel of channels.values()) channel.hangUp(16);
      await server.close();
    },
  };
  return running;
}
