import { cardFacts } from "@swipewire/protocol/card/card-facts";
import { fitsTestNumber, isTestNumberTrack } from "@swipewire/protocol/card/test-numbers";
import { KeyboardTyping } from "@swipewire/protocol/readers/keyboard-reports";
import { wipeFrame } from "@swipewire/protocol/readers/swipe-from-frame";
import { CaptureCardHidden, CaptureCardRefused, CaptureNumberFound, CaptureUnread } from "../errors.ts";
import { mayHoldNumber } from "./number-search.ts";
import type { Recording } from "./recording.ts";
import type { ReplayedEvent } from "./replay.ts";

/**
 * Every card that was read is a published test card.
 * @throws CaptureCardRefused | CaptureCardHidden | CaptureNumberFound | CaptureUnread
 */
export function requireTestCards(events: readonly ReplayedEvent[]): void {
  for (const event of events) if (event.swipe) requireTestCard(event);
}

/**
 * Nothing of a recording can be any other than a test card's: not what was read, and not the rest.
 * @param unread whether what could not be read is let pass where it holds no number; of sound it never is
 * @throws CaptureCardRefused | CaptureCardHidden | CaptureNumberFound | CaptureUnread
 */
export function requireHarmless(recording: Recording, events: readonly ReplayedEvent[], unread: boolean): void {
  requireTestCards(events);
  const failures = events.flatMap(({ failure }) => (failure ? [failure.code] : []));
  const frames = events.flatMap((event) => (event.swipe ? [event.frame] : []));
  const { transport } = recording.reader;
  if ((failures.length > 0 || frames.length === 0) && (transport === "audio" || !unread)) {
    throw new CaptureUnread({ detail: failures.join(", ") || "no frame was found" });
  }
  // Of sound only the stretch that was read is kept.
  if (transport === "audio") return;
  if (recording.reader.transport === "usb" && recording.reader.answers.some(mayHoldNumber)) {
    throw new CaptureNumberFound();
  }
  const rest = outside(frames, sentBy(recording));
  try {
    if (mayHoldNumber(rest)) throw new CaptureNumberFound();
  } finally {
    rest.fill(0);
  }
}

function requireTestCard({ swipe, frame, codec }: Extract<ReplayedEvent, { frame: Uint8Array }>): void {
  const decoded = codec.decode(frame);
  try {
    for (const { number, clear } of decoded.tracks) {
      if (clear && !clear.use((bytes) => isTestNumberTrack(number, bytes))) throw new CaptureCardRefused();
    }
    // What the frame says besides must not be more of a card than it seems.
    if (decoded.fields?.some(({ bytes }) => mayHoldNumber(bytes))) throw new CaptureNumberFound();
    const again = codec.encode(decoded);
    const isWhole = again.length === frame.length && again.every((byte, n) => byte === frame[n]);
    again.fill(0);
    // A reader may show more of an encrypted track than its decoder lets through.
    if (!isWhole && mayHoldNumber(frame)) throw new CaptureNumberFound();
  } finally {
    wipeFrame(decoded);
  }
  if (swipe.kind === "clear") return;
  const { maskedPan } = cardFacts(swipe);
  if (maskedPan === undefined || !/^\d{4}.*\d{4}$/.test(maskedPan)) throw new CaptureCardHidden();
  if (!fitsTestNumber(maskedPan)) throw new CaptureCardRefused();
}

/** What a reader sent as its decoders see it: the text that was typed, or the bytes. */
function sentBy({ reader, pieces }: Recording): Uint8Array {
  const typing = reader.transport === "usb" && reader.device.shownAs === "keyboard" ? new KeyboardTyping() : undefined;
  const parts = pieces.map(({ bytes }) => {
    const typed = typing?.take(bytes);
    // Of a report that types nothing nobody knows what it is.
    return typed && (typed.length > 0 || isIdle(bytes)) ? typed : bytes.slice();
  });
  typing?.wipe();
  const sent = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    sent.set(part, at);
    at += part.length;
    part.fill(0);
  }
  return sent;
}

/** Keys that are held or let go. */
const isIdle = (report: Uint8Array) => report.length === 8 && report.subarray(3).every((byte) => byte === 0);

const CR = 0x0d;
const LF = 0x0a;

/**
 * What is left of the bytes without the frames, which come in their order. Lines end with CR, LF or both, and in a frame
 * with CR.
 */
function outside(frames: readonly Uint8Array[], sent: Uint8Array): Uint8Array {
  const isEnd = (byte: number | undefined) => byte === CR || byte === LF;
  let from = 0;
  for (const frame of frames) {
    for (let at = from; at < sent.length; at++) {
      const end = endOf(frame, at);
      if (end === undefined) continue;
      sent.fill(0, at, end);
      from = end;
      break;
    }
  }
  return sent;

  function endOf(frame: Uint8Array, start: number): number | undefined {
    let at = start;
    for (const byte of frame) {
      if (byte === CR && isEnd(sent[at])) while (isEnd(sent[at])) at++;
      else if (sent[at] === byte) at++;
      else return undefined;
    }
    return at;
  }
}
