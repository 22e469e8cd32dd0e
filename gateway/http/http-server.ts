import { STATUS_CODES } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import rateLimit from "@fastify/rate-limit";
import type { SwipewireError } from "@swipewire/protocol/failure";
import { type Clock, Seconds } from "@swipewire/protocol/time";
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from "fastify";
import type { Logger } from "pino";
import {
  HttpMethodNotAllowed,
  HttpNotListening,
  HttpRequestMalformed,
  HttpRouteUnknown,
  HttpTooManyRequests,
} from "../errors.ts";
import { whereabouts } from "../whereabouts.ts";
import { answerTo, failureBody } from "./http-failures.ts";
import { BODY_LIMIT } from "./request-body.ts";

/** From the first byte of a request to its last; Fastify alone would wait for ever. */
const REQUEST_LIMIT = Seconds(30);
/** How long requests under way may take when the server closes; Node sets them no limit then. */
const FAREWELL = Seconds(5);

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

export interface HttpServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Addresses (CIDR allowed) whose X-Forwarded-For is believed, for the rate limits. */
  readonly trustedProxies: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly routes: readonly ((app: FastifyInstance) => void)[];
}

export interface HttpServer {
  /** Without a slash at the end. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves the routes. Bodies reach them as bytes, for a reader of `protocol/messages` to check; every error leaves as an
 * `HttpFailure`; a log line holds the route's pattern, never the path, for that may hold a pay token.
 * @throws HttpNotListening
 */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const logger = options.logger.child({ part: "http" });
  const app: FastifyInstance = Fastify({
    loggerInstance: logger as FastifyBaseLogger,
    // Its own lines hold whole paths.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_LIMIT,
    // Node gives the whole request the longer of both limits; this one is a minute unless told.
    http: { headersTimeout: REQUEST_LIMIT },
    trustProxy: options.trustedProxies.length > 0 ? [...options.trustedProxies] : false,
    frameworkErrors: (error, request, reply) => {
      sendFailure(logger, error, request, reply);
    },
    clientErrorHandler: (_error, socket) => refuseGarbage(socket),
  });

  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  app.setErrorHandler((error, request, reply) => sendFailure(logger, error, request, reply));
  app.setNotFoundHandler(() => {
    throw new HttpRouteUnknown();
  });
  app.addHook("onResponse", async (request, reply) => {
    logger.info({
      method: request.method,
      route: request.routeOptions.url ?? "unknown",
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime),
    });
  });
  await app.register(rateLimit, { global: false, errorResponseBuilder: () => new HttpTooManyRequests() });

  const methodsOf = new Map<string, string[]>();
  app.addHook("onRoute", ({ url, method }) => {
    methodsOf.set(url, [...(methodsOf.get(url) ?? []), ...[method].flat()]);
  });
  for (const routes of options.routes) routes(app);
  for (const [url, allowed] of [...methodsOf]) {
    app.route({
      url,
      method: METHODS.filter((method) => !allowed.includes(method)),
      handler: (_request, reply) => {
        reply.header("allow", allowed.join(", "));
        throw new HttpMethodNotAllowed();
      },
    });
  }

  try {
    await app.listen({ host: options.host, port: options.port });
  } catch (cause) {
    await app.close();
    throw new HttpNotListening({ detail: `${options.host}:${options.port}`, cause });
  }
  const { address, family, port } = app.server.address() as AddressInfo;
  return {
    url: `http://${family === "IPv6" ? `[${address}]` : address}:${port}`,
    async close() {
      const patience = options.clock.after(FAREWELL, () => app.server.closeAllConnections());
      await app.close();
      patience.cancel();
    },
  };
}

function sendFailure(logger: Logger, error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { status, failure } = answerTo(error);
  const route = request.routeOptions.url ?? "unknown";
  if (status >= 500) logger.error({ ...whereabouts(error), route, code: failure.code }, "a request failed");
  else logger.info({ route, code: failure.code }, "a request was refused");
  if (status === 401) reply.header("www-authenticate", "Bearer");
  return reply.code(status).send(failureBody(failure));
}

/** What Node's parser can't read as HTTP never becomes a request. */
function refuseGarbage(socket: Socket): void {
  if (!socket.writable) return;
  const failure: SwipewireError = new HttpRequestMalformed();
  const body = JSON.stringify(failureBody(failure));
  socket.write(
    [
      `HTTP/1.1 400 ${STATUS_CODES[400]}`,
      "Content-Type: application/json; charset=utf-8",
      `Content-Length: ${Buffer.byteLength(body)}`,
      "Connection: close",
      "",
      body,
    ].join("\r\n"),
  );
  // Node leaves it to us, and the client may never hang up.
  socket.destroySoon();
}
