/** Bits a second. */
export const bauds = [1200, 2400, 4800, 9600] as const;
/** One of {@link bauds}. */
export type Baud = (typeof bauds)[number];

/** How fast a line is sampled and spoken. */
export interface ModemLine {
  /** Hz, 8,000 to 192,000, and at least three and a third samples a bit. */
  readonly sampleRate: number;
  readonly baud: Baud;
}

const RATES = { min: 8000, max: 192_000 };
const FEWEST_SAMPLES = 10 / 3;

/** Is it a line that the modem can speak? */
export const fits = ({ sampleRate, baud }: ModemLine): boolean =>
  sampleRate >= RATES.min && sampleRate <= RATES.max && bauds.includes(baud) && sampleRate / baud >= FEWEST_SAMPLES;
