import type { TrackNumber } from "../readers/reader-frame.ts";
import { maskPan } from "./masking.ts";
import { maskedPanOf, shownServiceCode } from "./reader-mask.ts";
import { pinByServiceCode } from "./service-code.ts";
import type { Swipe } from "./swipe.ts";
import { parseTrack } from "./track.ts";

/** What a terminal may know and show of a card. */
export interface CardFacts {
  /** As `MaskedPan` of the messages. */
  readonly maskedPan?: string;
  /** Is a PIN to be asked for? Absent where the service code is hidden by the reader, missing, or does not say. */
  readonly pinByServiceCode?: boolean;
}

/** Track 2 tells first, then track 1: they agree, and track 2 is what the bank gets. */
const TELLING: readonly TrackNumber[] = [2, 1];

/** What tracks 1 and 2 tell. Never throws over a card: a track that does not parse tells nothing. */
export function cardFacts(swipe: Swipe): CardFacts {
  for (const number of TELLING) {
    const facts = swipe.kind === "clear" ? factsOfClear(swipe.tracks, number) : factsOfMasked(swipe.masked, number);
    if (facts) return facts;
  }
  return {};
}

function asFacts(maskedPan: string | undefined, serviceCode: Uint8Array | undefined): CardFacts | undefined {
  if (maskedPan === undefined) return undefined;
  const pin = serviceCode && pinByServiceCode(serviceCode);
  return { maskedPan, ...(pin !== undefined && { pinByServiceCode: pin }) };
}

function factsOfClear(tracks: Extract<Swipe, { kind: "clear" }>["tracks"], number: TrackNumber) {
  return tracks
    .find((track) => track.number === number)
    ?.data.use((bytes) => {
      try {
        const parsed = parseTrack(number, bytes);
        return parsed.number === 3 || !parsed.pan ? undefined : asFacts(maskPan(parsed.pan), parsed.serviceCode);
      } catch {
        return undefined;
      }
    });
}

function factsOfMasked(masked: Extract<Swipe, { kind: "encrypted" }>["masked"], number: TrackNumber) {
  const text = masked?.find(({ track }) => track === number)?.text;
  return text === undefined ? undefined : asFacts(maskedPanOf(number, text), shownServiceCode(number, text));
}
