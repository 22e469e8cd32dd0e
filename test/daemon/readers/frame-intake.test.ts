import { FrameIntake } from "@swipewire/daemon/readers/frame-intake";
import { InProcessTransport } from "@swipewire/daemon/transports/in-process";
import type { ReaderListener, ReaderTransport } from "@swipewire/daemon/transports/reader-transport";
import type { Swipe } from "@swipewire/protocol/card/swipe";
import type { ReaderPresence } from "@swipewire/protocol/messages/presence";
import { asciiLines } from "@swipewire/protocol/readers/ascii-lines";
import { readerFamilyNames } from "@swipewire/protocol/readers/families";
import { hidMsr } from "@swipewire/protocol/readers/hid-msr";
import type { FixedFamily, ReaderCodec } from "@swipewire/protocol/readers/reader-frame";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import { hidMsrDescriptors } from "@swipewire/simulator/readers/hid-msr-descriptors";
import { virtualReader } from "@swipewire/simulator/readers/virtual-reader";
import fc from "fast-check";
import t from "tap";
import idtech from "../../fixtures/idtech.json" with { type: "json" };
import magtek from "../../fixtures/magtek.json" with { type: "json" };
import { SimulatedClock } from "../../simulated-clock.ts";
import { findSecret } from "../../system/secrets.ts";
import { capturedLog } from "../captured-log.ts";
import { asciiFrame, bytesOf, PAN, TRACK_1, TRACK_2 } from "../test-swipes.ts";

const nameOf = (family: FixedFamily | ReaderCodec) => (typeof family === "string" ? family : family.family);

function begin(...families: (FixedFamily | ReaderCodec)[]) {
  const log = capturedLog();
  const transports = families.map((family) => new InProcessTransport({ family, name: `${nameOf(family)} reader` }));
  const intake = new FrameIntake({ transports, clock: new SimulatedClock(), logger: log.logger });
  const swipes: Swipe[] = [];
  const failures: string[] = [];
  const presence: ReaderPresence[] = [];
  intake.open({
    readerChanged: (reader) => presence.push(reader),
    swiped: (swipe) => swipes.push(swipe),
    misread: ({ code }) => failures.push(code),
  });
  for (const transport of transports) transport.connect();
  const [first] = transports;
  return { intake, transports, deliver: (bytes: Uint8Array) => first?.deliver(bytes), swipes, failures, presence, log };
}

const hex = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));

t.test("makes a swipe of each family's published frame", async (t) => {
  const plain = begin("ascii");
  plain.deliver(asciiFrame());
  t.match(plain.swipes, [{ kind: "clear", family: "ascii", tracks: [{ number: 1 }, { number: 2 }] }]);
  const clear = begin("magtek-sureswipe", "magtek-magnesafe");
  clear.transports[1]?.deliver(hex(magtek.hid_level2_clear.report));
  t.match(clear.swipes, [{ kind: "clear", family: "magtek-magnesafe" }]);
});

t.test("makes a swipe of a HID POS report that its reader's own descriptor lays out", async (t) => {
  for (const { bytes, name } of hidMsrDescriptors) {
    const codec = hidMsr(bytes);
    const { deliver, swipes, presence } = begin(codec);
    deliver(
      virtualReader(codec, { bdk: new Uint8Array(16), ksn: new Uint8Array(10) }).nextFrame(testCard("visa-no-pin")),
    );
    t.match(swipes, [{ kind: "clear", family: "hid-msr", tracks: [{ number: 1 }, { number: 2 }] }], name);
    t.match(presence, [{ connected: true, family: "hid-msr" }]);
  }
});

t.test("tells of each broken frame by its own code, counts it, and takes the next", async (t) => {
  const { deliver, failures, intake, swipes } = begin("ascii");
  deliver(bytesOf(""));
  deliver(bytesOf(TRACK_1.slice(1)));
  deliver(bytesOf(`${TRACK_2.slice(0, -1)}\r`));
  deliver(bytesOf(`${"5".repeat(400)}\r`));
  deliver(bytesOf(";E?\r"));
  deliver(bytesOf(";4111111111111111?\r"));
  deliver(bytesOf(";4111111111111111=3O122010000012345678?\r"));
  t.equal(failures.length, 7);
  t.ok(
    failures.every((code) => /^(reader|track)_/.test(code)),
    failures.join(", "),
  );
  t.equal(
    Object.values(intake.dropped).reduce((a, b) => a + b, 0),
    7,
  );
  deliver(asciiFrame());
  t.equal(swipes.length, 1);
});

