import { passesLuhn } from "@swipewire/protocol/card/luhn";
import type { TrackNumber } from "@swipewire/protocol/readers/reader-frame";
import type { Dice } from "../waveform/dice.ts";

/** 9 is for national use and not an issuer's: no such number is a card's (ISO/IEC 7812-1, 4). */
const PREFIX = "999999";
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

const digits = (count: number, dice: Dice) => Array.from({ length: count }, () => dice.whole(0, 9)).join("");
const letters = (count: number, dice: Dice) => Array.from({ length: count }, () => dice.pick([...LETTERS])).join("");

/** A track of a card that never was, in the format of ISO/IEC 7813 or 4909, of any length these allow. */
export function randomTrack(number: TrackNumber, dice: Dice): Uint8Array {
  const pan = withCheckDigit(PREFIX + digits(dice.pick([9, 9, 9, 9, 6, 12]), dice));
  const expiry = `${digits(1, dice)}${dice.whole(0, 9)}${String(dice.whole(1, 12)).padStart(2, "0")}`;
  const service = dice.pick(["101", "201", "220", "221", "601"]);
  const room = { 1: 78 - pan.length, 2: 39 - pan.length, 3: 106 - pan.length }[number];
  if (number === 3) {
    return ascii(`;99${pan}=${digits(dice.whole(20, Math.min(80, room - 5)), dice)}?`);
  }
  if (number === 2) return ascii(`;${pan}=${expiry}${service}${digits(dice.whole(4, Math.min(13, room - 10)), dice)}?`);
  const name = `${letters(dice.whole(2, 10), dice)}/${letters(dice.whole(2, 8), dice)}`;
  const rest = room - name.length - 13;
  return ascii(`%B${pan}^${name}^${expiry}${service}${digits(dice.whole(4, Math.min(20, rest)), dice)}?`);
}

const ascii = (text: string) => new TextEncoder().encode(text);

function withCheckDigit(body: string): string {
  for (let digit = 0; digit <= 9; digit++) {
    if (passesLuhn(ascii(body + digit))) return body + digit;
  }
  throw new Error("one of ten digits passes");
}
