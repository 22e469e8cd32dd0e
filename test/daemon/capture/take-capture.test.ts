import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { replayFile, resultsOf, writeCapture } from "@swipewire/daemon/capture/command";
import type { Captured } from "@swipewire/daemon/capture/take-capture";
import { readReaderCapture } from "@swipewire/protocol/readers/reader-capture";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import { Dice } from "@swipewire/simulator/waveform/dice";
import { swipeSignal } from "@swipewire/simulator/waveform/swipe-signal";
import t, { type Test } from "tap";
import { seededRandom } from "../../seeded-random.ts";
import { SimulatedClock } from "../../simulated-clock.ts";
import { type Capturing, capturing, frameOf, reportsOf, type UsbKind } from "./capturing.ts";

const RATE = 44_100;
const ascii = (text: string) => Uint8Array.from(Buffer.from(text, "latin1"));
const folder = mkdtempSync(join(tmpdir(), "swipewire-capture-"));
t.teardown(() => rmSync(folder, { recursive: true }));
let files = 0;

/** Writes it as a file, and sends the file through the decoders. */
async function written(captured: Captured | undefined) {
  if (!captured) throw new Error("nothing was captured");
  const file = join(folder, `${files++}.json`);
  const told = await writeCapture(captured, { file, about: "in a test", clock: new SimulatedClock() });
  const capture = readReaderCapture(readFileSync(file));
  return { file, told, capture, results: resultsOf(await replayFile(file, seededRandom(2))) };
}

/** Whoever refuses keeps nothing. */
async function refused(t: Test, capture: Capturing, code: string, name?: string) {
  const [recording] = capture.tapes.recordings;
  await t.rejects(capture.end(), { code }, name ?? code);
  const kept = recording?.pieces.flatMap(({ bytes }) => [...bytes]) ?? [];
  t.ok(kept.length > 0 && kept.every((byte) => byte === 0), "and what it sent is overwritten");
}

const sound = (card: string, seed = 7) => {
  const [, track2] = testCard(card).tracks;
  if (!track2) throw new Error(card);
  const conditions = {
    sampleRate: RATE,
    hand: { speed: 30 },
    head: { pulseWidth: 0.07 },
    line: { snr: 35, gain: 0.5 },
  };
  return pieces(swipeSignal(track2, conditions, new Dice(seed)));
};
const pieces = (samples: Float32Array) => {
  const bytes = new Uint8Array(Int16Array.from(samples, (value) => Math.round(value * 32_767)).buffer);
  return Array.from({ length: Math.ceil(bytes.length / 8820) }, (_, n) => bytes.slice(n * 8820, (n + 1) * 8820));
};
const silence = (seconds: number) => {
  const dice = new Dice(3);
  return pieces(Float32Array.from({ length: RATE * seconds }, () => dice.between(-0.00003, 0.00003)));
};

for (const [kind, shown] of [
  ["magtek", { family: "magtek-magnesafe", encrypted: true, maskedPan: "4111********1111" }],
  ["idtech", { family: "idtech", encrypted: true, maskedPan: "4111********1111" }],
  ["keyboard", { family: "magtek-keyboard", encrypted: true, maskedPan: "4111********1111" }],
  ["hid-msr", { family: "hid-msr", encrypted: false, maskedPan: "411111******1111" }],
] as const) {
  t.test(`captures a test card at a USB reader, ${kind}, and refuses another card`, async (t) => {
    const taken = await capturing({ usb: kind });
    await taken.send(...reportsOf(kind, "visa-no-pin"));
    const { capture, results, told } = await written(await taken.end());
    t.match(capture.reader, { transport: "usb", device: { shownAs: kind === "keyboard" ? "keyboard" : "hid" } });
    t.match(results, [{ swipe: { ...shown, tracks: [1, 2] } }]);
    t.equal(results.length, 1);
    t.match(told, /1111, Visa\n.*\nfile .*reports in \d+ ms/);

    const other = await capturing({ usb: kind });
    await other.send(...reportsOf(kind, "unionpay-credit"));
    await refused(t, other, "capture_card_refused");
    t.notMatch(other.log.text(), /6224242900000113/);
  });
}

