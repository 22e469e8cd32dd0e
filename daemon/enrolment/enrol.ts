import { AuthorityReply, type TerminalCertificate } from "@swipewire/protocol/messages/certificates";
import { EnrolmentReply, type EnrolmentRequest } from "@swipewire/protocol/messages/enrolment";
import { HttpFailure } from "@swipewire/protocol/messages/merchant-api";
import { reader } from "@swipewire/protocol/messages/parse";
import { exportJWK, generateKeyPair } from "jose";
import { EnrolmentAddressRefused, EnrolmentRefused, EnrolmentReplyInvalid, EnrolmentUnreachable } from "../errors.ts";
import { forgetCertificate, keepCertificate } from "../state/certificate.ts";
import { type Identity, saveIdentity } from "../state/identity.ts";
import { makeRoom } from "../state/private-file.ts";
import { flawOf } from "./certificate-flaws.ts";
import type { CertificateKey } from "./certificate-request.ts";
import type { TokenPlace } from "./token-key.ts";

const TIMEOUT = 15_000;
const LONGEST_REPLY = 65_536;
const readEnrolment = reader(EnrolmentReply, LONGEST_REPLY);
const readAuthority = reader(AuthorityReply, LONGEST_REPLY);
const readFailure = reader(HttpFailure, LONGEST_REPLY);

/** Which gateway, and as what. */
export interface EnrolmentOptions {
  /** Its https address; http only on this machine. */
  readonly gateway: string;
  /** One-time. */
  readonly token: string;
  readonly name: string;
  readonly stateDir: string;
  /** Where its key for a certificate is made, if not in a file. */
  readonly certificateKey?: TokenPlace | undefined;
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
 * @throws EnrolmentAddressRefused | EnrolmentUnreachable | EnrolmentRefused | EnrolmentReplyInvalid | StateFolderUnusable |
 * StateFileExposed | TokenKeyUnusable
 */
export async function enrol({
  gateway,
  token,
  name,
  stateDir,
  certificateKey: place,
}: EnrolmentOptions): Promise<Enrolled> {
  const address = enrolmentAddress(gateway, "v1/terminals");
  // Before the token is spent: can what comes back be kept?
  await makeRoom(stateDir);

  const { privateKey } = await generateKeyPair("Ed25519", { extractable: true });
  const { x, d } = await exportJWK(privateKey);
  if (x === undefined || d === undefined) throw new TypeError("an Ed25519 key without its halves");
  const own = await certificateKey(gateway, place);
  const request: EnrolmentRequest = {
    token,
    name,
    signingKey: { kty: "OKP", crv: "Ed25519", x },
    ...(own && { certificateRequest: own.request }),
  };

  const { terminal, mqtt, sealingKeys, serverTime, certificate } = await post(address, request);
  const identity: Identity = { terminal, mqtt, sealingKeys, signingKey: { kty: "OKP", crv: "Ed25519", x, d } };
  if (own) await keepFirst({ stateDir, terminal, certificate, key: own.key });
  else await forgetCertificate(stateDir);
  await saveIdentity(stateDir, identity);
  return { identity, serverTime };
}

/** Where the gateway's terminals need a certificate, which it says before the token is spent. */
async function certificateKey(gateway: string, place: TokenPlace | undefined): Promise<CertificateKey | undefined> {
  const { status, body } = await ask(enrolmentAddress(gateway, "v1/certificate-authority"), { method: "GET" });
  if (status === 404) return undefined;
  read(readAuthority, status, body);
  const { makeCertificateKey } = await import("./certificate-request.ts");
  return await makeCertificateKey(place);
}

interface FirstCertificate {
  readonly stateDir: string;
  readonly terminal: string;
  readonly certificate: TerminalCertificate | undefined;
  readonly key: CertificateKey["key"];
}

async function keepFirst({ stateDir, terminal, certificate, key }: FirstCertificate): Promise<void> {
  if (!certificate) throw new EnrolmentReplyInvalid({ detail: "no certificate" });
  const kept = { ...certificate, key, taken: false };
  const flaw = flawOf(kept, terminal);
  if (flaw !== undefined) throw new EnrolmentReplyInvalid({ detail: `the certificate: ${flaw}` });
  await keepCertificate(stateDir, kept);
}

function enrolmentAddress(gateway: string, path: string): URL {
  const url = URL.parse(path, gateway.endsWith("/") ? gateway : `${gateway}/`);
  const here = url?.hostname === "127.0.0.1" || url?.hostname === "localhost" || url?.hostname === "[::1]";
  if (!url || !(url.protocol === "https:" || (url.protocol === "http:" && here))) throw new EnrolmentAddressRefused();
  return url;
}

async function post(address: URL, request: EnrolmentRequest): Promise<EnrolmentReply> {
  const headers = { "content-type": "application/json" };
  const { status, body } = await ask(address, { method: "POST", headers, body: JSON.stringify(request) });
  return read(readEnrolment, status, body);
}

async function ask(address: URL, { headers, ...request }: RequestInit): Promise<{ status: number; body: Uint8Array }> {
  try {
    const response = await fetch(address, {
      ...request,
      headers: { accept: "application/json", ...headers },
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT),
    });
    return { status: response.status, body: await bodyOf(response) };
  } catch (cause) {
    if (cause instanceof EnrolmentReplyInvalid) throw cause;
    throw new EnrolmentUnreachable({ detail: address.host, cause });
  }
}

function read<Reply>(readReply: (body: Uint8Array) => Reply, status: number, body: Uint8Array): Reply {
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
