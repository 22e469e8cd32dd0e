import type { Random } from "./random.ts";
import { type Duration, Millis, Seconds } from "./time.ts";

const FIRST = Millis(500);
const LONGEST = Seconds(30);

/**
 * How long to wait before the next attempt: doubling from half a second to half a minute, the upper half of it by
 * chance, so that a fleet does not come back all at once.
 * @param failures attempts that failed so far, 0 or more
 */
export function backoff(failures: number, random: Random): Duration {
  const ceiling = Math.min(LONGEST, FIRST * 2 ** Math.min(failures, 16));
  const chance = new DataView(Uint8Array.from(random.bytes(2)).buffer).getUint16(0) / 0xffff;
  return Millis(ceiling / 2 + (ceiling / 2) * chance);
}
