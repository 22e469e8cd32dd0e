import type { Random } from "./random.ts";
import { type Duration, Millis, Seconds } from "./time.ts";

const FIRST = Millis(500);
const LONGEST = Seconds(30);

/**
 * How long to wait before the next attempt: doubling from half a second to half a minute, the upper half of it by
 * chance.
 * @param failures attempts that failed so far, 0 or more
 */
export function backoff(failures: number, random: Random): Duration {
  return spread(Millis(Math.min(LONGEST, FIRST * 2 ** Math.min(failures, 16))), random);
}

/** At most `longest`, the upper half of it by chance, so that a fleet does not come all at once. */
export function spread(longest: Duration, random: Random): Duration {
  const chance = new DataView(Uint8Array.from(random.bytes(2)).buffer).getUint16(0) / 0xffff;
  return Millis(longest / 2 + (longest / 2) * chance);
}
