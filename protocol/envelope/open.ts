import { hexToBytes } from "@noble/hashes/utils.js";
import { flattenedVerify, importJWK } from "jose";
import type { Swipe, SwipeTrack } from "../card/swipe.ts";
import { EnvelopeMalformed, EnvelopeSignatureInvalid } from "../errors.ts";
import type { PublicJwk } from "../messages/fields.ts";
import { checker } from "../messages/parse.ts";
import { SensitiveBytes } from "../sensitive-bytes.ts";
import { SealHeader } from "./header.ts";
import type { SealContext } from "./seal.ts";

const checkHeader = checker(SealHeader);

/**
 * Hands out the payload's parts in order, each a copy. Nothing is copied before it is known that the parts are the whole
 * payload, and so can be left unwiped.
 */
function cutter(payload: Uint8Array, lengths: readonly number[]): (length: number) => Uint8Array {
  const announced = lengths.reduce((sum, length) => sum + length, 0);
  if (announced !== payload.length) {
    throw new EnvelopeMalformed({ detail: `payload of ${payload.length} bytes, ${announced} announced` });
  }
  let at = 0;
  return (length) => {
    at += length;
    return payload.slice(at - length, at);
  };
}

function cutSwipe(content: SealHeader["content"], payload: Uint8Array): Swipe {
  const blocks = content.kind === "encrypted" ? content.blocks : [];
  const numbers = [...blocks.flatMap(({ tracks }) => tracks), ...content.tracks.map(({ number }) => number)];
  // A clear track beside its ciphertext would be charged under the KSN of a reader that never saw it.
  if (new Set(numbers).size < numbers.length) throw new EnvelopeMalformed({ detail: "a track stands twice" });
  const take = cutter(
    payload,
    [...blocks, ...content.tracks].map(({ length }) => length),
  );
  const tracks = (cut: { number: 1 | 2 | 3; length: number }[]): SwipeTrack[] =>
    cut.map(({ number, length }) => ({ number, data: new SensitiveBytes(take(length)) }));
  const reader = { family: content.family, ...(content.serial === undefined ? {} : { serial: content.serial }) };
  if (content.kind === "clear") return { kind: "clear", ...reader, tracks: tracks(content.tracks) };
  return {
    kind: "encrypted",
    ...reader,
    scheme: content.scheme,
    ksn: hexToBytes(content.ksn),
    blocks: content.blocks.map(({ length, ...block }) => ({ ...block, ciphertext: take(length) })),
    hashes: content.hashes.map(({ track, sha1 }) => ({ track, sha1: hexToBytes(sha1) })),
    clearTracks: tracks(content.tracks),
  };
}

/** `<protected>..<signature>` and the payload behind it. */
function splitPlaintext(plaintext: Uint8Array): { protectedHeader: string; signature: string; payload: Uint8Array } {
  const view = new DataView(plaintext.buffer, plaintext.byteOffset, plaintext.length);
  const end = plaintext.length < 2 ? Number.POSITIVE_INFINITY : 2 + view.getUint16(0);
  if (end > plaintext.length) throw new EnvelopeMalformed({ detail: "signature cut short" });
  const [protectedHeader, empty, signature] = new TextDecoder().decode(plaintext.subarray(2, end)).split(".");
  if (!protectedHeader || empty !== "" || !signature) throw new EnvelopeMalformed({ detail: "no detached JWS" });
  return { protectedHeader, signature, payload: plaintext.subarray(end) };
}

/**
 * Opens what `sealSwipe` sealed.
 *
 * @param jwe compact, RFC 7516 3.1
 * @param decrypt opens it and gives the plaintext, which is wiped here; the gateway's key store does it
 * @param verificationKey the Ed25519 public key of the terminal that sent it
 * @returns the swipe, the caller's to wipe, and what it is bound to, which the caller must compare with what it expects
 * @throws EnvelopeUnreadable (from `decrypt`) | EnvelopeMalformed | EnvelopeSignatureInvalid
 */
export async function openSealedSwipe(
  jwe: string,
  decrypt: (jwe: string) => Promise<SensitiveBytes>,
  verificationKey: PublicJwk,
): Promise<{ context: SealContext; swipe: Swipe }> {
  using plaintext = await decrypt(jwe);
  // A view into the plaintext, good until that is wiped when this function ends.
  const { protectedHeader, signature, payload } = plaintext.use(splitPlaintext);
  const header = await verify({ protected: protectedHeader, signature, payload }, verificationKey);
  return {
    context: {
      terminal: header.kid,
      swipe: header.swipe,
      payment: header.payment,
      order: header.order,
      pin: header.pin,
      ...(header.phone === undefined ? {} : { phone: header.phone }),
      at: header.at,
    },
    swipe: cutSwipe(header.content, payload),
  };
}

async function verify(
  jws: { protected: string; signature: string; payload: Uint8Array },
  key: PublicJwk,
): Promise<SealHeader> {
  let header: unknown;
  try {
    const result = await flattenedVerify(jws, await importJWK({ ...key }, "EdDSA"), { algorithms: ["EdDSA"] });
    header = result.protectedHeader;
  } catch {
    // The library's message may quote the header; the code says enough.
    throw new EnvelopeSignatureInvalid();
  }
  try {
    return checkHeader(header);
  } catch (cause) {
    throw new EnvelopeMalformed({ detail: "header", cause });
  }
}
