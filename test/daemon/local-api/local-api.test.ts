import { request } from "node:http";
import { SessionCommandOutOfStep } from "@swipewire/daemon/errors";
import { startLocalApi } from "@swipewire/daemon/local-api/local-api";
import { type SessionCommand, SessionView } from "@swipewire/protocol/messages/local-session";
import { HttpFailure } from "@swipewire/protocol/messages/merchant-api";
import { checker } from "@swipewire/protocol/messages/parse";
import type { TerminalStatus } from "@swipewire/protocol/messages/terminal-status";
import t, { type Test } from "tap";
import { WebSocket } from "ws";
import { capturedLog } from "../captured-log.ts";

const TOKEN = "w7kq3mZb1yX0uTn5sRp9oLc2vHf4jEa6gDi8eBt_KxQ";
const ORIGIN = "https://kiosk.example";
const STATUS: TerminalStatus = {
  version: "0.1.0",
  terminal: "5b1d2c3e-4f5a-4b6c-8d7e-9f0a1b2c3d4e",
  startedAt: "2026-11-01T12:00:00.000Z",
  step: "idle",
  uplink: { broker: true, gateway: true },
  readers: [],
  dropped: { frames: {}, messages: {} },
};
const checkView = checker(SessionView);
const checkFailure = checker(HttpFailure);

