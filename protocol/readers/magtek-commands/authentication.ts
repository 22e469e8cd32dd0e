import { decryptEcb, encryptEcb, type TdesKey, tdesKey } from "../../crypto/tdes.ts";
import { KeyLength, ReaderChallengeFailed } from "../../errors.ts";
import { exactly } from "./message.ts";

/*
 * Authenticated mode, MagTek D99875475-10: reader and host prove to each other that they hold the current DUKPT key. The
 * reader's challenges are encrypted under a variant of that key's PIN variant, the host's replies under another.
 *
 * `key` is the PIN variant of the current key, 16 bytes, and stays the caller's to wipe.
 */

const CHALLENGE_VARIANT = 0xf0;
const REPLY_VARIANT = 0x3c;
const CHALLENGE_LENGTH = 8;

function variantKey(key: Uint8Array, variant: number): TdesKey {
  if (key.length !== 16) throw new KeyLength({ detail: `${key.length} bytes` });
  const bytes = key.map((byte) => byte ^ variant);
  try {
    return tdesKey(bytes);
  } finally {
    bytes.fill(0);
  }
}

/**
 * The reader's side: a challenge as it travels.
 * @param key 16 bytes, the PIN variant of the reader's current DUKPT key
 * @param challenge 8 bytes
 * @returns 8 bytes
 * @throws KeyLength | ReaderCommandMalformed
 */
export const encryptChallenge = (key: Uint8Array, challenge: Uint8Array): Uint8Array =>
  encryptEcb(variantKey(key, CHALLENGE_VARIANT), exactly(CHALLENGE_LENGTH, challenge));

/** What {@link encryptChallenge} encrypted: 8 bytes to 8 bytes. @throws KeyLength | ReaderCommandMalformed */
export const decryptChallenge = (key: Uint8Array, challenge: Uint8Array): Uint8Array =>
  decryptEcb(variantKey(key, CHALLENGE_VARIANT), exactly(CHALLENGE_LENGTH, challenge));

/** Of a reply: the beginning of the clear challenge that it repeats, and what the host tells in the bytes behind it. */
function replyTo(key: Uint8Array, challenge: Uint8Array, told: readonly number[]): Uint8Array {
  const clear = decryptChallenge(key, challenge);
  clear.set(told, CHALLENGE_LENGTH - told.length);
  try {
    return encryptEcb(variantKey(key, REPLY_VARIANT), clear);
  } finally {
    clear.fill(0);
  }
}

/** What a reply tells. @throws ReaderChallengeFailed when it does not repeat the challenge */
function toldIn(key: Uint8Array, challenge: Uint8Array, reply: Uint8Array, length: number): Uint8Array {
  const clear = decryptEcb(variantKey(key, REPLY_VARIANT), exactly(CHALLENGE_LENGTH, reply));
  const repeated = CHALLENGE_LENGTH - length;
  const difference = clear.subarray(0, repeated).reduce((sum, byte, n) => sum | (byte ^ (challenge[n] ?? 0)), 0);
  const told = clear.slice(repeated);
  clear.fill(0);
  if (difference !== 0) throw new ReaderChallengeFailed();
  return told;
}

/**
 * What enters authenticated mode: six bytes of challenge 1, then how long the reader may wait for a swipe.
 * @param key 16 bytes, the PIN variant of the reader's current DUKPT key
 * @param challenge1 8 bytes, as the reader sent them
 * @param swipeWithin seconds, 0 to 65535
 * @returns 8 bytes
 * @throws KeyLength | ReaderCommandMalformed
 */
export const activationReply = (key: Uint8Array, challenge1: Uint8Array, swipeWithin: number): Uint8Array =>
  replyTo(key, challenge1, [(swipeWithin >> 8) & 0xff, swipeWithin & 0xff]);

/**
 * The reader's side of {@link activationReply}.
 * @param key 16 bytes, as there
 * @param challenge1 8 bytes, clear, as the reader made them
 * @param reply 8 bytes
 * @returns the seconds that the host grants for a swipe
 * @throws ReaderChallengeFailed | KeyLength | ReaderCommandMalformed
 */
export function readActivationReply(key: Uint8Array, challenge1: Uint8Array, reply: Uint8Array): number {
  const [high = 0, low = 0] = toldIn(key, challenge1, reply, 2);
  return (high << 8) | low;
}

/**
 * What leaves authenticated mode: seven bytes of challenge 2, then whether the reader goes on to its next key.
 * @param key 16 bytes, the PIN variant of the reader's current DUKPT key
 * @param challenge2 8 bytes, as the reader sent them
 * @returns 8 bytes
 * @throws KeyLength | ReaderCommandMalformed
 */
export const deactivationReply = (key: Uint8Array, challenge2: Uint8Array, nextKey: boolean): Uint8Array =>
  replyTo(key, challenge2, [nextKey ? 1 : 0]);

/**
 * The reader's side of {@link deactivationReply}.
 * @param key 16 bytes, as there
 * @param challenge2 8 bytes, clear, as the reader made them
 * @param reply 8 bytes
 * @returns whether it goes on to its next key
 * @throws ReaderChallengeFailed | KeyLength | ReaderCommandMalformed
 */
export const readDeactivationReply = (key: Uint8Array, challenge2: Uint8Array, reply: Uint8Array): boolean =>
  toldIn(key, challenge2, reply, 1)[0] === 1;
