import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { LocalHostRefused, LocalOriginRefused, LocalTokenWrong } from "../errors.ts";

/** The WebSocket subprotocol spoken; the one that carries the token is beside it, since browsers can set no header. */
export const SUBPROTOCOL = "swipewire.v1";
const TOKEN_SUBPROTOCOL = "swipewire.token.";

const digest = (text: string) => createHash("sha256").update(text).digest();

/** Who may use the local API. */
export class LocalAccess {
  readonly #allowedOrigins: ReadonlySet<string>;
  readonly #token: Buffer;

  constructor(options: { readonly allowedOrigins: readonly string[]; readonly token: string }) {
    this.#allowedOrigins = new Set(options.allowedOrigins);
    this.#token = digest(options.token);
  }

  /**
   * Before anything else: is this daemon meant, by a page that may mean it? Under DNS rebinding a page's own host name
   * leads here, and is seen in `Host`.
   * @param port where the daemon listens
   * @throws LocalHostRefused | LocalOriginRefused
   */
  checkSource(headers: IncomingHttpHeaders, port: number): void {
    if (headers.host !== `127.0.0.1:${port}` && headers.host !== `localhost:${port}`) throw new LocalHostRefused();
    // Programs send none; browsers send one with all that a foreign page could ask for.
    if (headers.origin !== undefined && !this.#allowedOrigins.has(headers.origin)) throw new LocalOriginRefused();
  }

  /** @throws LocalTokenWrong */
  checkToken(headers: IncomingHttpHeaders): void {
    const token = headers.upgrade === undefined ? bearer(headers) : subprotocolToken(headers);
    // Digests have one length, so the comparison takes one time.
    if (!timingSafeEqual(digest(token), this.#token)) throw new LocalTokenWrong();
  }
}

function bearer({ authorization = "" }: IncomingHttpHeaders): string {
  return /^Bearer ([A-Za-z0-9_-]+)$/.exec(authorization)?.[1] ?? "";
}

function subprotocolToken(headers: IncomingHttpHeaders): string {
  const offered = (headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
  if (!offered.includes(SUBPROTOCOL)) return "";
  return offered.find((name) => name.startsWith(TOKEN_SUBPROTOCOL))?.slice(TOKEN_SUBPROTOCOL.length) ?? "";
}
