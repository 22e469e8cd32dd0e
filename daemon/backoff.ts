import type { Random } from "@swipewire/protocol/random";
import { type Duration, Millis, Seconds } from "@swipewire/protocol/time";

const FIRST = Millis(500);
const LONGEST = Seconds(30);

/**
 * How long to wait before the next attempt: doubling from half a second to half a minute, the upper half of it by
 * chance, so that a fleet does not come back all at once.
 * @param failures attempts that failed so far, 0 or more
 */
export function backoff(failures: number, random: Random): Duration {
  const ceiling = Math.min(LONGEST, FIRST * 2 ** Math.min(failures, 16));
  const [high = 0, low = 0] = random.bytes(2);
  const chance = (high * 256 + low) / 0xffff;
  return Millis(ceiling / 2 + (ceiling / 2) * chance);
}
