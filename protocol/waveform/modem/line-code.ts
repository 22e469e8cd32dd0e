/** How bits look on the line: each is a symbol 0 or 1. */
export interface LineCode {
  /** Whether a symbol is a bit as it is, or tells that the bit is another than the one before. */
  readonly symbol: "bit" | "change";
  /** Of a symbol 0 and a 1, over a bit from 0 to 1, where the line stands upright. Full scale is 1. */
  readonly shapes: readonly [(at: number) => number, (at: number) => number];
  /** Whether the line stands the other way round behind a symbol 0 and a 1: 1 as before, -1 upside down. */
  readonly turns: readonly [1 | -1, 1 | -1];
  /** Mean square of each shape's slope over its mean square: how sharply its timing can be told. */
  readonly sharpness: readonly [number, number];
  /** What of the spectrum is worth hearing, in cycles a bit. */
  readonly band: readonly [number, number];
}

/**
 * Fast frequency shift keying with the tones of MPT 1327: a symbol 0 is two half waves, a 1 is three, and the wave goes on
 * where it was. The tones are as near as orthogonal ones can be (MSK), so neither the hum below nor the converter's limit
 * above costs much; and since a bit begins and ends where the wave crosses zero, a timer and a pin can send and read it.
 * Bits are told by change since the likeliest mistake is how the line stands between two symbols: that is one wrong bit.
 */
export const ffsk: LineCode = {
  symbol: "change",
  shapes: [(at) => Math.sin(2 * Math.PI * at), (at) => Math.sin(3 * Math.PI * at)],
  turns: [1, -1],
  sharpness: [(2 * Math.PI) ** 2, (3 * Math.PI) ** 2],
  band: [0.4, 2.2],
};
