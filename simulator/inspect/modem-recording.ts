import { SwipewireError } from "@swipewire/protocol/failure";
import { ModemDecoder } from "@swipewire/protocol/waveform/modem/modem-decoder";
import type { ModemEvent } from "@swipewire/protocol/waveform/modem/modem-event";
import type { Baud } from "@swipewire/protocol/waveform/modem/modem-line";
import {
  FIRST_OF_HOST,
  type ReaderMessage,
  readHostMessage,
  readReaderMessage,
} from "@swipewire/protocol/waveform/modem/modem-message";
import type { Recording } from "@swipewire/protocol/waveform/wav";
import type { Inspection } from "./inspection.ts";
import { asObject, asText } from "./print.ts";
import { readerProfile } from "./reader-profile.ts";

export interface InspectedFrame {
  /** Seconds. */
  readonly start: number;
  readonly end: number;
  readonly channel: number;
  /** How much of the signal was the sync word, 0 to 1. */
  readonly strength?: number;
  /** All of a message but a swipe, which is inspected. */
  readonly message?: Record<string, unknown>;
  readonly inspection?: Inspection;
  readonly failure?: SwipewireError;
}

/** Reads a recording of the framed modem as the daemon would, frames of the host too. @throws ModemInput */
export function inspectModem({ sampleRate, channels, samples }: Recording, baud: Baud): InspectedFrame[] {
  const frames: InspectedFrame[] = [];
  for (let channel = 0; channel < channels; channel++) {
    const decoder = new ModemDecoder({ sampleRate, baud });
    const heard = channels === 1 ? samples : samples.filter((_, n) => n % channels === channel);
    for (const event of [...decoder.push(heard), ...decoder.flush()]) {
      frames.push({ start: event.start / sampleRate, end: event.end / sampleRate, channel, ...inspectEvent(event) });
    }
  }
  return frames.sort((a, b) => a.start - b.start);
}

function inspectEvent(event: ModemEvent): Omit<InspectedFrame, "start" | "end" | "channel"> {
  if (event.kind === "failure") return { failure: event.failure };
  const { strength } = event;
  try {
    const message = event.messageKind < FIRST_OF_HOST ? readReaderMessage(event) : readHostMessage(event);
    return { strength, ...(message?.type === "reader-frame" ? inspectSwipe(message) : { message: { ...message } }) };
  } catch (failure) {
    if (failure instanceof SwipewireError) return { strength, failure };
    throw failure;
  }
}

function inspectSwipe({ type, frame }: ReaderMessage & { readonly type: "reader-frame" }) {
  const inspection = frame.use((bytes) => readerProfile("auto")(bytes, {}));
  frame.wipe();
  return { message: { type }, inspection, ...(inspection.failure && { failure: inspection.failure }) };
}

export function framesAsJson(frames: readonly InspectedFrame[]): string {
  const told = frames.map(({ inspection, failure, ...rest }) => ({
    ...rest,
    ...(inspection && { inspection: asObject(inspection) }),
    ...(failure && { failure: { code: failure.code, what: failure.text.what, todo: failure.text.todo } }),
  }));
  return `${JSON.stringify({ frames: told }, null, 2)}\n`;
}

/** For a person at a terminal. */
export function framesAsText(frames: readonly InspectedFrame[]): string {
  if (frames.length === 0) return "no frame was heard\n";
  return frames
    .map(({ start, end, strength, message, inspection, failure }) => {
      const facts = Object.entries(message ?? {}).map(([name, value]) => `${name} ${value}`);
      const heard = strength === undefined ? "" : `, sync ${(100 * strength).toFixed(0)} %`;
      const lines = [`${start.toFixed(3)} to ${end.toFixed(3)} s${heard}: ${facts.join(", ") || "failed"}\n`];
      if (inspection) lines.push(asText(inspection));
      else if (failure) lines.push(`  ${failure.code}: ${failure.message}\n  ${failure.text.todo}\n`);
      return lines.join("\n");
    })
    .join("\n");
}
