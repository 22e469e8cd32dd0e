import type { AddressInfo } from "node:net";
import cors from "@fastify/cors";
import websocket from "@fastify/websocket";
import { SwipewireError } from "@swipewire/protocol/failure";
import { SessionCommand, type SessionView } from "@swipewire/protocol/messages/local-session";
import type { HttpFailure } from "@swipewire/protocol/messages/merchant-api";
import { reader } from "@swipewire/protocol/messages/parse";
import type { TerminalStatus } from "@swipewire/protocol/messages/terminal-status";
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from "fastify";
import type { Logger } from "pino";
import { LocalApiNotListening, LocalFault, LocalNotFound, LocalRequestMalformed } from "../errors.ts";
import { LocalAccess, SUBPROTOCOL } from "./access.ts";

const LONGEST_COMMAND = 1024;
/** What may wait for a page that does not read, in bytes; then it is cut off. */
const LONGEST_BACKLOG = 65_536;
/** RFC 6455 7.4.1. */
const POLICY_VIOLATION = 1008;

const readCommand = reader(SessionCommand, LONGEST_COMMAND);

/** Statuses of the failures that a request can meet; what is not here is 500. */
const statuses: Readonly<Record<string, number>> = {
  local_host_refused: 421,
  local_origin_refused: 403,
  local_token_wrong: 401,
  local_not_found: 404,
  local_request_malformed: 400,
  message_not_json: 400,
  message_invalid: 422,
  message_too_large: 413,
  session_command_out_of_step: 409,
  session_phone_missing: 422,
};

/** What the API shows and steers. */
export interface LocalSession {
  view(): SessionView;
  onChange(listener: (view: SessionView) => void): () => void;
  command(command: SessionCommand): SessionView;
}

export interface LocalApiOptions {
  readonly session: LocalSession;
  readonly status: () => TerminalStatus;
  /** 0 takes a free one. */
  readonly port: number;
  readonly allowedOrigins: readonly string[];
  readonly token: string;
  readonly logger: Logger;
}

export interface LocalApi {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * The HTTP and WebSocket API on 127.0.0.1 that the terminal's page speaks: `GET /v1/session`, `POST
 * /v1/session/commands`, `GET /v1/events`; and `GET /v1/status` for those who look after the terminal.
 * @throws LocalApiNotListening
 */
export async function startLocalApi(options: LocalApiOptions): Promise<LocalApi> {
  const { session, status, token, allowedOrigins, logger } = options;
  const access = new LocalAccess({ allowedOrigins, token });
  const refuse = (error: FastifyError, reply: FastifyReply) => {
    const failure = failureOf(error);
    logger.warn({ code: failure.code }, failure.message);
    void reply.code(statuses[failure.code] ?? 500).send(bodyOf(failure));
  };
  const app: FastifyInstance = fastify({
    bodyLimit: LONGEST_COMMAND,
    forceCloseConnections: true,
    // Of an address that cannot be decoded; Fastify's own words repeat it.
    frameworkErrors: (error, _request, reply) => refuse(error, reply),
  });
  const port = () => (app.server.address() as AddressInfo).port;

  app.setErrorHandler((error: FastifyError, _request, reply) => refuse(error, reply));
  app.setNotFoundHandler(() => {
    throw new LocalNotFound();
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, async (_request: unknown, body: Buffer) =>
    readCommand(body),
  );

  // First, so that it knows of every upgrade and ends the socket of one that is refused below.
  await app.register(websocket, {
    options: { maxPayload: LONGEST_COMMAND, handleProtocols: () => SUBPROTOCOL },
    errorHandler: (_error, socket) => socket.terminate(),
  });
  app.addHook("onRequest", async (request) => access.checkSource(request.headers, port()));
  await app.register(cors, {
    origin: [...allowedOrigins],
    methods: ["GET", "POST"],
    allowedHeaders: ["authorization", "content-type"],
    strictPreflight: true,
  });
  // A preflight was answered above: browsers send it without the token.
  app.addHook("onRequest", async (request) => access.checkToken(request.headers));

  app.get("/v1/status", async () => status());
  app.get("/v1/session", async () => session.view());
  app.post<{ Body: SessionCommand | undefined }>("/v1/session/commands", async ({ body }) => {
    if (body === undefined) throw new LocalRequestMalformed({ detail: "no body" });
    return session.command(body);
  });
  app.get("/v1/events", { websocket: true }, (socket) => {
    const send = (view: SessionView) => {
      if (socket.bufferedAmount > LONGEST_BACKLOG) socket.terminate();
      else socket.send(JSON.stringify(view));
    };
    const stop = session.onChange(send);
    socket.on("close", stop);
    socket.on("message", () => socket.close(POLICY_VIOLATION, "commands go to /v1/session/commands"));
    send(session.view());
  });
  // A page that does not answer the goodbye, which the plugin says, must not hold up the stop.
  app.addHook("preClose", async () => {
    for (const client of app.websocketServer.clients) client.terminate();
  });

  try {
    await app.listen({ host: "127.0.0.1", port: options.port });
  } catch (cause) {
    await app.close();
    throw new LocalApiNotListening({ detail: `127.0.0.1:${options.port}`, cause });
  }
  return { url: `http://127.0.0.1:${port()}`, close: () => app.close() };
}

/** Fastify's own errors may quote the request, so only their meaning is kept. */
function failureOf(error: FastifyError): SwipewireError {
  if (error instanceof SwipewireError) return error;
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
    return new LocalRequestMalformed({ detail: error.code });
  }
  return new LocalFault({ cause: error });
}

function bodyOf({ code, text, message }: SwipewireError): HttpFailure {
  const detail = message.slice(text.what.length).replace(/^ \((.*)\)$/, "$1");
  return { error: { code, ...text, ...(detail !== "" && { detail }) } };
}
