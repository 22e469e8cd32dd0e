/** The sine of a frequency (in turns a sample) that explains most, and how much of the weighted power it explains. */
export function lineOf(signal: Float64Array, weights: Float64Array, turns: number) {
  const stepCosine = Math.cos(2 * Math.PI * turns);
  const stepSine = Math.sin(2 * Math.PI * turns);
  let c = 1;
  let s = 0;
  let cc = 0;
  let cs = 0;
  let ss = 0;
  let xc = 0;
  let xs = 0;
  for (let n = 0; n < signal.length; n++) {
    const weight = weights[n] as number;
    const weighted = weight * (signal[n] as number);
    xc += weighted * c;
    xs += weighted * s;
    cc += weight * c * c;
    cs += weight * c * s;
    ss += weight * s * s;
    const next = c * stepCosine - s * stepSine;
    s = s * stepCosine + c * stepSine;
    c = next;
  }
  const determinant = cc * ss - cs * cs;
  if (determinant <= 0) return { cosine: 0, sine: 0, power: 0 };
  const cosine = (xc * ss - xs * cs) / determinant;
  const sine = (xs * cc - xc * cs) / determinant;
  return { cosine, sine, power: cosine * xc + sine * xs };
}

/** Takes a sine off in place. */
export function subtractLine(signal: Float64Array, turns: number, cosine: number, sine: number): void {
  const stepCosine = Math.cos(2 * Math.PI * turns);
  const stepSine = Math.sin(2 * Math.PI * turns);
  let c = 1;
  let s = 0;
  for (let n = 0; n < signal.length; n++) {
    signal[n] = (signal[n] as number) - cosine * c - sine * s;
    const next = c * stepCosine - s * stepSine;
    s = s * stepCosine + c * stepSine;
    c = next;
  }
}
