import { sha1 } from "@noble/hashes/legacy.js";
import { carriesLrc, lrcByStartSentinel } from "../card/lrc.ts";
import type { EncryptedSwipe, Swipe, SwipeTrack } from "../card/swipe.ts";
import { isPrivateLayout, parseTrack } from "../card/track.ts";
import { ReaderDecryptionFailed, ReaderHashMismatch } from "../errors.ts";
import { SensitiveBytes } from "../sensitive-bytes.ts";
import { HASH_LENGTH } from "./idtech-layout.ts";
import type { EncryptedBlock, ReaderEncryptionScheme, TrackNumber } from "./reader-frame.ts";

/** Opens ciphertext, whole 8-byte blocks, under the key that the 10-byte KSN derives; the clear text keeps its padding. */
export type ReaderDecryption = (
  scheme: ReaderEncryptionScheme,
  ksn: Uint8Array,
  ciphertext: Uint8Array,
) => SensitiveBytes;

/**
 * The tracks of a swipe, in order, clear; without a track 3 of a private layout. They are the caller's to wipe; the swipe stays as it is. When this throws,
 * whatever was opened is wiped.
 *
 * @throws ReaderDecryptionFailed when what comes out is no track, as under a wrong key
 * @throws ReaderHashMismatch
 * @throws whatever `decrypt` throws
 */
export function openSwipe(swipe: Swipe, decrypt: ReaderDecryption): readonly SwipeTrack[] {
  const tracks: SwipeTrack[] = [];
  const copy = ({ number, data }: SwipeTrack) => tracks.push({ number, data: data.use(SensitiveBytes.copyOf) });
  try {
    if (swipe.kind === "clear") swipe.tracks.forEach(copy);
    else {
      swipe.clearTracks.forEach(copy);
      for (const block of swipe.blocks) openBlock(swipe, block, decrypt, tracks);
    }
  } catch (failure) {
    for (const { data } of tracks) data.wipe();
    throw failure;
  }
  return tracks.sort((a, b) => a.number - b.number);
}

function openBlock(swipe: EncryptedSwipe, block: EncryptedBlock, decrypt: ReaderDecryption, into: SwipeTrack[]): void {
  const { tracks, lengths, ciphertext } = block;
  const total = lengths.reduce((sum, length) => sum + length, 0);
  if (tracks.length !== lengths.length || total > ciphertext.length || ciphertext.length % 8 !== 0) {
    throw new ReaderDecryptionFailed({ detail: `${ciphertext.length} bytes of ciphertext for ${total}` });
  }
  using clear = decrypt(swipe.scheme, swipe.ksn, ciphertext);
  clear.use((bytes) => {
    if (bytes.length !== ciphertext.length || bytes.subarray(total).some((byte) => byte !== 0)) {
      throw new ReaderDecryptionFailed({ detail: `tracks ${tracks.join(", ")}: padding` });
    }
    let at = 0;
    for (const [n, number] of tracks.entries()) {
      const end = at + (lengths[n] ?? 0);
      const track = trackOf(swipe, number, bytes.subarray(at, end));
      if (track) into.push({ number, data: SensitiveBytes.copyOf(track) });
      at = end;
    }
  });
}

/**
 * @param sent a track as the reader encrypted it, with its LRC character or without
 * @returns undefined for one of a private layout
 */
function trackOf(swipe: EncryptedSwipe, number: TrackNumber, sent: Uint8Array): Uint8Array | undefined {
  const withLrc = carriesLrc(sent);
  const track = withLrc ? sent.subarray(0, -1) : sent;
  try {
    parseTrack(number, track);
  } catch (cause) {
    // No wrong key gives characters that are right.
    if (isPrivateLayout(number, cause)) return undefined;
    throw new ReaderDecryptionFailed({ detail: `track ${number}`, cause });
  }
  if (withLrc && sent.at(-1) !== lrcByStartSentinel(track)) {
    throw new ReaderDecryptionFailed({ detail: `track ${number}: LRC` });
  }
  const expected = swipe.hashes.find((hash) => hash.track === number)?.sha1;
  if (expected && (expected.length !== HASH_LENGTH || !sha1(sent).every((byte, n) => byte === expected[n]))) {
    throw new ReaderHashMismatch({ detail: `track ${number}` });
  }
  return track;
}
