import { wipeSwipe } from "@swipewire/protocol/card/swipe";
import { detectFamily, readerFamilies, readerFamilyNames } from "@swipewire/protocol/readers/families";
import { frameStream, type StreamFamily, streamFamilyNames } from "@swipewire/protocol/readers/frame-streams";
import { hidMsr } from "@swipewire/protocol/readers/hid-msr";
import { findUsage, parseReportDescriptor, reportLength } from "@swipewire/protocol/readers/hid-report-descriptor";
import { KEYBOARD_REPORT_LENGTH, KeyboardTyping, typeAsKeyboard } from "@swipewire/protocol/readers/keyboard-reports";
import { decodeNativeFrame, encodeNativeFrame, NativeStream } from "@swipewire/protocol/readers/native-frame";
import { openSwipe } from "@swipewire/protocol/readers/open-swipe";
import { readReaderCapture } from "@swipewire/protocol/readers/reader-capture";
import type { FixedFamily } from "@swipewire/protocol/readers/reader-frame";
import { nativeIdentity } from "@swipewire/protocol/readers/reader-questions";
import { swipeFromFrame } from "@swipewire/protocol/readers/swipe-from-frame";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { encodeModemMessage } from "@swipewire/protocol/waveform/modem/modem-message";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import { hidMsrDescriptors } from "@swipewire/simulator/readers/hid-msr-descriptors";
import { virtualReader } from "@swipewire/simulator/readers/virtual-reader";
import { ascii, hex, hexOf, idtech, magtek } from "../readers/frame-samples.ts";
import type { DamagedDecoder } from "./damaged-decoder.ts";

const level2 = hex(magtek.hid_level2_clear.report);
const level3 = hex(magtek.hid_level3_encrypted.report);
const asFamily = (family: FixedFamily, report: Uint8Array) =>
  readerFamilies[family].encode({ ...readerFamilies["magtek-magnesafe"].decode(report), family, fields: [] });

const frames: Record<FixedFamily, readonly Uint8Array[]> = {
  "magtek-sureswipe": [asFamily("magtek-sureswipe", level2)],
  "magtek-magnesafe": [level2, level3],
  "magtek-keyboard": [ascii(magtek.kb_level2.text), asFamily("magtek-keyboard", level3)],
  idtech: [hex(idtech.original_format.hex), asFamily("idtech", level2)],
  "idtech-keyboard": [ascii(idtech.secured_keyboard_mode.text)],
  ascii: [ascii(magtek.kb_level2_sureswipe.text)],
};

/** STX and length, LRC, checksum and ETX, made right. */
function mendIdtech(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 7) return bytes;
  const payload = bytes.subarray(3, -3);
  bytes.set([2, payload.length & 0xff, (payload.length >> 8) & 0xff]);
  bytes.set([payload.reduce((a, b) => a ^ b, 0), payload.reduce((a, b) => a + b, 0) & 0xff, 3], bytes.length - 3);
  return bytes;
}

/** Without its CRC, which a reader may be set not to send. */
function mendKeyboard(bytes: Uint8Array): Uint8Array {
  const fields = Buffer.from(bytes).toString("latin1").split("|");
  if (fields.length > 11) fields[10] = "";
  return Uint8Array.from(Buffer.from(fields.join("|"), "latin1"));
}

const families = readerFamilyNames.map((name): DamagedDecoder => {
  const codec = readerFamilies[name];
  return {
    name: `frame of ${name}`,
    of: ["readers/families#detectFamily", "readers/families#readerFamilies"],
    samples: frames[name],
    ...(name === "idtech" && { mended: mendIdtech }),
    ...(name === "magtek-keyboard" && { mended: mendKeyboard }),
    codes: /^(reader|track)_/,
    decode(bytes) {
      wipeSwipe(swipeFromFrame(codec.decode(bytes)));
      detectFamily(bytes);
    },
  };
});

const streams = streamFamilyNames.map((name: StreamFamily): DamagedDecoder => {
  const stream = frameStream(name);
  const [next = new Uint8Array()] = frames[name];
  const sent = hexOf(next);
  return {
    name: `stream of ${name}`,
    of: ["readers/frame-streams#frameStream", "readers/frame-stream#FrameStream"],
    samples: [...frames[name], ascii("02"), ascii("%B1"), Uint8Array.of(2, 0xff)],
    decode(noise) {
      const cut = noise.length >> 1;
      const events = [...stream.push(noise.subarray(0, cut)), ...stream.push(noise.subarray(cut)), ...stream.flush()];
      const given = events.reduce((sum, { frame }) => sum + (frame?.length ?? 0), 0);
      if (given > noise.length || events.length > noise.length) throw new Error("more came out than went in");
      const found = [...stream.push(next), ...stream.flush()];
      if (found.length !== 1 || hexOf(found[0]?.frame) !== sent) throw new Error("the next frame was not found");
    },
  };
});

const nativeFrames = [encodeNativeFrame(1, frames.idtech[0] ?? new Uint8Array()), encodeNativeFrame(0x81, hex("0700"))];
const nativeStream = new NativeStream();

