import { readFileSync } from "node:fs";
import type { FrameField, ReaderFrame, ReaderTrack, TrackNumber } from "@swipewire/protocol/readers/reader-frame";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import fc from "fast-check";

const fixture = (name: string) =>
  JSON.parse(readFileSync(`${import.meta.dirname}/../../fixtures/${name}.json`, "utf8"));

/** MagTek D99875475-10 appendix D. */
export const magtek: {
  bdk: string;
  sureswipe_hid_layout: [string, number, number][];
  magnesafe_hid_layout: [string, number, number][];
  hid_level2_clear: { report: string; track1: string; track2: string; track3: string };
  hid_level3_encrypted: {
    report: string;
    ksn: string;
    session_key_pin_variant: string;
    magnePrint: string;
    sessionId: string;
    expected: Record<"track1" | "track2" | "track3", string>;
    masked: string[];
  };
  kb_level2_sureswipe: { text: string };
  kb_level2: { text: string };
} = fixture("magtek");

/** ID TECH 80096504-001 and the Bluefin sample of the same family. */
export const idtech: {
  bdk: string;
  original_format: {
    hex: string;
    ksn: string;
    dataKey: string;
    track1: string;
    track2: string;
    track3Clear: string;
    sha1: string[];
  };
  secured_keyboard_mode: { text: string; ksn: string; serial: string };
} = fixture("idtech");

export const hex = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));
export const hexOf = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString("hex").toUpperCase();
export const ascii = (text: string) => new TextEncoder().encode(text);
export const clearText = (bytes: SensitiveBytes | undefined) => bytes?.use((b) => new TextDecoder().decode(b));

/** A frame with its sensitive bytes shown, for comparing. */
export function shown(frame: ReaderFrame) {
  const { checks: _checks, ...rest } = frame;
  return { ...rest, tracks: frame.tracks.map(({ clear, ...track }) => ({ ...track, clear: clearText(clear) })) };
}

const digits = (length: number) =>
  fc.array(fc.integer({ min: 0, max: 9 }), { minLength: length, maxLength: length }).map((all) => all.join(""));

/** A track's text, no longer than every family can carry. */
const trackText: Record<TrackNumber, fc.Arbitrary<string>> = {
  1: fc.tuple(digits(16), digits(7), digits(20)).map(([pan, dates, rest]) => `%B${pan}^PAYER/TEST^${dates}${rest}?`),
  2: fc
    .tuple(fc.integer({ min: 12, max: 19 }).chain(digits), digits(7), digits(8))
    .map(([pan, dates, rest]) => `;${pan}=${dates}${rest}?`),
  3: fc.tuple(digits(18), digits(60)).map(([pan, rest]) => `;99${pan.slice(2)}=${rest}?`),
};

/** A track that was read clear, could not be read, or was blank. */
export const clearTrack = (number: TrackNumber): fc.Arbitrary<ReaderTrack> =>
  fc
    .oneof(
      { weight: 3, arbitrary: trackText[number].map((text) => ({ number, state: "read" as const, text })) },
      fc.constantFrom({ number, state: "blank" as const }, { number, state: "error" as const }),
    )
    .map((track) => {
      if (!("text" in track)) return track;
      const { text, ...rest } = track;
      return { ...rest, clear: new SensitiveBytes(ascii(text)) };
    });

export const clearTracks = fc.tuple(clearTrack(1), clearTrack(2), clearTrack(3));

export const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
export const field = (name: string, length: number): fc.Arbitrary<FrameField> =>
  bytesOf(length).map((bytes) => ({ name, bytes }));

/** A valid frame, cut, grown, or with some of its bytes replaced; or no frame at all. */
export function damaged(...frames: Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const frame = fc.constantFrom(...frames);
  const flipped = fc
    .tuple(frame, fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 }))
    .map(([frame, damage]) => {
      const copy = frame.slice();
      for (const [at, value] of damage) copy[at % copy.length] = value;
      return copy;
    });
  const cut = fc.tuple(frame, fc.nat()).map(([frame, length]) => frame.slice(0, length % frame.length));
  const grown = fc
    .tuple(frame, fc.uint8Array({ maxLength: 9 }))
    .map(([frame, more]) => Uint8Array.of(...frame, ...more));
  return fc.oneof(flipped, flipped, cut, grown, fc.uint8Array({ maxLength: 60 }));
}
