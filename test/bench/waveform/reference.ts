import type { TrackNumber } from "@swipewire/protocol/readers/reader-frame";
import { SNR_STEPS } from "./conditions.ts";
import { asColumns, halfPoint, percent, rateOf, type Tally } from "./report.ts";

/**
 * What a native decoder for the same task, measured on 69 conditions of its own with 50 swipes each, reads of track 2 without
 * exception. Names are those of our conditions.
 */
const READ_ALWAYS: readonly { readonly claim: string; readonly conditions: readonly string[] }[] = [
  { claim: "noise down to 0 dB", conditions: SNR_STEPS.filter((snr) => snr >= 0).map((snr) => `noise: ${snr} dB`) },
  { claim: "jitter to 9 % of half a bit", conditions: [3, 5, 7, 9].map((share) => `jitter: ${share} %`) },
  { claim: "clipped 8 times", conditions: ["clipping: 8 times"] },
  {
    claim: "hum as high as the signal",
    conditions: ["hum: 1 of the peak, 50 Hz", "hum: 1 of the peak, 60 Hz, many harmonics"],
  },
  { claim: "speed changing 7 to 1", conditions: ["speed change: 7 times", "speed change: 1/7 times"] },
  { claim: "16 and 8 kHz", conditions: ["sample rate: 16 kHz", "sample rate: 8 kHz"] },
  { claim: "5 to 150 cm/s", conditions: [5, 8, 15, 50, 80, 110, 150].map((speed) => `speed: ${speed} cm/s`) },
];
const HARSH = "at once: harsh mix";
const SHARES: Readonly<Partial<Record<TrackNumber, { all: number; harsh: number; half: number }>>> = {
  2: { all: 0.974, harsh: 0.45, half: -3.8 },
  1: { all: 0.917, harsh: 0.2, half: 1.3 },
};

const nameOf = ({ condition }: Tally) => `${condition.group}: ${condition.name}`;

/** Our rates beside the reference's; a line is left out where not all of its conditions were tried. */
export function besideReference(tallies: readonly Tally[], isWholeGrid: boolean): string {
  const lines: string[][] = [];
  const add = (what: string, reference: string, here: string, isAsGood: boolean) =>
    lines.push([what, reference, here, isAsGood ? "holds" : "falls short"]);
  for (const { claim, conditions } of READ_ALWAYS) {
    const of = tallies.filter((tally) => tally.track === 2 && conditions.includes(nameOf(tally)));
    if (of.length < conditions.length) continue;
    const outcomes = of.flatMap((tally) => tally.outcomes);
    const read = outcomes.filter(({ right }) => right).length;
    add(`track 2, ${claim}`, "100.0 %", `${read} of ${outcomes.length}`, read === outcomes.length);
  }
  for (const track of [2, 1] as const) {
    const shares = SHARES[track];
    const of = tallies.filter((tally) => tally.track === track);
    if (!shares || of.length === 0) continue;
    const rate = rateOf(of.flatMap(({ outcomes }) => outcomes));
    if (isWholeGrid) add(`track ${track}, all conditions`, percent(shares.all), percent(rate), rate >= shares.all);
    const harsh = of.filter((tally) => nameOf(tally) === HARSH).flatMap(({ outcomes }) => outcomes);
    if (harsh.length > 0) {
      add(`track ${track}, harsh mix`, percent(shares.harsh), percent(rateOf(harsh)), rateOf(harsh) >= shares.harsh);
    }
    const half = halfPoint(of);
    if (!Number.isNaN(half)) {
      add(`track ${track}, half are read at`, `${shares.half} dB`, `${half.toFixed(1)} dB`, half <= shares.half);
    }
  }
  return lines.length === 0 ? "" : asColumns([["beside the reference", "it", "here", ""], ...lines]);
}
