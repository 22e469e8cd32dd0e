/**
 * Mean square of a signal's quietest stretches: what is there where no pulse is.
 * @param stretch in samples; what is left over after whole ones is not looked at
 * @param share of the stretches, 0 to 1, that are at most as loud
 * @returns 0 for a signal shorter than a stretch
 */
export function quietPower(values: Float64Array, stretch: number, share: number): number {
  const powers: number[] = [];
  for (let at = 0; at + stretch <= values.length; at += stretch) {
    let power = 0;
    for (let n = at; n < at + stretch; n++) power += (values[n] as number) ** 2;
    powers.push(power / stretch);
  }
  powers.sort((a, b) => a - b);
  return powers[Math.floor(powers.length * share)] ?? 0;
}
