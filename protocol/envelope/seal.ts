import { bytesToHex } from "@noble/hashes/utils.js";
import { CompactEncrypt, type CryptoKey, FlattenedSign, importJWK } from "jose";
import type { Swipe, SwipeTrack } from "../card/swipe.ts";
import type { PublicJwk } from "../messages/fields.ts";
import type { Instant } from "../time.ts";
import type { SealHeader } from "./header.ts";

/** What a sealed swipe is bound to. */
export interface SealContext {
  /** UUID of the terminal whose key signs. */
  readonly terminal: string;
  /** UUID of this swipe; a gateway takes it once. */
  readonly swipe: string;
  /** UUID of the payment it is for. */
  readonly payment: string;
  /** UUID of the order that is paid. */
  readonly order: string;
  /** Has the card a PIN? */
  readonly pin: boolean;
  /** E.164: where to ask for the PIN. */
  readonly phone?: string;
  /** When it was sealed. */
  readonly at: Instant;
}

const cut = (tracks: readonly SwipeTrack[]) => tracks.map(({ number, data }) => ({ number, length: data.length }));

function content(swipe: Swipe): SealHeader["content"] {
  const reader = { family: swipe.family, ...(swipe.serial === undefined ? {} : { serial: swipe.serial }) };
  if (swipe.kind === "clear") return { kind: "clear", ...reader, tracks: cut(swipe.tracks) };
  return {
    kind: "encrypted",
    ...reader,
    scheme: swipe.scheme,
    ksn: bytesToHex(swipe.ksn),
    blocks: swipe.blocks.map(({ tracks, lengths, ciphertext }) => ({
      tracks: [...tracks],
      lengths: [...lengths],
      length: ciphertext.length,
    })),
    hashes: swipe.hashes.map(({ track, sha1 }) => ({ track, sha1: bytesToHex(sha1) })),
    tracks: cut(swipe.clearTracks),
  };
}

/** Ciphertext first, then clear tracks, each in the header's order. */
function payload(swipe: Swipe): Uint8Array {
  const blocks = swipe.kind === "encrypted" ? swipe.blocks.map((block) => block.ciphertext) : [];
  const tracks = swipe.kind === "encrypted" ? swipe.clearTracks : swipe.tracks;
  const length = [...blocks, ...tracks.map(({ data }) => data)].reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const block of blocks) {
    bytes.set(block, at);
    at += block.length;
  }
  for (const { data } of tracks) {
    data.use((track) => bytes.set(track, at));
    at += data.length;
  }
  return bytes;
}

/**
 * Seals a swipe for the gateway: signed by the terminal (EdDSA, detached and unencoded payload, RFC 7797), then
 * encrypted to the gateway (ECDH-ES with X25519, A256GCM). The plaintext is the length of the detached JWS in two bytes,
 * the JWS, and the payload's bytes. The swipe stays the caller's to wipe; the copies made here are overwritten.
 *
 * @param signingKey the terminal's Ed25519 private key
 * @param recipient the gateway's X25519 public key, with its `kid`
 * @returns a compact JWE, RFC 7516 3.1
 * @example
 * const sealed = await sealSwipe(swipe, { terminal, swipe: id, payment, order, pin: false, at: clock.now() }, signingKey, sealingKeys[0]);
 */
export async function sealSwipe(
  swipe: Swipe,
  context: SealContext,
  signingKey: CryptoKey,
  recipient: PublicJwk,
): Promise<string> {
  const header: SealHeader = {
    alg: "EdDSA",
    b64: false,
    crit: ["b64"],
    typ: "swipewire-swipe+1",
    kid: context.terminal,
    swipe: context.swipe,
    payment: context.payment,
    order: context.order,
    pin: context.pin,
    ...(context.phone === undefined ? {} : { phone: context.phone }),
    at: context.at,
    content: content(swipe),
  };
  const bytes = payload(swipe);
  let plaintext = new Uint8Array();
  try {
    const jws = await new FlattenedSign(bytes).setProtectedHeader(header).sign(signingKey);
    const detached = new TextEncoder().encode(`${jws.protected}..${jws.signature}`);
    plaintext = new Uint8Array(2 + detached.length + bytes.length);
    new DataView(plaintext.buffer).setUint16(0, detached.length);
    plaintext.set(detached, 2);
    plaintext.set(bytes, 2 + detached.length);
    return await new CompactEncrypt(plaintext)
      .setProtectedHeader({
        alg: "ECDH-ES",
        enc: "A256GCM",
        ...(recipient.kid === undefined ? {} : { kid: recipient.kid }),
      })
      .encrypt(await importJWK({ ...recipient }, "ECDH-ES"));
  } finally {
    bytes.fill(0);
    plaintext.fill(0);
  }
}
