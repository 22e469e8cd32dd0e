import { readFile, writeFile } from "node:fs/promises";
import { SwipewireError } from "@swipewire/protocol/failure";
import type { Random } from "@swipewire/protocol/random";
import { readReaderCapture } from "@swipewire/protocol/readers/reader-capture";
import type { Clock } from "@swipewire/protocol/time";
import { type TriedSwipe, triedSwipe, triedSwipeText } from "../doctor/try-swipe.ts";
import { CaptureFileUnreadable, CaptureFileUnwritable } from "../errors.ts";
import { requireTestCards } from "./judge.ts";
import { captureOf, recordingOf } from "./recording.ts";
import { type ReplayedEvent, replay, wipeEvents } from "./replay.ts";
import { type Captured, wipeCaptured } from "./take-capture.ts";

/** What came of a card that was drawn, or of what was none: a swipe masked, or the code of what was wrong. */
export type ReplayedResult = { readonly swipe: TriedSwipe } | { readonly failure: string };

/**
 * Writes a capture as a file that was not there before, and wipes it.
 * @returns what came of it, for a person
 * @throws CaptureFileUnwritable
 */
export async function writeCapture(
  captured: Captured,
  { file, about, clock }: { readonly file: string; readonly about?: string; readonly clock: Clock },
): Promise<string> {
  const { recording, events } = captured;
  try {
    const content = `${JSON.stringify(captureOf(recording, clock.now(), about), null, 1)}\n`;
    await writeFile(file, content, { flag: "wx" }).catch((cause: unknown) => {
      throw new CaptureFileUnwritable({ detail: `${file}, ${(cause as NodeJS.ErrnoException).code}`, cause });
    });
    const span = recording.pieces.at(-1)?.ms ?? 0;
    const kind = { usb: "reports", serial: "pieces of bytes", audio: "pieces of sound" }[recording.reader.transport];
    return `${eventsText(events)}\nfile          ${file}: ${recording.pieces.length} ${kind} in ${span} ms`;
  } finally {
    wipeCaptured(captured);
  }
}

/**
 * Reads a capture's file and sends it through the decoders.
 * @throws CaptureFileUnreadable | CaptureCardRefused | CaptureCardHidden | CaptureNumberFound | CaptureUnread
 */
export async function replayFile(file: string, random: Random): Promise<readonly ReplayedEvent[]> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new CaptureFileUnreadable({ detail: `${file}, ${(cause as NodeJS.ErrnoException).code}`, cause });
  });
  let recording: ReturnType<typeof recordingOf>;
  try {
    recording = recordingOf(readReaderCapture(bytes));
  } catch (cause) {
    if (!(cause instanceof SwipewireError) || cause instanceof CaptureFileUnreadable) throw cause;
    throw new CaptureFileUnreadable({ detail: `${file}: ${cause.message}`, cause });
  } finally {
    bytes.fill(0);
  }
  const events = await replay(recording, random);
  try {
    requireTestCards(events);
  } catch (failure) {
    wipeEvents(events);
    throw failure;
  }
  return events;
}

/** Wipes them. */
export const resultsOf = (events: readonly ReplayedEvent[]): readonly ReplayedResult[] =>
  events.map((event) => {
    if (!event.swipe) return { failure: event.failure.code };
    event.frame.fill(0);
    return { swipe: triedSwipe(event.swipe) };
  });

/** As a person reads them, line by line. Wipes them. */
export function eventsText(events: readonly ReplayedEvent[]): string {
  if (events.length === 0) return "no frame was found, and nothing that was said to be wrong";
  return events
    .map((event) => {
      if (!event.swipe) return `misread       ${event.failure.message}\n              ${event.failure.text.todo}`;
      event.frame.fill(0);
      return triedSwipeText(triedSwipe(event.swipe));
    })
    .join("\n");
}