for (const family of ["ascii", "idtech", "magtek-keyboard", "idtech-keyboard"] as const) {
  t.test(
    `captures a test card on a serial line, ${family}, in pieces of any size, and refuses another card`,
    async (t) => {
      const taken = await capturing({ serial: family });
      const frame = frameOf(family, "visa-no-pin");
      await taken.send(frame.slice(0, 7), frame.slice(7, 50), frame.slice(50));
      const { capture, results } = await written(await taken.end());
      t.match(capture.reader, { transport: "serial", family, baudRate: 9600 });
      t.match("pieces" in capture && capture.pieces.map(({ ms }) => ms), [0, 10, 20]);
      t.match(results, [{ swipe: { family, tracks: [1, 2] } }]);
      const other = await capturing({ serial: family });
      await other.send(frameOf(family, "unionpay-credit"));
      await refused(t, other, "capture_card_refused");
    },
  );
}

t.test("captures the sound of a test card, cut to the swipe, and refuses another card", async (t) => {
  const taken = await capturing({ audio: RATE });
  await taken.send(...silence(4), ...sound("visa-no-pin"), ...silence(3));
  const { capture, results } = await written(await taken.end());
  t.match(results, [{ swipe: { family: "ascii", maskedPan: "411111******1111", tracks: [2] } }]);
  const length = "wav" in capture ? Buffer.from(capture.wav, "base64").length : 0;
  t.ok(length > 44 && length < 2 * RATE * 3, `${length} bytes`);
  const other = await capturing({ audio: RATE });
  await other.send(...sound("unionpay-credit"), ...silence(2));
  await refused(t, other, "capture_card_refused");
});

t.test("sound that could not be read is never kept", async (t) => {
  // The card stopped halfway.
  const broken = sound("visa-no-pin").slice(0, 4);
  for (const unread of [false, true]) {
    const alone = await capturing({ audio: RATE }, { unread });
    await alone.send(...silence(1), ...broken, ...silence(2));
    t.match(alone.failures, [/^swipe_/]);
    t.equal(await alone.end(), undefined, `by itself, ${unread}`);
    const after = await capturing({ audio: RATE }, { unread, draws: 3 });
    await after.send(...sound("visa-no-pin"), ...silence(4), ...broken, ...silence(2));
    const captured = await after.end();
    t.ok(captured && captured.recording.pieces.length < 75, "long after a test card it is cut away");
  }
});

t.test("a card among test cards is enough to refuse them all", async (t) => {
  const taken = await capturing({ usb: "hid-msr" }, { draws: 2 });
  await taken.send(...reportsOf("hid-msr", "visa-no-pin"), ...reportsOf("hid-msr", "unionpay-credit"));
  await refused(t, taken, "capture_card_refused");
  const both = await capturing({ usb: "hid-msr" }, { draws: 2 });
  await both.send(...reportsOf("hid-msr", "visa-no-pin"), ...reportsOf("hid-msr", "amex"));
  t.match((await written(await both.end())).results, [{ swipe: {} }, { swipe: { maskedPan: "378282*****0005" } }]);
});

