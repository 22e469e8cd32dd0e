import { readFileSync } from "node:fs";
import { decodeBitStream, encodeBitStream } from "@swipewire/protocol/card/bit-stream";
import { maskTrack } from "@swipewire/protocol/card/masking";
import { maskedPanOf, readMaskedTrack, shownServiceCode } from "@swipewire/protocol/card/reader-mask";
import { pinByServiceCode, readServiceCode } from "@swipewire/protocol/card/service-code";
import { parseTrack } from "@swipewire/protocol/card/track";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { ModemDecoder } from "@swipewire/protocol/waveform/modem/modem-decoder";
import { modulate } from "@swipewire/protocol/waveform/modem/modem-encoder";
import {
  encodeModemMessage,
  readHostMessage,
  readReaderMessage,
} from "@swipewire/protocol/waveform/modem/modem-message";
import { WaveformDecoder } from "@swipewire/protocol/waveform/waveform-decoder";
import { ascii, magtek } from "../readers/frame-samples.ts";
import type { DamagedDecoder } from "./damaged-decoder.ts";

const tracks = [
  "%B6224242300000069^TEST CARD/DEBIT^30122200000000000?",
  ";6224242300000069=30122200000000000?",
  ";996224242300000069=1561560000000000000003000000000000=000000000000=000000000000=00000000?",
].map(ascii);
const of = (number: 1 | 2 | 3) => tracks[number - 1] ?? new Uint8Array();

function checkShown(shown: string | undefined, mostDigits: number): void {
  if (shown !== undefined && new RegExp(`\\d{${mostDigits + 1}}`).test(shown.replace(/0+/g, "*"))) {
    throw new Error("more digits are shown than may be");
  }
}

const LINE = { sampleRate: 16_000, baud: 2400 } as const;
const identity = { type: "identity", sequence: 1, model: "M", serial: "1", firmware: "1.0" } as const;
const modemFrame = modulate(1, ascii(";6224242300000069=30122200000000000?"), LINE);
const samplesOf = (bytes: Uint8Array) => new Int16Array(bytes.slice(0, bytes.length & ~1).buffer);
const recording = readFileSync(`${import.meta.dirname}/../../fixtures/recordings/simulated-clean.wav`).subarray(44);

export const cardDecoders: readonly DamagedDecoder[] = [
  ...([1, 2, 3] as const).flatMap((number): DamagedDecoder[] => [
    {
      name: `track ${number}`,
      of: ["card/track#parseTrack"],
      samples: [of(number)],
      decode: (bytes) => parseTrack(number, bytes),
      codes: /^track_/,
    },
    {
      name: `bits of track ${number}`,
      of: ["card/bit-stream#decodeBitStream"],
      samples: [encodeBitStream(number, of(number))],
      decode: (bytes) => decodeBitStream(number, bytes),
      codes: /^track_(sentinel|parity|lrc|too_long)$/,
    },
    {
      name: `masking of track ${number}`,
      of: ["card/masking#maskTrack", "card/masking#maskPan"],
      samples: [of(number)],
      decode: (bytes) => checkShown(maskTrack(number, bytes), 6),
    },
    {
      name: `reader's mask of track ${number}`,
      of: ["readMaskedTrack", "maskedPanOf", "shownServiceCode"].map((name) => `card/reader-mask#${name}`),
      samples: [ascii(magtek.hid_level3_encrypted.masked[number - 1] ?? "")],
      decode(bytes) {
        const text = readMaskedTrack(number, bytes);
        if (text === undefined) return;
        checkShown(maskedPanOf(number, text), 6);
        shownServiceCode(number, text);
      },
    },
  ]),
  {
    name: "service code",
    of: ["card/service-code#readServiceCode", "card/service-code#pinByServiceCode"],
    samples: [ascii("220")],
    decode: (bytes) => [readServiceCode(bytes), pinByServiceCode(bytes)],
  },
  {
    // A second of samples takes the decoder tens of milliseconds: one of two thousand inputs.
    name: "recording of a swipe",
    of: ["waveform/waveform-decoder#WaveformDecoder"],
    samples: [Uint8Array.from(recording)],
    share: 0.0005,
    decode(bytes) {
      const decoder = new WaveformDecoder({ sampleRate: 16_000 });
      for (const event of [...decoder.push(samplesOf(bytes)), ...decoder.flush()]) {
        if (event.kind === "failure") continue;
        for (const { data } of event.tracks) data.wipe();
      }
    },
  },
  {
    // So does a frame of the modem, whose own tests damage its signal as a line does.
    name: "recording of the modem",
    of: ["waveform/modem/modem-decoder#ModemDecoder"],
    samples: [new Uint8Array(Int16Array.from(modemFrame, (sample) => sample * 32_767).buffer)],
    share: 0.002,
    decode(bytes) {
      const decoder = new ModemDecoder(LINE);
      for (const event of [...decoder.push(samplesOf(bytes)), ...decoder.flush()]) {
        if (event.kind === "frame") event.payload.wipe();
      }
    },
  },
  ...[readReaderMessage, readHostMessage].map(
    (read): DamagedDecoder => ({
      name: `modem: ${read.name}`,
      of: [`waveform/modem/modem-message#${read.name}`],
      samples: [{ type: "identify", sequence: 1 } as const, identity].map((message) => {
        const { messageKind, payload } = encodeModemMessage(message);
        return Uint8Array.of(messageKind, ...payload);
      }),
      codes: /^modem_message_invalid$/,
      decode(bytes) {
        const message = read({ messageKind: bytes[0] ?? 0, payload: SensitiveBytes.copyOf(bytes.subarray(1)) });
        if (message?.type === "reader-frame") message.frame.wipe();
      },
    }),
  ),
];
