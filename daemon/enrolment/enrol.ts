import { EnrolmentReply, type EnrolmentRequest } from "@swipewire/protocol/messages/enrolment";
import { HttpFailure } from "@swipewire/protocol/messages/merchant-api";
import { reader } from "@swipewire/protocol/messages/parse";
import { exportJWK, generateKeyPair } from "jose";
import { EnrolmentAddressRefused, EnrolmentRefused, EnrolmentReplyInvalid, EnrolmentUnreachable } from "../errors.ts";
import { type Identity, saveIdentity } from "../state/identity.ts";
import { makeFolder } from "../state/private-file.ts";

const TIMEOUT = 15_000;
const LONGEST_REPLY = 65_536;
const readReply = reader(EnrolmentReply, LONGEST_REPLY);
const readFailure = reader(HttpFailure, LONGEST_REPLY);

/** Which gateway, and as what. */
export interface EnrolmentOptions {
  /** Its https address; http only on this machine. */
  readonly gateway: string;
  /** One-time. */
  readonly token: string;
  readonly name: string;
  readonly stateDir: string;
}

/** What the terminal is from now on. */
export interface Enrolled {
  readonly identity: Identity;
  /** The gateway's clock, RFC 3339. */
  readonly serverTime: string;
}

/**
 * Makes the terminal's key, has the gateway enrol it, and keeps the identity in `<stateDir>/identity.json`, in place of
 * any that was there.
 * @throws EnrolmentAddressRefused | EnrolmentUnreachable | EnrolmentRefused | EnrolmentReplyInvalid | StateFolderUnusable
 */
export async function enrol({ gateway, token, name, stateDir }: EnrolmentOptions): Promise<Enrolled> {
  const address = enrolmentAddress(gateway);
  // Before the token is spent: can what comes back be kept?
  await makeFolder(stateDir);

  const { privateKey } = await generateKeyPair("Ed25519", { extractable: true });
  const { x, d } = await exportJWK(privateKey);
  if (x === undefined || d === undefined) throw new TypeError("an Ed25519 key without its halves");
  const request: EnrolmentRequest = { token, name, signingKey: { kty: "OKP", crv: "Ed25519", x } };

  const { terminal, mqtt, sealingKeys, serverTime } = await post(address, request);
  const identity: Identity = { terminal, mqtt, sealingKeys, signingKey: { kty: "OKP", crv: "Ed25519", x, d } };
  await saveIdentity(stateDir, identity);
  return { identity, serverTime };
}

function enrolmentAddress(gateway: string): URL {
  const url = URL.parse("v1/terminals", gateway.endsWith("/") ? gateway : `${gateway}/`);
  const here = url?.hostname === "127.0.0.1" || url?.hostname === "localhost" || url?.hostname === "[::1]";
  if (!url || !(url.protocol === "https:" || (url.protocol === "http:" && here))) throw new EnrolmentAddressRefused();
  return url;
}

async function post(address: URL, request: EnrolmentRequest): Promise<EnrolmentReply> {
  let status: number;
  let body: Uint8Array;
  try {
    const response = await fetch(address, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify(request),
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT),
    });
    status = response.status;
    body = await bodyOf(response);
  } catch (cause) {
    if (cause instanceof EnrolmentReplyInvalid) throw cause;
    throw new EnrolmentUnreachable({ detail: address.host, cause });
  }
  if (status < 200 || status > 299) throw new EnrolmentRefused({ detail: refusalCode(body) ?? `HTTP ${status}` });
  try {
    return readReply(body);
  } catch (cause) {
    throw new EnrolmentReplyInvalid({ detail: cause instanceof Error ? cause.message : "unreadable", cause });
  }
}

/** Whoever answers, it is not let fill the memory. */
async function bodyOf({ body }: Response): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of body ?? []) {
    length += piece.length;
    if (length > LONGEST_REPLY) throw new EnrolmentReplyInvalid({ detail: `more than ${LONGEST_REPLY} bytes` });
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function refusalCode(body: Uint8Array): string | undefined {
  try {
    return readFailure(body).error.code;
  } catch {
    return undefined;
  }
}
