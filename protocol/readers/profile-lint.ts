import { FACES, facesOf, type ReaderProfile, type ReaderQuirk, rankOf, readerProfiles } from "./profiles.ts";
import type { ReaderFamily } from "./reader-frame.ts";

/** What is wrong with one of the operator's profiles, for a person to mend. */
export interface ProfileProblem {
  /** Its place in the list, from 0. */
  readonly at: number;
  /** Absent where it is of the whole profile. */
  readonly field?: keyof ReaderProfile;
  /** What is wrong, and what to do. */
  readonly text: string;
}

/** Quirks by which a reader is asked for its family: what it is taken for when it does not answer. */
const FAMILY_OF_QUIRK: Partial<Record<ReaderQuirk, ReaderFamily>> = {
  "sureswipe-text": "magtek-keyboard",
  "clear-lines": "idtech",
};

/** Keyboards and mice; the system's keyboards are known as such, not by their page. */
const GENERIC_DESKTOP = "0001";
/** From here on each maker gives a page its own meaning (HID Usage Tables 1.5, section 3). */
const FIRST_VENDOR_PAGE = "ff00";

/**
 * What the schema cannot say of an operator's profiles: names and matches that are not their own, and what can never
 * fit a reader. Each problem is told once; an empty list is a clean one.
 */
export function lintProfiles(own: readonly ReaderProfile[]): readonly ProfileProblem[] {
  return own.flatMap((profile, at) => [
    ...problemsOf(profile).map((problem) => ({ at, ...problem })),
    ...nameProblem(profile, at, own),
    ...shadowProblem(profile, at, own),
  ]);
}

type OwnProblem = Omit<ProfileProblem, "at">;

function problemsOf(profile: ReaderProfile): OwnProblem[] {
  const { vendorId, productId, usagePage, shownAs, family, baudRate } = profile;
  const problems: OwnProblem[] = [];
  if (vendorId === undefined && productId !== undefined) {
    problems.push({ field: "productId", text: "says nothing without vendorId: each vendor numbers its own products" });
  } else if (vendorId === undefined && usagePage === undefined) {
    problems.push({ text: "would fit every device; give vendorId, usagePage or both" });
  } else if (vendorId === undefined && usagePage !== undefined && usagePage >= FIRST_VENDOR_PAGE) {
    problems.push({
      field: "usagePage",
      text: `pages from ${FIRST_VENDOR_PAGE} on mean something else with each vendor; give vendorId too`,
    });
  }
  const faces = FACES[family];
  if (shownAs !== undefined && !faces.includes(shownAs)) {
    problems.push({ field: "shownAs", text: `${family} is never shown as ${shownAs}; allowed: ${faces.join(", ")}` });
  } else if (usagePage !== undefined && facesOf(profile).length === 0) {
    const face = shownAs ?? faces.join(" or ");
    problems.push({
      field: "usagePage",
      text: `only a HID reader has one, and this one is shown as ${face}; leave it out`,
    });
  } else if (baudRate !== undefined && !facesOf(profile).includes("serial")) {
    problems.push({
      field: "baudRate",
      text: `only a serial reader has one, and this one is shown as ${facesOf(profile).join(" or ")}; leave it out`,
    });
  }
  if (profile.framing !== undefined && shownAs !== "serial") {
    problems.push({
      field: "framing",
      text: 'only a serial reader has one; give "shownAs": "serial", or leave it out',
    });
  }
  for (const quirk of profile.quirks) {
    const of = FAMILY_OF_QUIRK[quirk];
    if (of !== undefined && of !== family) {
      problems.push({ field: "quirks", text: `${quirk} is of family ${of}; leave it out, or give that family` });
    }
  }
  if (usagePage === GENERIC_DESKTOP) {
    problems.push({
      field: "usagePage",
      text: 'page 0001 is of keyboards and mice; leave it out and give "shownAs": "keyboard"',
    });
  }
  return problems;
}

function nameProblem({ name }: ReaderProfile, at: number, own: readonly ReaderProfile[]): ProfileProblem[] {
  const first = own.findIndex((other) => other.name === name);
  const owner = first < at ? `profiles.${first}` : readerProfiles.some((other) => other.name === name) && "built in";
  return owner ? [{ at, field: "name", text: `is taken (${owner}); give this one another` }] : [];
}

/** One that is never taken because another of the operator's fits whatever it fits, and goes before it. */
function shadowProblem(profile: ReaderProfile, at: number, own: readonly ReaderProfile[]): ProfileProblem[] {
  if (problemsOf(profile).length > 0) return [];
  const winner = own.findIndex(
    (other, n) =>
      n !== at &&
      problemsOf(other).length === 0 &&
      covers(other, profile) &&
      (rankOf(other) > rankOf(profile) || (rankOf(other) === rankOf(profile) && n < at)),
  );
  const other = own[winner];
  if (!other) return [];
  const text = covers(profile, other)
    ? `fits the same readers as profiles.${winner}; leave one of them out`
    : `is never taken, since profiles.${winner} fits whatever this one fits and goes before it; narrow that one, or leave this one out`;
  return [{ at, text }];
}

/** Does `one` fit every device that `other` fits? */
function covers(one: ReaderProfile, other: ReaderProfile): boolean {
  const faces = facesOf(one);
  return (
    (["vendorId", "productId", "usagePage"] as const).every((id) => one[id] === undefined || one[id] === other[id]) &&
    facesOf(other).every((face) => faces.includes(face))
  );
}
