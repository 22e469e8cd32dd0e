import { STRIPE_LENGTH } from "./stripe.ts";

export interface HandMotion {
  /** cm/s, in the middle of its changes. */
  readonly speed: number;
  /** Speed at the end over speed at the beginning; it changes linearly over the stripe. */
  readonly change?: number;
  /** A sinusoidal change beside it: its depth as a share of the speed (below 1), and its periods over the stripe. */
  readonly wobble?: { readonly depth: number; readonly periods: number; readonly phase?: number };
  /** Where along the stripe, in mm, the hand stops for good. */
  readonly stopsAt?: number;
}

/** Where the head is, in mm along the stripe, and how fast, in mm/s, at every step of a clock. */
export interface Path {
  readonly places: Float64Array;
  readonly speeds: Float64Array;
}

/** How far the head comes from before the card's edge to beyond it. */
const BEYOND = 2;

export function moveHand({ speed, change = 1, wobble, stopsAt }: HandMotion, rate: number): Path {
  const places: number[] = [];
  const speeds: number[] = [];
  const first = (2 * speed * 10) / (1 + change);
  let at = -BEYOND;
  const last = stopsAt ?? STRIPE_LENGTH + BEYOND;
  while (at < last) {
    const along = Math.min(1, Math.max(0, at / STRIPE_LENGTH));
    const steady = first * (1 + (change - 1) * along);
    const now =
      steady * (1 + (wobble ? wobble.depth * Math.sin(2 * Math.PI * wobble.periods * along + (wobble.phase ?? 0)) : 0));
    places.push(at);
    speeds.push(now);
    at += now / rate;
  }
  return { places: Float64Array.from(places), speeds: Float64Array.from(speeds) };
}