t.test(
  "what could not be read is kept on request only, and never beside a number that is no test card's",
  async (t) => {
    const broken = ascii("B4111111111111111^TEST CARD/VISA^30121010000000000?\r");
    const unasked = await capturing({ serial: "ascii" });
    await unasked.send(broken);
    t.strictSame(unasked.failures, ["reader_frame_start"]);
    t.strictSame(unasked.tapes.recordings, [], "nothing of it is kept");
    await unasked.send(frameOf("ascii", "visa-no-pin"));
    t.match(
      (await written(await unasked.end())).results,
      [{ swipe: { maskedPan: "411111******1111" } }],
      "but the next",
    );

    const asked = await capturing({ serial: "ascii" }, { unread: true });
    await asked.send(broken);
    const { results, told } = await written(await asked.end());
    t.strictSame(results, [{ failure: "reader_frame_start" }]);
    t.match(told, /^misread/);

    for (const foreign of ["B9999990000000003^A/B^3012?\r", ";999999000000000\r", "9999 9900 0000 0003\r"]) {
      const other = await capturing({ serial: "ascii" }, { unread: true });
      await other.send(ascii(foreign));
      await refused(t, other, "capture_number_found", foreign);
    }
    const beside = await capturing({ serial: "ascii" }, { draws: 2, unread: true });
    await beside.send(frameOf("ascii", "visa-no-pin"), ascii("x9999990000000003\r"));
    await refused(t, beside, "capture_number_found", "beside a test card");
    for (const unread of [false, true]) {
      const typed = await capturing({ serial: "magtek-keyboard" }, { unread, draws: unread ? 2 : 1 });
      await typed.send(ascii("99999900000000"), frameOf("magtek-keyboard", "visa-no-pin"));
      if (unread) await refused(t, typed, "capture_number_found", "typed before");
      else t.notMatch(JSON.stringify((await written(await typed.end())).capture), /3939393939393030/);
    }
  },
);

t.test("bytes that nothing is said of are no capture, and on request one", async (t) => {
  const bytes = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0);
  const silent = await capturing({ usb: "idtech" });
  await silent.send(bytes);
  await t.rejects(silent.end(), { code: "capture_unread", message: /no frame was found/ });
  const asked = await capturing({ usb: "idtech" }, { unread: true });
  await asked.send(bytes);
  t.strictSame((await written(await asked.end())).results, []);
  t.equal(await (await capturing({ usb: "idtech" })).end(), undefined, "and nothing is nothing");
});

t.test("a test card's frame that shows more digits than its decoder lets through is refused", async (t) => {
  // The mask of its track 3, which has no separator, is not taken for one.
  const taken = await capturing({ usb: "magtek" });
  await taken.send(...reportsOf("magtek", "idtech-sample"));
  await refused(t, taken, "capture_number_found");
});

t.test("a reader that encrypts has to show enough of the number", async (t) => {
  const kind: UsbKind = "idtech";
  const hide = (reports: Uint8Array[], from: string, to: string) => {
    const frame = Buffer.concat(reports);
    const at = frame.indexOf(from, 0, "latin1");
    t.ok(at > 0);
    frame.write(to, at, "latin1");
    return frame;
  };
  const [frame] = [Buffer.concat(reportsOf(kind, "visa-no-pin"))];
  const hidden = hide([hide([frame], "%*4111", "%*****")], ";4111", ";****");
  // The checks over the frame: LRC and sum of all between the length and them.
  const end = 3 + hidden.readUInt16LE(1);
  const content = hidden.subarray(3, end);
  hidden[end] = content.reduce((lrc, byte) => lrc ^ byte, 0);
  hidden[end + 1] = content.reduce((sum, byte) => sum + byte, 0) & 255;
  const taken = await capturing({ usb: kind });
  await taken.send(
    ...Array.from({ length: hidden.length / 64 }, (_, n) => Uint8Array.from(hidden.subarray(64 * n, 64 * n + 64))),
  );
  await refused(t, taken, "capture_card_hidden");
});

t.test("a file that is there is not written over", async (t) => {
  const file = join(folder, "once.json");
  for (const expected of [undefined, "capture_file_unwritable"]) {
    const taken = await capturing({ usb: "hid-msr" });
    await taken.send(...reportsOf("hid-msr", "visa-no-pin"));
    const captured = await taken.end();
    if (!captured) throw new Error("nothing was captured");
    const writing = writeCapture(captured, { file, clock: new SimulatedClock() });
    if (expected) await t.rejects(writing, { code: expected });
    else await writing;
    t.ok(captured.recording.pieces.every(({ bytes }) => bytes.every((byte) => byte === 0)));
  }
});
