import { ffsk, type LineCode } from "@swipewire/protocol/waveform/modem/line-code";

/** One period for a 0, two for a 1: the tones of the Kansas City standard and of F2F. */
const fsk: LineCode = {
  symbol: "bit",
  shapes: [(at) => Math.sin(2 * Math.PI * at), (at) => Math.sin(4 * Math.PI * at)],
  turns: [1, 1],
  sharpness: [(2 * Math.PI) ** 2, (4 * Math.PI) ** 2],
  band: [0.4, 2.8],
};

/** One period, upside down for a 1: what a band-limited line leaves of square half bits. */
const manchester: LineCode = {
  symbol: "bit",
  shapes: [(at) => Math.sin(2 * Math.PI * at), (at) => -Math.sin(2 * Math.PI * at)],
  turns: [1, 1],
  sharpness: [(2 * Math.PI) ** 2, (2 * Math.PI) ** 2],
  band: [0.2, 2.2],
};

/** What was measured to choose from. Each is heard by the same receiver. */
export const lineCodes = { FFSK: ffsk, "FSK 1:2": fsk, Manchester: manchester } as const;
