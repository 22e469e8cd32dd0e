import type { Path } from "./hand.ts";
import type { Stripe } from "./stripe.ts";

export interface Head {
  /** PW50: the width of a pulse at half its height, in mm along the stripe. */
  readonly pulseWidth: number;
  /** Lorentzian unless told: what gap and distance of a head make of a sharp flux change. */
  readonly shape?: "lorentzian" | "gaussian" | "squared-lorentzian";
}

/** Beyond this many widths a pulse is below a thousandth. */
const REACH = { lorentzian: 16, gaussian: 2, "squared-lorentzian": 5 } as const;

/** What the head gives: a pulse for each flux change, as high as the card is fast. 1 is one lone pulse at 30 cm/s. */
export function readStripe(
  { places, strengths }: Stripe,
  path: Path,
  { pulseWidth, shape = "lorentzian" }: Head,
): Float64Array {
  const signal = new Float64Array(path.places.length);
  const reach = REACH[shape] * pulseWidth;
  let first = 0;
  for (let n = 0; n < signal.length; n++) {
    const at = path.places[n] ?? 0;
    while (first < places.length && (places[first] ?? 0) < at - reach) first++;
    let sum = 0;
    for (let i = first; i < places.length; i++) {
      const away = (places[i] ?? 0) - at;
      if (away > reach) break;
      const u = (2 * away) / pulseWidth;
      const strength = strengths[i] ?? 0;
      if (shape === "lorentzian") sum += strength / (1 + u * u);
      else if (shape === "gaussian") sum += strength * 2 ** (-u * u);
      else sum += strength / (1 + (Math.SQRT2 - 1) * u * u) ** 2;
    }
    signal[n] = (sum * (path.speeds[n] ?? 0)) / 300;
  }
  return signal;
}
