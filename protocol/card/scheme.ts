import creditCardType from "credit-card-type";

/** `6` is where many schemes number their cards (ISO/IEC 7812-1, major industry identifier 6): it tells none of them. */
const SHARED_DIGIT = "6";

/**
 * The scheme of a card, `UnionPay` or `Visa`, by the digits that begin its masked PAN: for people to see and for choosing
 * test cards. Never decide by it how or whether a card is charged: ranges are published late and change hands. Undefined
 * where the digits do not tell, as where a reader shows four of them only.
 *
 * @param maskedPan as `maskPan` gives it
 */
export function schemeOf(maskedPan: string): string | undefined {
  const seen = /^\d*/.exec(maskedPan)?.[0] ?? "";
  // Of no digits at all the package names every scheme.
  const [match, ...others] = seen === "" ? [] : creditCardType(seen);
  if (!match || others.length > 0 || match.matchStrength === undefined) return undefined;
  return match.matchStrength === 1 && seen.startsWith(SHARED_DIGIT) ? undefined : match.niceType;
}
