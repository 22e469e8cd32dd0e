import type { ReaderFamily } from "@swipewire/protocol/readers/reader-frame";
import { readerKinds } from "../usbip/reader-kinds.ts";
import { hasPlaceFor } from "./lies.ts";
import type { Outcomes, Step } from "./reader-script.ts";

/** What a script can be played by: what sends frames of a family, or native frames, or a bare head, which sends sound. */
export type Performer = ReaderFamily | "native" | "head";

/** Whose frames carry a key serial number. */
const ENCRYPTING: readonly Performer[] = ["magtek-magnesafe", "magtek-keyboard", "idtech", "idtech-keyboard"];
/** It takes one card each time that it is armed. */
const NOT_OF_NATIVE: readonly Step["do"][] = ["ksn-going-back", "flood"];
/** Of a bare head: there are no reports, no frames, no keys and no endpoint. */
const OF_A_HEAD: readonly Step["do"][] = [
  ...(["swipe", "wait", "plug", "unplug"] as const),
  ...(["wrong-lrc", "double-swipe", "reset", "pulled"] as const),
];

/** Can it do that? */
export function fits(step: Step, performer: Performer): boolean {
  // Frames say of a worn stripe no more than which tracks could not be read, and sound says no such thing.
  if (step.do === "swipe" && step[performer === "head" ? "unreadable" : "damage"]) return false;
  return canDo(step.do, performer);
}

function canDo(deed: Step["do"], performer: Performer): boolean {
  if (performer === "head") return OF_A_HEAD.includes(deed);
  // What is in native frames here are an ID TECH reader's.
  if (performer === "native") return !NOT_OF_NATIVE.includes(deed);
  switch (deed) {
    case "wrong-length":
    case "wrong-lrc":
      return hasPlaceFor(deed, performer);
    case "ksn-repeated":
    case "ksn-going-back":
      return ENCRYPTING.includes(performer);
    default:
      return true;
  }
}

/** Who plays for a kind that outcomes name. */
export function performerOf(kind: keyof Outcomes): Performer {
  if (kind === "head") return "head";
  const found = readerKinds.find(({ name }) => name === kind);
  if (!found) throw new RangeError(`no kind is called ${kind}`);
  const { family, framing } = found;
  return framing === "native" ? framing : typeof family === "string" ? family : family.family;
}

/** What no reader should do. */
export const lies = [
  ...(["short-report", "stuck-report", "wrong-length", "wrong-lrc", "ksn-repeated", "ksn-going-back"] as const),
  ...(["double-swipe", "flood", "stall", "reset", "pulled"] as const),
] as const satisfies readonly Step["do"][];

/** What outcomes may name. */
export const scriptKinds = [...readerKinds.map(({ name }) => name), "head"] as readonly (keyof Outcomes)[];

export const canTell = (lie: (typeof lies)[number], kind: keyof Outcomes): boolean => canDo(lie, performerOf(kind));
