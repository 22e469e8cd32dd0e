import type { Random } from "@swipewire/protocol/random";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

/** The same seed gives the same bytes. */
export function seededRandom(seed: number): Random {
  const generator = xoroshiro128plus(seed);
  return {
    bytes: (length) => Uint8Array.from({ length }, () => uniformInt(generator, 0, 255)),
  };
}
