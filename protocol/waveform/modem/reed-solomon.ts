/**
 * Reed and Solomon's code over GF(256), of the field x^8 + x^4 + x^3 + x^2 + 1 and the generator whose roots are the powers
 * of its element 2 from the 0th on, as QR codes have it (ISO/IEC 18004). The npm packages fill in bytes known to be lost;
 * here nobody knows which are wrong.
 */
const FIELD = 0x11d;

const POWERS = new Uint8Array(2 * 255);
const LOGS = new Uint8Array(256);
for (let n = 0, power = 1; n < 255; n++) {
  POWERS[n] = power;
  POWERS[n + 255] = power;
  LOGS[power] = n;
  power = power & 0x80 ? (power << 1) ^ FIELD : power << 1;
}

/** Longest block, data and check bytes together. */
export const LONGEST_BLOCK = 255;

const times = (a: number, b: number): number =>
  a === 0 || b === 0 ? 0 : (POWERS[(LOGS[a] as number) + (LOGS[b] as number)] as number);
const over = (a: number, b: number): number =>
  a === 0 ? 0 : (POWERS[(LOGS[a] as number) + 255 - (LOGS[b] as number)] as number);

/** Value at `x` of a polynomial whose highest coefficient comes last. */
const valueAt = (polynomial: Uint8Array, x: number): number => polynomial.reduceRight((sum, c) => times(sum, x) ^ c, 0);

/** The check bytes of a block. @param count how many */
export function checkBytes(data: Uint8Array, count: number): Uint8Array {
  const generator = generatorOf(count);
  const rest = new Uint8Array(count);
  for (const byte of data) {
    const factor = byte ^ (rest[0] as number);
    rest.copyWithin(0, 1);
    rest[count - 1] = 0;
    for (let n = 0; n < count; n++) rest[n] = (rest[n] as number) ^ times(factor, generator[n] as number);
  }
  return rest;
}

/** Highest coefficient, which is 1, left out; then downwards. */
function generatorOf(count: number): Uint8Array {
  const generator = new Uint8Array(count);
  for (let root = 0; root < count; root++) {
    let above = 1;
    for (let n = 0; n <= root; n++) {
      const own = generator[n] as number;
      generator[n] = own ^ times(above, POWERS[root] as number);
      above = own;
    }
  }
  return generator;
}

/**
 * Corrects a block, data and check bytes, in place: up to half as many wrong bytes as there are check bytes.
 * @returns how many were wrong; `undefined` where it cannot be told, and nothing was changed
 */
export function correct(block: Uint8Array, count: number): number | undefined {
  const syndromes = new Uint8Array(count);
  for (let n = 0; n < count; n++) {
    syndromes[n] = block.reduce((sum, byte) => times(sum, POWERS[n] as number) ^ byte, 0);
  }
  if (syndromes.every((syndrome) => syndrome === 0)) return 0;
  const locator = locatorOf(syndromes);
  const wrong = locator.length - 1;
  if (wrong > count >> 1) return undefined;

  const evaluator = new Uint8Array(count);
  for (const [i, a] of locator.entries()) {
    for (let n = i; n < count; n++) evaluator[n] = (evaluator[n] as number) ^ times(a, syndromes[n - i] as number);
  }
  // In this field the derivative keeps the odd powers, each one lower.
  const slope = locator.map((_, n) => (n % 2 === 0 ? (locator[n + 1] ?? 0) : 0));
  const errors: [at: number, error: number][] = [];
  for (let at = 0; at < block.length; at++) {
    const power = block.length - 1 - at;
    const inverse = POWERS[255 - power] as number;
    if (valueAt(locator, inverse) !== 0) continue;
    const steepness = valueAt(slope, inverse);
    if (steepness === 0) return undefined;
    errors.push([at, times(POWERS[power] as number, over(valueAt(evaluator, inverse), steepness))]);
  }
  if (errors.length !== wrong) return undefined;
  for (const [at, error] of errors) block[at] = (block[at] as number) ^ error;
  return wrong;
}

/** Berlekamp and Massey's: the shortest polynomial whose roots are where the wrong bytes are. */
function locatorOf(syndromes: Uint8Array): Uint8Array {
  let locator = Uint8Array.of(1);
  let former = Uint8Array.of(1);
  let formerDiscrepancy = 1;
  let length = 0;
  let since = 1;
  for (let n = 0; n < syndromes.length; n++) {
    let discrepancy = 0;
    for (const [i, a] of locator.entries()) discrepancy ^= times(a, syndromes[n - i] ?? 0);
    if (discrepancy === 0) {
      since++;
      continue;
    }
    const factor = over(discrepancy, formerDiscrepancy);
    const next = new Uint8Array(Math.max(locator.length, former.length + since));
    next.set(locator);
    for (const [i, a] of former.entries()) next[i + since] = (next[i + since] as number) ^ times(factor, a);
    if (2 * length <= n) {
      former = locator;
      formerDiscrepancy = discrepancy;
      length = n + 1 - length;
      since = 1;
    } else since++;
    locator = next;
  }
  let top = locator.length;
  while (top > 1 && locator[top - 1] === 0) top--;
  return locator.subarray(0, top);
}
