import { readerFamilies } from "@swipewire/protocol/readers/families";
import { arm } from "@swipewire/protocol/readers/idtech-commands/arm";
import { baudRateSetting } from "@swipewire/protocol/readers/idtech-commands/baud-rate";
import {
  type IdtechSecurityLevel,
  SECURITY_LEVEL_FUNCTION,
  securityLevelOf,
} from "@swipewire/protocol/readers/idtech-commands/encryption";
import { encodeFrame } from "@swipewire/protocol/readers/idtech-commands/message";
import { oposMode } from "@swipewire/protocol/readers/idtech-commands/opos-mode";
import { readBuffered } from "@swipewire/protocol/readers/idtech-commands/read-buffered";
import { reset } from "@swipewire/protocol/readers/idtech-commands/reset";
import { review } from "@swipewire/protocol/readers/idtech-commands/review";
import { set } from "@swipewire/protocol/readers/idtech-commands/set";
import { version } from "@swipewire/protocol/readers/idtech-commands/version";
import { Seconds } from "@swipewire/protocol/time";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import { PUBLISHED_BDK } from "@swipewire/simulator/readers/published-frames";
import { virtualReader } from "@swipewire/simulator/readers/virtual-reader";
import t from "tap";
import { ascii, hex, hexOf } from "../../protocol/readers/frame-samples.ts";
import { seededRandom } from "../../seeded-random.ts";
import { SimulatedClock } from "../../simulated-clock.ts";

const CARD = testCard("visa-no-pin");

function begin(level?: IdtechSecurityLevel) {
  const clock = new SimulatedClock();
  const reader = virtualReader("idtech", {
    bdk: PUBLISHED_BDK,
    ksn: hex("62994901190000000001"),
    device: { clock, random: seededRandom(1), ...(level && { idtechLevel: level }) },
  });
  const ask = (bytes: Uint8Array) => reader.commands?.hear(bytes)?.reply ?? new Uint8Array();
  return { clock, reader, ask };
}

t.test("tells its version, its settings and its security level, and takes new settings", async (t) => {
  const { ask } = begin();
  t.strictSame(version.decodeResponse(ask(version.encodeRequest())), { version: "ID TECH TM3 V1.00" });
  const level = review.decodeResponse(ask(review.encodeRequest({ functionId: SECURITY_LEVEL_FUNCTION })));
  t.equal(securityLevelOf(level), "encrypted");
  const postamble = { functionId: 0xd3, data: hex("0D") };
  t.equal(set.decodeResponse(ask(set.encodeRequest(postamble))), undefined);
  t.strictSame(review.decodeResponse(ask(review.encodeRequest({ functionId: 0xd3 }))), postamble);
  t.equal(set.decodeResponse(ask(set.encodeRequest(baudRateSetting(115_200)))), undefined);
});

t.test("hears a command however it is cut, and what is cut off not at all", async (t) => {
  const { ask, clock, reader } = begin();
  const request = review.encodeRequest({ functionId: 0xd3 });
  const pieces = Array.from(request, (byte) => ask(Uint8Array.of(byte)));
  t.strictSame(
    pieces.map(({ length }) => length > 0),
    [false, false, false, false, true],
  );
  t.equal(ask(Uint8Array.of(...request, ...version.encodeRequest())).length, 6 + 21, "two at once");
  t.equal(reader.commands?.hear(request.subarray(0, 3)), undefined);
  await clock.advance(Seconds(2));
  t.equal(ask(request).length, 6, "what was begun before is forgotten");
  t.equal(reader.commands?.hear(ascii("noise")), undefined);
});

t.test("at its clear level it sends lines", async (t) => {
  const { reader } = begin("clear");
  t.ok(readerFamilies.ascii.decode(reader.nextFrame(CARD)).tracks[1].clear);
  const { reader: encrypting } = begin();
  t.ok(readerFamilies.idtech.decode(encrypting.nextFrame(CARD)).encryption);
});

t.test("armed, it keeps the next card until it is asked for it", async (t) => {
  const { ask, reader } = begin();
  const read = readBuffered.encodeRequest({ tracks: "1, 2 and 3" });
  const any = readBuffered.encodeRequest({ tracks: "any" });
  t.equal(hexOf(ask(any)), "18", "nothing there");
  t.equal(arm.decodeResponse(ask(arm.encodeRequest({ armed: true }))), undefined);
  t.equal(reader.nextFrame(CARD).length, 0);
  const { data } = readBuffered.decodeResponse(ask(any));
  t.equal(
    data.use((bytes) => readerFamilies.idtech.decode(bytes).encryption?.ksn.length),
    10,
  );
  t.equal(ask(read).length > 1, CARD.tracks.length === 3, "only where those tracks were read");
  t.ok(reader.nextFrame(CARD).length > 0, "one card");
  ask(arm.encodeRequest({ armed: false }));
  t.equal(hexOf(ask(any)), "18");
  ask(arm.encodeRequest({ armed: true }));
  t.equal(reset.decodeResponse(ask(reset.encodeRequest())), undefined);
  t.ok(reader.nextFrame(CARD).length > 0, "a reset disarms");
});

t.test("what the manual does not allow is refused", async (t) => {
  const { ask } = begin();
  const opos = oposMode.encodeRequest({ mode: hex("0130") });
  t.equal(hexOf(ask(opos)), "06");
  t.equal(hexOf(ask(opos)), "17");
  for (const [bytes, expected] of [
    [review.encodeRequest({ functionId: 0x99 }), "16"],
    [set.encodeRequest({ functionId: 0x99, data: ascii("1") }), "16"],
    [set.encodeRequest({ functionId: SECURITY_LEVEL_FUNCTION, data: ascii("1") }), "15"],
    [set.encodeRequest({ functionId: 0x1a, data: ascii("7") }), "15"],
    [set.encodeRequest({ functionId: 0x41, data: ascii("x") }), "15"],
    [set.encodeRequest({ functionId: 0xd2, data: new Uint8Array(16) }), "15"],
    [encodeFrame(hex("52")), "15"],
    [encodeFrame(hex("5352")), "15"],
    [encodeFrame(hex("500131")), "15"],
    [encodeFrame(hex("5101")), "15"],
    [encodeFrame(hex("4901")), "15"],
    [encodeFrame(hex("99")), "15"],
    [Uint8Array.of(2, ...new Uint8Array(1026).fill(0x41)), "15"],
  ] as const) {
    t.equal(hexOf(ask(bytes)), expected, Buffer.from(bytes).toString("hex").slice(0, 20));
  }
});
