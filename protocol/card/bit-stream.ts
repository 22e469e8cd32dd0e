import { TrackCharacter, TrackLrc, TrackParity, TrackSentinel, TrackTooLong } from "../errors.ts";
import type { TrackNumber } from "../readers/reader-frame.ts";
import { END_SENTINEL, isInAlphabet, trackFormats } from "./alphabets.ts";
import { lrcOf } from "./lrc.ts";

/**
 * A track as it lies on the stripe: each character least significant bit first, then a bit that makes its ones odd; the
 * LRC character last (ISO/IEC 7811-6, 10 and 11). Clocking zeros are not part of it.
 *
 * @param characters ASCII, start to end sentinel, without LRC
 * @returns one bit an element, 0 or 1
 * @throws TrackCharacter
 */
export function encodeBitStream(track: TrackNumber, characters: Uint8Array): Uint8Array {
  const { alphabet } = trackFormats[track];
  const bits = new Uint8Array((characters.length + 1) * (alphabet.dataBits + 1));
  let at = 0;
  for (const [offset, character] of [...characters, lrcOf(alphabet, characters)].entries()) {
    if (!isInAlphabet(alphabet, character)) throw new TrackCharacter({ detail: `track ${track}, offset ${offset}` });
    let parity = 1;
    for (let bit = 0; bit < alphabet.dataBits; bit++) {
      const value = ((character - alphabet.base) >> bit) & 1;
      parity ^= value;
      bits[at++] = value;
    }
    bits[at++] = parity;
  }
  return bits;
}

/**
 * Reads a track off the stripe's bits; clocking zeros before and after are skipped.
 *
 * @param bits one bit an element, 0 or 1
 * @returns ASCII, start to end sentinel, without LRC; the caller's to wipe
 * @throws TrackSentinel | TrackParity | TrackLrc | TrackTooLong
 */
export function decodeBitStream(track: TrackNumber, bits: Uint8Array): Uint8Array {
  const { alphabet, maxLength, startSentinel } = trackFormats[track];
  const cell = alphabet.dataBits + 1;
  // Both start sentinels begin with a one, so the first one is where the characters begin.
  const start = bits.indexOf(1);
  if (start < 0) throw new TrackSentinel({ detail: `track ${track}, no bits but clocking zeros` });

  const characters = new Uint8Array(maxLength);
  const fail = (failure: Error): never => {
    characters.fill(0);
    throw failure;
  };
  for (let offset = 0; offset < maxLength; offset++) {
    const at = start + offset * cell;
    if (at + cell > bits.length) fail(new TrackSentinel({ detail: `track ${track}, no end sentinel` }));
    let data = 0;
    let ones = 0;
    for (let bit = 0; bit < cell; bit++) {
      const value = bits[at + bit] === 1 ? 1 : 0;
      ones += value;
      if (bit < alphabet.dataBits) data |= value << bit;
    }
    if (ones % 2 === 0) fail(new TrackParity({ detail: `track ${track}, offset ${offset}` }));
    characters[offset] = alphabet.base + data;

    if (offset === 0 && characters[0] !== startSentinel) {
      fail(new TrackSentinel({ detail: `track ${track}, no start sentinel` }));
    }
    if (offset > 1 && characters[offset - 1] === END_SENTINEL) {
      const body = characters.slice(0, offset);
      if (lrcOf(alphabet, body) !== characters[offset]) {
        body.fill(0);
        fail(new TrackLrc({ detail: `track ${track}` }));
      }
      characters.fill(0);
      return body;
    }
  }
  return fail(new TrackTooLong({ detail: `track ${track}, no LRC within ${maxLength} characters` }));
}
