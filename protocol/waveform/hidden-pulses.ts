/** Of the noise, and shares of the pulses around, that a pulse is above; a cut one may be a stump. */
const SURE = 4;
const SMALLEST = 0.25;
const SMALLEST_CUT = 0.2;
const AROUND = 4;
/** What counts as a pulse's top, as a share of its height. */
const TOP = 0.9;
/** Pulses as even as zeros that set the clock, and how even they are. */
const SETTING = 8;
const EVEN = 0.2;
/** How fast the clock follows the hand. */
const FOLLOW = 0.3;
/** In bits: farther from its place nothing is believed to be a pulse of the track. */
const OFF = 0.24;
/** Runs of fewer pulses are chance. */
const SHORTEST_RUN = 20;
const NOISE_SECONDS = 0.01;

interface Pulse {
  readonly at: number;
  /** Signed. */
  readonly height: number;
  readonly width: number;
}

/** Between two that are seen. */
interface Hidden extends Pulse {
  readonly from: number;
  readonly to: number;
}

/**
 * What lies between two pulses that are seen, by how many half bits they are apart: the hidden ones between them, in half bits
 * from the first. One is hidden between two of one polarity, none or two between others. Only four half bits with two hidden
 * ones may be either 10 or 01.
 */
type Between = Readonly<Record<number, readonly number[]>>;
const BETWEEN: Readonly<Record<"edge" | "middle", { readonly alike: Between; readonly unlike: Between }>> = {
  edge: {
    alike: { 2: [1], 3: [2], 4: [2] },
    unlike: { 1: [], 2: [], 3: [1, 2], 4: [], 5: [2, 4], 6: [2, 4] },
  },
  middle: {
    alike: { 2: [1], 3: [1] },
    unlike: { 1: [], 3: [1, 2], 4: [1, 3], 5: [1, 3] },
  },
};

/**
 * Flux changes alternate: between two pulses of one polarity there was one of the other. Where hum drives the line into a
 * rail and hides it, the distance of the two and the clock still tell where it was, and a pulse like them is put there.
 * @param signal without hum, in place; zero where the hum hides pulses
 * @param cut as `Cut` says it: what is put in goes there alone
 * @param sampleRate Hz
 */
export function restoreHiddenPulses(signal: Float64Array, cut: Int8Array, sampleRate: number): void {
  const pulses = pulsesOf(signal, cut, noiseOf(signal, cut, Math.round(NOISE_SECONDS * sampleRate)));
  const places: Hidden[] = [];
  for (const seen of [pulses, pulses.toReversed()]) {
    for (const hidden of hiddenAmong(seen)) {
      if (!places.some(({ at, width }) => Math.abs(at - hidden.at) < width / 2)) places.push(hidden);
    }
  }
  for (const { at, height, width, from, to } of places) {
    for (let n = Math.ceil(from); n < to; n++) {
      if (Math.sign(cut[n] as number) !== Math.sign(height)) continue;
      signal[n] = (signal[n] as number) + height / (1 + ((2 * (n - at)) / width) ** 2);
    }
  }
}

/** Root mean square beside the card. */
function noiseOf(signal: Float64Array, cut: Int8Array, stretch: number): number {
  const powers: number[] = [];
  for (let at = 0; at + stretch <= signal.length; at += stretch) {
    let sum = 0;
    let count = 0;
    for (let n = at; n < at + stretch; n++) {
      if (cut[n] !== 0) continue;
      sum += (signal[n] as number) ** 2;
      count++;
    }
    if (count > stretch / 10) powers.push(sum / count);
  }
  powers.sort((a, b) => a - b);
  return Math.sqrt(powers[Math.floor(powers.length / 8)] ?? 0);
}

/** What is left of hum is next to nothing, so that a pulse is what lies on one side of zero. */
function pulsesOf(signal: Float64Array, cut: Int8Array, noise: number): Pulse[] {
  const pulses: (Pulse & { readonly isCut: boolean })[] = [];
  for (let n = 0; n < signal.length; n++) {
    const sign = Math.sign(signal[n] as number);
    if (Math.abs(signal[n] as number) <= SURE * noise) continue;
    const start = n;
    let height = 0;
    for (; n < signal.length && sign * (signal[n] as number) > 0; n++) {
      height = Math.max(height, sign * (signal[n] as number));
    }
    let from = n;
    let to = start;
    let width = 0;
    for (let k = start; k < n; k++) {
      const value = sign * (signal[k] as number);
      if (value > height / 2) width++;
      if (value <= TOP * height) continue;
      from = Math.min(from, k);
      to = k;
    }
    // The flank of one whose top the rail hides.
    const reach = Math.max(2, width >> 1);
    const isFlank = cut.subarray(Math.max(0, from - reach), to + reach + 1).includes(2 * sign);
    const at = (from + to) / 2;
    if (!isFlank) pulses.push({ at, height: sign * height, width, isCut: cut[Math.round(at)] !== 0 });
  }
  return pulses.filter(({ height, isCut }, n) => {
    const around = pulses.slice(Math.max(0, n - AROUND), n + AROUND + 1).map((other) => Math.abs(other.height));
    return Math.abs(height) > (isCut ? SMALLEST_CUT : SMALLEST) * Math.max(...around);
  });
}

/** Follows the clock along pulses, given in either direction of time. */
function hiddenAmong(seen: readonly Pulse[]): Hidden[] {
  const hidden: Hidden[] = [];
  const isAlike = (n: number) => (seen[n] as Pulse).height > 0 === (seen[n + 1] as Pulse).height > 0;
  const away = (n: number) => (seen[n + 1] as Pulse).at - (seen[n] as Pulse).at;
  const zeroOf = (n: number) => Math.abs(away(n)) / (isAlike(n) ? 2 : 1);
  for (let first = 0; first + SETTING < seen.length; ) {
    const zeros = Array.from({ length: SETTING }, (_, k) => zeroOf(first + k));
    let clock = zeros.reduce((sum, zero) => sum + zero, 0) / SETTING;
    if (zeros.some((zero) => Math.abs(zero - clock) > EVEN * clock)) {
      first++;
      continue;
    }
    const found: Hidden[] = [];
    let where: "edge" | "middle" = "edge";
    let n = first;
    for (; n + 1 < seen.length; n++) {
      const bits = Math.abs(away(n)) / clock;
      const halves = Math.round(2 * bits);
      const between = BETWEEN[where][isAlike(n) ? "alike" : "unlike"][halves];
      if (!between || Math.abs(bits - halves / 2) > OFF) break;
      const [from, to] = [seen[n], seen[n + 1]] as [Pulse, Pulse];
      for (const [k, half] of between.entries()) {
        const height = (Math.abs(from.height) + Math.abs(to.height)) / 2;
        const sign = Math.sign(from.height) * (k % 2 === 0 ? -1 : 1);
        const at = from.at + (away(n) * half) / halves;
        found.push({
          at,
          height: sign * height,
          width: (from.width + to.width) / 2,
          from: Math.min(from.at, to.at),
          to: Math.max(from.at, to.at),
        });
      }
      if (halves % 2 === 1) where = where === "edge" ? "middle" : "edge";
      clock += FOLLOW * Math.min(1, halves / 2) * ((2 * Math.abs(away(n))) / halves - clock);
    }
    if (n - first >= SHORTEST_RUN) hidden.push(...found);
    first = Math.max(first + 1, n);
  }
  return hidden;
}
