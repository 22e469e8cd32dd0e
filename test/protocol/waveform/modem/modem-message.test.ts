import { crc32 } from "@swipewire/protocol/crc32";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import type { ModemFrame } from "@swipewire/protocol/waveform/modem/modem-event";
import {
  encodeModemMessage,
  type HostMessage,
  type ReaderMessage,
  readHostMessage,
  readReaderMessage,
} from "@swipewire/protocol/waveform/modem/modem-message";
import fc from "fast-check";
import t from "tap";
import { fuzzRuns } from "../../../fuzz-runs.ts";

const frameOf = (messageKind: number, payload: Uint8Array): ModemFrame => ({
  kind: "frame",
  start: 0,
  end: 0,
  messageKind,
  payload: SensitiveBytes.copyOf(payload),
  strength: 1,
  corrected: 0,
});

t.test("CRC-32 is IEEE 802.3's", async (t) => {
  t.equal(crc32(new TextEncoder().encode("123456789")), 0xcbf43926);
  t.equal(crc32(new Uint8Array(0)), 0);
});

t.test("every message comes back, to the side it is for only", async (t) => {
  const fromReader: ReaderMessage[] = [
    { type: "identity", sequence: 7, model: "Sample 1", serial: "", firmware: "1.0.2" },
    { type: "armed", sequence: 255, seconds: 0 },
  ];
  const fromHost: HostMessage[] = [
    { type: "arm", sequence: 0, seconds: 60 },
    { type: "identify", sequence: 9 },
  ];
  for (const message of fromReader) {
    const { messageKind, payload } = encodeModemMessage(message);
    t.strictSame(readReaderMessage(frameOf(messageKind, payload)), message);
    t.equal(readHostMessage(frameOf(messageKind, payload)), undefined);
  }
  for (const message of fromHost) {
    const { messageKind, payload } = encodeModemMessage(message);
    t.strictSame(readHostMessage(frameOf(messageKind, payload)), message);
    t.equal(readReaderMessage(frameOf(messageKind, payload)), undefined);
  }
  const bytes = Uint8Array.of(1, 2, 3);
  const { messageKind, payload } = encodeModemMessage({ type: "reader-frame", frame: SensitiveBytes.copyOf(bytes) });
  const read = readReaderMessage(frameOf(messageKind, payload));
  t.strictSame(read?.type === "reader-frame" && read.frame.use((frame) => Uint8Array.from(frame)), bytes);
});

t.test("any payload is a message or a typed failure, and is wiped", async (t) => {
  let failures = 0;
  fc.assert(
    fc.property(
      fc.oneof(fc.constantFrom(1, 2, 3, 0x81, 0x82), fc.nat(255)),
      fc.uint8Array({ maxLength: 20 }),
      (kind, payload) => {
        for (const read of [readReaderMessage, readHostMessage]) {
          const frame = frameOf(kind, payload);
          try {
            read(frame);
          } catch (failure) {
            failures++;
            if ((failure as { code?: string }).code !== "modem_message_invalid") return false;
          }
          if (!frame.payload.wiped) return false;
        }
        return true;
      },
    ),
    { seed: 9, numRuns: fuzzRuns },
  );
  t.ok(failures > fuzzRuns / 10);
});
