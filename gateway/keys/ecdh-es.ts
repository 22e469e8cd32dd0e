import { createDecipheriv, createHash } from "node:crypto";
import { EnvelopeUnreadable } from "@swipewire/protocol/errors";
import { decodeProtectedHeader } from "jose";

// Opens a JWE whose private key is in a token. `jose` wants that key itself, so the steps around the key agreement are
// taken here, each by a primitive of the runtime: RFC 7518 4.6 and 5.3, for ECDH-ES with X25519 and A256GCM alone.

const KEY_BITS = 256;
const uint32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const ALGORITHM = Buffer.from("A256GCM");
/** RFC 7518 4.6.2: AlgorithmID, PartyUInfo, PartyVInfo and SuppPubInfo, the parties being unnamed. */
const OTHER_INFO = Buffer.concat([uint32(ALGORITHM.length), ALGORITHM, uint32(0), uint32(0), uint32(KEY_BITS)]);

/**
 * @param agree what X25519 makes of the token's private key and the sender's public one: 32 bytes, overwritten here
 * @throws EnvelopeUnreadable, and what `agree` throws
 */
export function openByAgreement(jwe: string, agree: (theirs: Uint8Array) => Uint8Array): Uint8Array {
  const [header = "", encryptedKey, iv = "", ciphertext = "", tag = "", ...more] = jwe.split(".");
  const nonce = Buffer.from(iv, "base64url");
  const seal = Buffer.from(tag, "base64url");
  if (encryptedKey !== "" || more.length > 0 || nonce.length !== 12 || seal.length !== 16)
    throw new EnvelopeUnreadable();
  const shared = agree(senderKey(jwe));
  // RFC 7748 6.1: a public key of low order makes it zero, whatever the private key is.
  if (shared.every((byte) => byte === 0)) throw new EnvelopeUnreadable();
  const key = createHash("sha256").update(uint32(1)).update(shared).update(OTHER_INFO).digest();
  shared.fill(0);
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: 16 });
    decipher.setAAD(Buffer.from(header)).setAuthTag(seal);
    const plaintext = decipher.update(Buffer.from(ciphertext, "base64url"));
    try {
      decipher.final();
    } catch {
      plaintext.fill(0);
      throw new EnvelopeUnreadable();
    }
    return plaintext;
  } finally {
    key.fill(0);
  }
}

/** 32 bytes. Everything else that a header may say is refused, as sealed swipes never say it. */
function senderKey(jwe: string): Uint8Array {
  let header: Record<string, unknown>;
  try {
    header = decodeProtectedHeader(jwe);
  } catch {
    throw new EnvelopeUnreadable();
  }
  const { alg, enc, epk, kid: _kid, ...rest } = header;
  const { kty, crv, x } = (epk ?? {}) as Record<string, unknown>;
  if (alg !== "ECDH-ES" || enc !== "A256GCM" || Object.keys(rest).length > 0) throw new EnvelopeUnreadable();
  if (kty !== "OKP" || crv !== "X25519" || typeof x !== "string" || x.length !== 43) throw new EnvelopeUnreadable();
  return Buffer.from(x, "base64url");
}
