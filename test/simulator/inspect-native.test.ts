import { encodeNativeFrame } from "@swipewire/protocol/readers/native-frame";
import {
  encodeModemMessage,
  type HostMessage,
  type ReaderMessage,
} from "@swipewire/protocol/waveform/modem/modem-message";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import { nativeProfile } from "@swipewire/simulator/inspect/native-profile";
import { asJson, asText } from "@swipewire/simulator/inspect/print";
import { PUBLISHED_BDK as bdk } from "@swipewire/simulator/readers/published-frames";
import { virtualReader } from "@swipewire/simulator/readers/virtual-reader";
import t from "tap";

const card = testCard("visa-no-pin");
const framed = (message: ReaderMessage | HostMessage) => {
  const { messageKind, payload } = encodeModemMessage(message);
  return encodeNativeFrame(messageKind, payload);
};
const swiped = encodeNativeFrame(
  1,
  virtualReader("idtech", { bdk, ksn: new Uint8Array(10).fill(1, 0, 7) }).nextFrame(card),
);

t.test("shows the reader frame of a swipe, masked, and opened with a test key", async (t) => {
  const closed = nativeProfile(swiped, {});
  t.equal(closed.failure, undefined);
  t.match(closed, { profile: "native, idtech", length: swiped.length, fields: { message: "reader-frame" } });
  t.ok(closed.checks.every(({ passed }) => passed));
  const [, track2] = card.tracks;
  const digits = Buffer.from(track2?.data ?? [])
    .toString("latin1")
    .slice(1, 17);
  for (const shown of [asText(closed), asJson(closed)]) t.notMatch(shown, new RegExp(digits));
  t.match(asText(nativeProfile(swiped, { bdk })), new RegExp(digits), "a test card's, with a test key");
  t.match(
    nativeProfile(swiped.subarray(1, -1), {}),
    { failure: undefined, profile: "native, idtech" },
    "without zeros",
  );
});

t.test("shows what else is said, both ways", async (t) => {
  const identity = { type: "identity", sequence: 3, model: "M", serial: "S", firmware: "1" } as const;
  t.match(nativeProfile(framed(identity), {}), {
    fields: { message: "identity", sequence: "3", model: "M", serial: "S", firmware: "1" },
  });
  t.match(nativeProfile(framed({ type: "arm", sequence: 7, seconds: 30 }), {}), {
    fields: { message: "arm", sequence: "7", seconds: "30" },
  });
});

t.test("says what is wrong with a broken one", async (t) => {
  const arm = framed({ type: "arm", sequence: 7, seconds: 30 });
  for (const [capture, code] of [
    [arm.with(3, 9), "reader_frame_checksum"],
    [arm.with(1, 99), "reader_frame_field"],
    [new Uint8Array(4), "reader_frame_length"],
    [Uint8Array.of(...arm, ...arm), "reader_frame_length"],
    [encodeNativeFrame(0x55, new Uint8Array(2)), "modem_message_invalid"],
    [encodeNativeFrame(0x01, Uint8Array.of(9, 9)), "reader_family_unknown"],
  ] as const) {
    const inspection = nativeProfile(capture, {});
    t.equal(inspection.failure?.code, code);
    t.equal(
      inspection.checks.some(({ passed }) => !passed),
      code !== "reader_family_unknown",
    );
  }
});