t.test("tells a wrong LRC, checksum or length of a frame from each other", async (t) => {
  const frame = hex(idtech.original_format.hex);
  const broken = (change: (bytes: Uint8Array) => Uint8Array) => {
    const { deliver, failures } = begin("idtech");
    deliver(change(frame.slice()));
    return failures;
  };
  const flip = (at: number) => (bytes: Uint8Array) => bytes.with(bytes.length + at, (bytes.at(at) ?? 0) ^ 1);
  t.strictSame(broken(flip(-3)), ["reader_frame_lrc"]);
  t.strictSame(broken(flip(-2)), ["reader_frame_checksum"]);
  const shorter = broken((bytes) => bytes.subarray(0, -9));
  t.strictSame(shorter, ["reader_frame_end"]);
  const wrongLength = broken((bytes) => bytes.with(1, (bytes[1] ?? 0) + 1));
  t.strictSame(wrongLength, ["reader_frame_length"]);
});

t.test("overwrites the reader's bytes, whether they were a swipe or not", async (t) => {
  let reader: ReaderListener | undefined;
  const transport: ReaderTransport = {
    codec: asciiLines,
    name: "counter",
    open: (listener) => {
      reader = listener;
    },
    close: async () => {},
  };
  const intake = new FrameIntake({
    transports: [transport],
    clock: new SimulatedClock(),
    logger: capturedLog().logger,
  });
  const swipes: Swipe[] = [];
  intake.open({ readerChanged: () => {}, swiped: (swipe) => swipes.push(swipe), misread: () => {} });
  for (const frame of [asciiFrame(), bytesOf(TRACK_2.slice(1))]) {
    reader?.frame(frame);
    t.ok(frame.every((byte) => byte === 0));
  }
  t.match(swipes, [{ tracks: [{ data: { wiped: false } }, { data: { wiped: false } }] }], "the swipe has its own");
});

t.test("survives whatever bytes come", async (t) => {
  const families = readerFamilyNames;
  for (const family of families) {
    const { deliver, failures, swipes } = begin(family);
    const property = fc.property(fc.uint8Array({ maxLength: 900 }), (bytes) => {
      const before = failures.length + swipes.length;
      deliver(bytes);
      return failures.length + swipes.length === before + 1;
    });
    fc.assert(property, { seed: 5, numRuns: 200 });
    t.notOk(failures.includes("reader_fault"), family);
  }
});

t.test("shows the reader that is connected, and the next one when it goes", async (t) => {
  const { transports, presence, intake } = begin("ascii", "idtech");
  const [ascii, idtech] = transports;
  ascii?.disconnect();
  idtech?.disconnect();
  t.match(presence, [
    { connected: true, family: "ascii", name: "ascii reader" },
    { connected: true, family: "ascii" },
    { connected: true, family: "idtech" },
    { connected: false },
  ]);
  t.strictSame(intake.presence, { connected: false });
});

t.test("logs codes and counts, and nothing that was on a card", async (t) => {
  const { deliver, log } = begin("ascii");
  deliver(asciiFrame());
  deliver(asciiFrame(`${TRACK_2}!`));
  deliver(bytesOf(TRACK_2.replace("=", "x")));
  t.ok(log.lines().some((line) => line["dropped"] === 1 && typeof line["code"] === "string"));
  for (const secret of [PAN, TRACK_1, TRACK_2]) t.strictSame(findSecret(Buffer.from(log.text()), secret), []);
});

t.test("what is no swipe again and again is a warning each time at first, then whenever it doubled", async (t) => {
  const { deliver, log, failures } = begin("ascii");
  const warnings = () =>
    log
      .lines()
      .filter((line) => line["level"] === 40)
      .map((line) => line["inARow"]);
  for (let n = 0; n < 70; n++) deliver(bytesOf(";E?\r"));
  t.equal(failures.length, 70, "whoever waits for a swipe hears of each");
  t.strictSame(warnings(), [...Array.from({ length: 16 }, (_, n) => n + 1), 32, 64]);
  deliver(asciiFrame());
  deliver(bytesOf(";E?\r"));
  t.equal(warnings().at(-1), 1);
});
