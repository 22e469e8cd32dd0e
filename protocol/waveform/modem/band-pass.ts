/** Samples of a bit behind the filter, whatever the rate before it. */
export const STEPS = 8;

/** How far the filter reaches to either side, in bits. */
const REACH = 5;
/** Kaiser's: 53 dB down beyond 0.3 cycles a bit from the edges. */
const BETA = 4.8;
/** Places within a sample at which the filter is tabulated, as a share of a bit: its timing is that exact. */
const FINEST = 512;

/**
 * Takes the samples of any rate to {@link STEPS} for each bit, and leaves the rest of the spectrum out: hum, the power tone,
 * noise. Linear in phase.
 */
export class BandPass {
  /** Input samples from one output to the next. */
  readonly #stride: number;
  readonly #phases: number;
  readonly #taps: number;
  readonly #table: Float64Array;
  /** Written twice, a length apart, so that any stretch of it lies in one piece. */
  readonly #ring: Float64Array;
  readonly #size: number;
  #taken = 0;
  /** Where, among the input, the next output lies. */
  #next = 0;
  #made = 0;

  /** @param sampleRate Hz @param baud bits a second; the band is in cycles a bit */
  constructor(sampleRate: number, baud: number, [low, high]: readonly [number, number]) {
    const bit = sampleRate / baud;
    this.#stride = bit / STEPS;
    const reach = Math.floor(REACH * bit);
    this.#taps = 2 * reach + 1;
    this.#phases = Math.max(1, Math.ceil(FINEST / bit));
    this.#table = new Float64Array(this.#taps * this.#phases);
    for (let phase = 0; phase < this.#phases; phase++) {
      for (let tap = 0; tap < this.#taps; tap++) {
        const away = (reach - tap + phase / this.#phases) / bit;
        this.#table[phase * this.#taps + tap] = kernel(away, low, Math.min(high, bit / 2)) / bit;
      }
    }
    this.#size = this.#taps + 4;
    this.#ring = new Float64Array(2 * this.#size);
  }

  /** The input sample at which output number `step` lies. */
  sampleOf(step: number): number {
    return step * this.#stride;
  }

  /** Takes the next sample. @param out called with each output, in order */
  push(sample: number, out: (value: number) => void): void {
    const slot = this.#taken++ % this.#size;
    this.#ring[slot] = sample;
    this.#ring[slot + this.#size] = sample;
    const reach = this.#taps >> 1;
    for (;;) {
      const place = Math.round(this.#next * this.#phases);
      const whole = Math.floor(place / this.#phases);
      if (whole + reach >= this.#taken) return;
      const row = (place - whole * this.#phases) * this.#taps;
      // Ahead of the stream's beginning the ring is still zeros.
      const value = this.#product((whole - reach + this.#size) % this.#size, row);
      this.#next = ++this.#made * this.#stride;
      out(value);
    }
  }

  #product(first: number, row: number): number {
    const ring = this.#ring;
    const table = this.#table;
    const taps = this.#taps;
    let a = 0;
    let b = 0;
    let tap = 0;
    for (; tap + 1 < taps; tap += 2) {
      a += (ring[first + tap] as number) * (table[row + tap] as number);
      b += (ring[first + tap + 1] as number) * (table[row + tap + 1] as number);
    }
    return a + b + (ring[first + tap] as number) * (table[row + tap] as number);
  }

  /** Overwrites what it holds. */
  wipe(): void {
    this.#ring.fill(0);
  }
}

/** A band-pass of cycles a bit, `away` bits from its middle. */
function kernel(away: number, low: number, high: number): number {
  const inside = 1 - (away / REACH) ** 2;
  if (inside <= 0) return 0;
  const sinc = (edge: number) => (away === 0 ? 2 * edge : Math.sin(2 * Math.PI * edge * away) / (Math.PI * away));
  return ((sinc(high) - sinc(low)) * bessel(BETA * Math.sqrt(inside))) / bessel(BETA);
}

/** The modified Bessel function of order zero, by its series. */
function bessel(x: number): number {
  let sum = 1;
  for (let n = 1, term = 1; n < 24; n++) {
    term *= (x / (2 * n)) ** 2;
    sum += term;
  }
  return sum;
}