const native: readonly DamagedDecoder[] = [
  {
    name: "native frame",
    of: ["readers/native-frame#decodeNativeFrame"],
    samples: nativeFrames.map((frame) => frame.subarray(1, -1)),
    codes: /^reader_frame_(field|length|checksum)$/,
    decode: (bytes) => decodeNativeFrame(bytes).payload.wipe(),
  },
  {
    name: "stream of native frames",
    of: ["readers/native-frame#NativeStream"],
    samples: nativeFrames,
    decode(noise) {
      const events = [...nativeStream.push(noise), ...nativeStream.flush()];
      if (events.length > noise.length) throw new Error("more came out than went in");
      const [found, ...others] = nativeStream.push(encodeNativeFrame(0x82, hex("05")));
      if (others.length > 0 || found?.frame?.messageKind !== 0x82) throw new Error("the next frame was not found");
    },
  },
  {
    name: "who a reader with the native frame is",
    of: ["readers/reader-questions#nativeIdentity"],
    samples: [
      (() => {
        const identity = { type: "identity", sequence: 0, model: "m", serial: "s", firmware: "1" } as const;
        const { messageKind, payload } = encodeModemMessage(identity);
        return encodeNativeFrame(messageKind, payload);
      })(),
    ],
    codes: /^(reader_command_malformed|modem_message_invalid)$/,
    decode(bytes) {
      const question = nativeIdentity("idtech");
      question.isWhole(bytes);
      const interview = question.begin();
      interview.next(new Uint8Array());
      interview.next(bytes);
    },
  },
];

const card = testCard("magtek-sample");
/** Of the two tracks that every descriptor has room for. */
const twoTracks = { ...card, tracks: card.tracks.slice(0, 2) };
const unused = { bdk: new Uint8Array(16), ksn: new Uint8Array(10) };

const hid: readonly DamagedDecoder[] = [
  {
    name: "HID report descriptor",
    of: ["parseReportDescriptor", "findUsage", "readBits"].map((name) => `readers/hid-report-descriptor#${name}`),
    samples: hidMsrDescriptors.map(({ bytes }) => bytes),
    codes: /^reader_descriptor_/,
    isPublic: true,
    decode(bytes) {
      const codec = hidMsr(bytes);
      const descriptor = parseReportDescriptor(bytes);
      findUsage(descriptor, "input", 0x8e_0021);
      codec.examine(new Uint8Array(reportLength(descriptor, "input", 0)).fill(0x55));
      codec.examine(bytes);
    },
  },
  ...hidMsrDescriptors.map(({ name, bytes }): DamagedDecoder => {
    const codec = hidMsr(bytes);
    const swiped = virtualReader(codec, unused).nextFrame(twoTracks);
    return {
      name: `HID report, ${name}`,
      of: ["readers/hid-msr#hidMsr", "readers/hid-report-descriptor#readBits"],
      samples: [swiped],
      codes: /^(reader|track)_/,
      decode: (report) => wipeSwipe(swipeFromFrame(codec.decode(report))),
    };
  }),
  {
    name: "boot reports of a keyboard",
    of: ["readers/keyboard-reports#KeyboardTyping"],
    samples: [Uint8Array.from(typeAsKeyboard(ascii(";4111=2?\r")).flatMap((report) => [...report]))],
    decode(bytes) {
      const typing = new KeyboardTyping();
      for (let at = 0; at < bytes.length; at += KEYBOARD_REPORT_LENGTH) {
        const typed = typing.take(bytes.subarray(at, at + KEYBOARD_REPORT_LENGTH));
        if (typed.length > KEYBOARD_REPORT_LENGTH) throw new Error("more keys than a report has");
      }
    },
  },
];

const encrypted = swipeFromFrame(readerFamilies["magtek-magnesafe"].decode(level3));
if (encrypted.kind !== "encrypted") throw new Error("MagTek's example 11 is encrypted");

const opened: DamagedDecoder = {
  name: "what a reader's blocks decrypt to",
  of: ["readers/open-swipe#openSwipe"],
  samples: [ascii(magtek.hid_level3_encrypted.expected.track2)],
  codes: /^reader_decryption_failed$/,
  decode(clear) {
    const ciphertext = new Uint8Array(Math.ceil(clear.length / 8) * 8);
    const block = { tracks: [2 as const], lengths: [clear.length], ciphertext };
    const decrypt = () => {
      const padded = new SensitiveBytes(new Uint8Array(ciphertext.length));
      padded.use((bytes) => bytes.set(clear));
      return padded;
    };
    for (const { data } of openSwipe({ ...encrypted, blocks: [block], hashes: [] }, decrypt)) data.wipe();
  },
};

const captured = {
  v: 1,
  takenAt: "2026-11-01T00:00:00.000Z",
  reader: { transport: "serial", family: "idtech", framing: "native", baudRate: 9600 },
  pieces: [{ ms: 0, bytes: "00aa" }],
};

const capture: DamagedDecoder = {
  name: "capture of a reader",
  of: ["readers/reader-capture#readReaderCapture"],
  samples: [ascii(JSON.stringify(captured))],
  codes: /^message_(too_large|not_json|invalid)$/,
  decode: (bytes) => readReaderCapture(bytes),
};

export const readerDecoders: readonly DamagedDecoder[] = [...families, ...streams, ...native, ...hid, opened, capture];