async function begin(t: Test) {
  const log = capturedLog();
  const commands: SessionCommand[] = [];
  const listeners = new Set<(view: SessionView) => void>();
  let view: SessionView = { step: "idle", reader: { connected: false }, gateway: true };
  const api = await startLocalApi({
    session: {
      view: () => view,
      onChange: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      command: (command) => {
        if (command.do === "finish") throw new SessionCommandOutOfStep({ detail: "at idle" });
        commands.push(command);
        return view;
      },
    },
    status: () => STATUS,
    port: 0,
    allowedOrigins: [ORIGIN],
    token: TOKEN,
    logger: log.logger,
  });
  t.teardown(() => api.close());
  const { port } = new URL(api.url);

  interface Ask {
    method?: string;
    headers?: Record<string, string>;
    body?: string;
    token?: string | null;
  }
  /** By `node:http`, since `fetch` lets nobody set Host. */
  const ask = (path: string, { method = "GET", headers = {}, body, token = TOKEN }: Ask = {}) =>
    new Promise<{ status: number; body: unknown; headers: Record<string, unknown> }>((resolve, reject) => {
      const authorization = token === null ? {} : { authorization: `Bearer ${token}` };
      const outgoing = request(`${api.url}${path}`, { method, headers: { ...authorization, ...headers } }, (reply) => {
        const chunks: Buffer[] = [];
        reply.on("data", (chunk) => chunks.push(chunk));
        reply.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          const body = text === "" ? undefined : JSON.parse(text);
          resolve({ status: reply.statusCode ?? 0, body, headers: reply.headers });
        });
      });
      outgoing.on("error", reject);
      outgoing.end(body);
    });
  const command = (body: string, type = "application/json") =>
    ask("/v1/session/commands", { method: "POST", headers: { "content-type": type }, body });
  const refused = async (reply: Promise<{ status: number; body: unknown }>, status: number, code: string) => {
    const { status: got, body } = await reply;
    t.equal(got, status, code);
    t.equal(checkFailure(body).error.code, code);
  };

  /** Opens the events; resolves with the socket and its messages, or with the status of the refusal. */
  const listen = (protocols: string[], headers: Record<string, string> = {}) =>
    new Promise<{ status: number; socket: WebSocket; next(): Promise<unknown> }>((resolve) => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/events`, protocols, { headers });
      const arrived: unknown[] = [];
      const waiting: ((message: unknown) => void)[] = [];
      socket.on("message", (data) => {
        const message = JSON.parse(String(data));
        const taker = waiting.shift();
        if (taker) taker(message);
        else arrived.push(message);
      });
      const next = () =>
        arrived.length > 0 ? Promise.resolve(arrived.shift()) : new Promise((taker) => waiting.push(taker));
      socket.on("error", () => {});
      socket.on("unexpected-response", (_request, { statusCode = 0 }) => {
        resolve({ status: statusCode, socket, next });
        socket.terminate();
      });
      socket.on("open", () => {
        resolve({ status: 101, socket, next });
        t.teardown(() => socket.terminate());
      });
    });
  const paired = ["swipewire.v1", `swipewire.token.${TOKEN}`];
  const change = (next: SessionView) => {
    view = next;
    for (const listener of listeners) listener(next);
  };
  return { api, ask, command, refused, listen, paired, change, commands, listeners, log, port };
}

t.test("shows the session and takes commands, on 127.0.0.1", async (t) => {
  const { api, ask, command, commands } = await begin(t);
  t.match(api.url, /^http:\/\/127\.0\.0\.1:\d+$/);
  t.equal(checkView((await ask("/v1/session")).body).step, "idle");
  const reply = await command('{"do":"enter-code","code":"12345678"}');
  t.equal(reply.status, 200);
  checkView(reply.body);
  t.strictSame(commands, [{ do: "enter-code", code: "12345678" }]);
});

t.test("sends the session at once and on every change, to every listener, until it leaves", async (t) => {
  const { listen, paired, change, listeners } = await begin(t);
  const one = await listen(paired);
  const two = await listen(paired, { origin: ORIGIN });
  t.equal(one.socket.protocol, "swipewire.v1", "the token is not sent back");
  t.match(await one.next(), { step: "idle" });
  t.match(await two.next(), { step: "idle" });
  change({ step: "finding", reader: { connected: false }, gateway: true });
  t.match(await one.next(), { step: "finding" });
  t.match(await two.next(), { step: "finding" });
  one.socket.close();
  await new Promise((resolve) => one.socket.once("close", resolve));
  change({ step: "idle", reader: { connected: false }, gateway: true });
  await two.next();
  t.equal(listeners.size, 1);
});

t.test("refuses whoever has not the token", async (t) => {
  const { ask, refused, listen } = await begin(t);
  await refused(ask("/v1/session", { token: null }), 401, "local_token_wrong");
  await refused(ask("/v1/session", { token: `${TOKEN}x` }), 401, "local_token_wrong");
  await refused(ask("/v1/session", { token: TOKEN.slice(0, -1) }), 401, "local_token_wrong");
  await refused(ask("/v1/nothing", { token: null }), 401, "local_token_wrong");
  for (const protocols of [
    ["swipewire.v1"],
    [`swipewire.token.${TOKEN}`],
    ["swipewire.v1", "swipewire.token.wrong"],
    [],
  ]) {
    t.equal((await listen(protocols)).status, 401, protocols.join(" "));
  }
  t.equal(
    (await listen([], { authorization: `Bearer ${TOKEN}` })).status,
    401,
    "an events socket pairs by subprotocol",
  );
});

t.test("refuses web pages of other origins, token or not", async (t) => {
  const { ask, refused, listen, paired } = await begin(t);
  for (const origin of ["https://evil.example", "null", "https://kiosk.example.evil.example", "http://kiosk.example"]) {
    await refused(ask("/v1/session", { headers: { origin } }), 403, "local_origin_refused");
    t.equal((await listen(paired, { origin })).status, 403, origin);
  }
  const allowed = await ask("/v1/session", { headers: { origin: ORIGIN } });
  t.equal(allowed.status, 200);
  t.equal(allowed.headers["access-control-allow-origin"], ORIGIN);
});

t.test("answers the preflight of an allowed page only", async (t) => {
  const { ask } = await begin(t);
  const preflight = (origin: string) =>
    ask("/v1/session/commands", {
      method: "OPTIONS",
      token: null,
      headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": "authorization" },
    });
  const allowed = await preflight(ORIGIN);
  t.equal(allowed.status, 204);
  t.equal(allowed.headers["access-control-allow-origin"], ORIGIN);
  t.equal((await preflight("https://evil.example")).status, 403);
});

t.test("refuses a request under another host name, as DNS rebinding brings it", async (t) => {
  const { ask, refused, listen, paired, port } = await begin(t);
  for (const host of [`evil.example:${port}`, "127.0.0.1", "127.0.0.1:1", `127.0.0.1.evil.example:${port}`]) {
    await refused(ask("/v1/session", { headers: { host } }), 421, "local_host_refused");
    t.equal((await listen(paired, { host })).status, 421, host);
  }
  t.equal((await ask("/v1/session", { headers: { host: `localhost:${port}` } })).status, 200);
});

t.test("refuses malformed commands without repeating them", async (t) => {
  const { command, refused, ask, commands, log } = await begin(t);
  await refused(command('{"do":"enter-code"'), 400, "message_not_json");
  await refused(command(""), 400, "message_not_json");
  await refused(command('{"do":"confirm","surplus":1}'), 422, "message_invalid");
  await refused(command('{"do":"enter-code","code":"4111111111111111"}'), 422, "message_invalid");
  await refused(command('{"do":"swipe"}'), 422, "message_invalid");
  await refused(command('{"do":"card","pin":"yes"}'), 422, "message_invalid");
  await refused(command("do=confirm", "text/plain"), 400, "local_request_malformed");
  await refused(command(`{"do":"${"x".repeat(2000)}"}`), 400, "local_request_malformed");
  await refused(ask("/v1/session/commands", { method: "POST" }), 400, "local_request_malformed");
  await refused(command('{"do":"finish"}'), 409, "session_command_out_of_step");
  await refused(ask("/v1/elsewhere"), 404, "local_not_found");
  await refused(ask("/v1/session", { method: "DELETE" }), 404, "local_not_found");
  t.strictSame(commands, []);
  t.notMatch(log.text(), "4111111111111111");
});

t.test("refuses an address that is none in the one form too, without repeating it", async (t) => {
  const { ask, refused } = await begin(t);
  await refused(ask("/v1/%zz4111111111111111"), 400, "local_request_malformed");
  const { body } = await ask("/v1/%zz4111111111111111");
  t.notMatch(JSON.stringify(body), /4111/);
});

t.test("closes an events socket that says something", async (t) => {
  const { listen, paired } = await begin(t);
  const { socket } = await listen(paired);
  socket.send('{"do":"confirm"}');
  t.equal(await new Promise((resolve) => socket.once("close", resolve)), 1008);
});

t.test("closes its sockets when it stops, and says when its port is taken", async (t) => {
  const { api, listen, paired, port, log } = await begin(t);
  const { socket } = await listen(paired);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  const again = startLocalApi({
    session: {
      view: () => ({ step: "idle", reader: { connected: false }, gateway: false }),
      onChange: () => () => {},
      command: () => {
        throw new Error();
      },
    },
    status: () => STATUS,
    port: Number(port),
    allowedOrigins: [],
    token: TOKEN,
    logger: log.logger,
  });
  await t.rejects(again, { code: "local_api_not_listening" });
  await api.close();
  await closed;
  t.equal(socket.readyState, WebSocket.CLOSED);
});
