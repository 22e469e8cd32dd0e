import { END_SENTINEL } from "../card/alphabets.ts";
import type { CardEncoding, TrackNumber } from "./reader-frame.ts";

/*
 * Start sentinels as a reader types them, so that the tracks can be told apart (MagTek D99875206 "Card data"): track 3 of
 * a bank's card has another than on its stripe, and one for each kind of stripe that holds something else.
 */

const SEMICOLON = 0x3b;
const PERCENT = 0x25;

interface TypedSentinel {
  readonly typed: number;
  readonly track: TrackNumber;
  readonly onStripe: number;
  /** What it says of the stripe; absent where it says nothing. */
  readonly encoding?: CardEncoding;
}

const TYPED_SENTINELS: readonly TypedSentinel[] = [
  { typed: PERCENT, track: 1, onStripe: PERCENT },
  { typed: SEMICOLON, track: 2, onStripe: SEMICOLON },
  { typed: 0x2b, track: 3, onStripe: SEMICOLON }, // +
  { typed: 0x23, track: 3, onStripe: PERCENT, encoding: "aamva" }, // #
  { typed: 0x21, track: 3, onStripe: PERCENT, encoding: "cadl" }, // !
  // Seven bits a character where a payment card has five.
  { typed: 0x40, track: 2, onStripe: PERCENT, encoding: "other" }, // @
  { typed: 0x26, track: 3, onStripe: PERCENT, encoding: "other" }, // &
];

const BY_CHARACTER: ReadonlyMap<number, TypedSentinel> = new Map(TYPED_SENTINELS.map((row) => [row.typed, row]));

/** 1 to 3, or 0 where the character begins no track. */
export const trackOfSentinel = (character: number | undefined): TrackNumber | 0 =>
  BY_CHARACTER.get(character ?? 0)?.track ?? 0;

const ERROR = 0x45; // E

/** What is typed for a track that could not be read, of which nobody knows what kind of stripe it is on. */
export const errorMark = (track: TrackNumber): Uint8Array =>
  Uint8Array.of(typedSentinel(track, undefined, "undetermined"), ERROR, END_SENTINEL);

/** Is it what {@link errorMark} gives? */
export const isErrorMark = (track: TrackNumber, characters: Uint8Array): boolean =>
  characters.length === 3 && errorMark(track).every((byte, n) => byte === characters[n]);

/** Overwrites a typed start sentinel with the stripe's. */
export function putStripeSentinel(track: Uint8Array): void {
  const onStripe = BY_CHARACTER.get(track[0] ?? 0)?.onStripe;
  if (onStripe !== undefined) track[0] = onStripe;
}

/** What the typed start sentinels say of the stripe. */
export function encodingByTyped(sentinels: readonly (number | undefined)[]): CardEncoding {
  const said = sentinels.map((character) => BY_CHARACTER.get(character ?? 0)?.encoding);
  return said.find((encoding) => encoding === "aamva" || encoding === "cadl") ?? said.find(Boolean) ?? "undetermined";
}

/** The start sentinel of an encrypted track that nothing else tells of. */
export const stripeSentinelOf = (track: TrackNumber, encoding: CardEncoding): number | undefined =>
  TYPED_SENTINELS.find((row) => row.track === track && row.encoding === encoding)?.onStripe;

/** What is typed for a start sentinel of the stripe; `undefined` stands for the one that a bank's card has. */
export function typedSentinel(track: TrackNumber, onStripe: number | undefined, encoding: CardEncoding): number {
  const rows = TYPED_SENTINELS.filter((row) => row.track === track);
  const fitting = rows.filter((row) => row.onStripe === onStripe);
  return (fitting.find((row) => row.encoding === encoding) ?? fitting.at(-1) ?? rows[0])?.typed ?? 0;
}
