/**
 * ISO/IEC 7812-1 annex B. A warning, not a refusal: makers' sample cards fail it.
 *
 * @param pan ASCII digits
 */
export function passesLuhn(pan: Uint8Array): boolean {
  let sum = 0;
  for (let fromRight = 0; fromRight < pan.length; fromRight++) {
    const digit = (pan[pan.length - 1 - fromRight] ?? 0) - 0x30;
    const weighted = fromRight % 2 === 0 ? digit : digit * 2;
    sum += weighted > 9 ? weighted - 9 : weighted;
  }
  return pan.length > 0 && sum % 10 === 0;
}
