import { encodeBitStream } from "@swipewire/protocol/card/bit-stream";
import type { TrackNumber } from "@swipewire/protocol/readers/reader-frame";
import type { Dice } from "./dice.ts";

/** ISO/IEC 7810: the length of a card, in mm. */
export const STRIPE_LENGTH = 85.6;

/** ISO/IEC 7811-6, 8: where the start sentinel begins, from the card's edge. */
const FIRST_BIT_AT = 7.44;

/** ISO/IEC 7811-6: 210, 75 and 210 bits an inch, as the length of a bit in mm. */
export const BIT_LENGTH: Readonly<Record<TrackNumber, number>> = { 1: 25.4 / 210, 2: 25.4 / 75, 3: 25.4 / 210 };

export interface StripeFlaws {
  /** Standard deviation of a flux change's place, as a share of half a bit. */
  readonly jitter?: number;
  /** How far flux changes of one polarity lie from their place, as a share of half a bit. */
  readonly asymmetry?: number;
  /** Worn places: how many, how long in mm, and what share of the field they lack. */
  readonly dropouts?: { readonly count: number; readonly length: number; readonly depth: number };
  /** The LRC character is another one, of right parity. */
  readonly wrongLrc?: boolean;
}

/** Bits of a character with its parity: ISO/IEC 7811-6, 10 to 12. */
const BITS: Readonly<Record<TrackNumber, number>> = { 1: 7, 2: 5, 3: 5 };

/** Where so many characters of a track end, in mm from the card's edge. */
export const endOfCharacters = (track: TrackNumber, count: number): number =>
  FIRST_BIT_AT + count * BITS[track] * BIT_LENGTH[track];

/** Flux changes in the order of their places; their polarity alternates. */
export interface Stripe {
  /** In mm from the edge where the track begins. */
  readonly places: Float64Array;
  /** Signed; 1 where nothing is worn. */
  readonly strengths: Float64Array;
}

/**
 * A track as magnetised: clocking zeros from edge to edge around the characters, a flux change at each end of a bit and
 * one in the middle of each 1 (ISO/IEC 7811-6, 7).
 */
export function stripeOf(track: TrackNumber, characters: Uint8Array, flaws: StripeFlaws, dice: Dice): Stripe {
  const length = BIT_LENGTH[track];
  const bits = encodeBitStream(track, characters);
  if (flaws.wrongLrc) for (const at of [bits.length - BITS[track], bits.length - 1]) bits[at] = 1 - (bits[at] ?? 0);
  const leading = Math.floor(FIRST_BIT_AT / length);
  const cells = Math.floor(STRIPE_LENGTH / length);
  const places: number[] = [];
  for (let cell = 0; cell < cells; cell++) {
    const at = FIRST_BIT_AT + (cell - leading) * length;
    places.push(at);
    if (bits[cell - leading] === 1) places.push(at + length / 2);
  }
  bits.fill(0);

  const { jitter = 0, asymmetry = 0, dropouts } = flaws;
  const sign = dice.uniform() < 0.5 ? 1 : -1;
  const strengths = places.map((_, i) => (i % 2 === 0 ? sign : -sign));
  const moved = places.map((at, i) => {
    const shift = jitter * dice.gauss() + asymmetry * (i % 2 === 0 ? 0.5 : -0.5);
    return at + (shift * length) / 2;
  });
  // Two flux changes cannot pass each other.
  for (let i = 1; i < moved.length; i++) {
    moved[i] = Math.max(moved[i] ?? 0, (moved[i - 1] ?? 0) + length / 20);
  }
  for (let n = 0; dropouts && n < dropouts.count; n++) {
    const middle = dice.between(FIRST_BIT_AT, STRIPE_LENGTH - FIRST_BIT_AT);
    moved.forEach((at, i) => {
      const inside = Math.abs(at - middle) / (dropouts.length / 2);
      if (inside < 1) {
        strengths[i] = (strengths[i] ?? 0) * (1 - dropouts.depth * Math.cos((inside * Math.PI) / 2) ** 2);
      }
    });
  }
  return { places: Float64Array.from(moved), strengths: Float64Array.from(strengths) };
}
