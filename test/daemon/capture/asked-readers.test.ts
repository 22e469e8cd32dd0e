import { captureOf, recordingOf } from "@swipewire/daemon/capture/recording";
import { replay, wipeEvents } from "@swipewire/daemon/capture/replay";
import { takeCapture } from "@swipewire/daemon/capture/take-capture";
import { Tapes } from "@swipewire/daemon/capture/tapes";
import { withBuiltIn } from "@swipewire/daemon/readers/profile-match";
import { ReaderRegistry } from "@swipewire/daemon/readers/reader-registry";
import type { ReaderProfile } from "@swipewire/protocol/readers/profiles";
import { Millis, Seconds } from "@swipewire/protocol/time";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import { PUBLISHED_BDK } from "@swipewire/simulator/readers/published-frames";
import type { ReaderDevice } from "@swipewire/simulator/readers/virtual-reader";
import { readerKinds, readerOfKind } from "@swipewire/simulator/usbip/reader-kinds";
import { UsbReader } from "@swipewire/simulator/usbip/usb-reader";
import { SerialPortMock } from "serialport";
import t from "tap";
import { seededRandom } from "../../seeded-random.ts";
import { SimulatedClock } from "../../simulated-clock.ts";
import { SimulatedHost } from "../../simulator/script/simulated-host.ts";
import { capturedLog } from "../captured-log.ts";

const OWN: readonly ReaderProfile[] = [
  {
    ...{ name: "native reader", vendorId: "1209", productId: "0003", shownAs: "serial" },
    family: "idtech",
    framing: "native",
    quirks: [],
  },
  {
    ...{ name: "bulk reader", vendorId: "1209", productId: "0004", shownAs: "vendor" },
    family: "idtech",
    quirks: [],
  },
];

async function captured(name: string, device: Partial<ReaderDevice>) {
  SerialPortMock.binding.reset();
  const kind = readerKinds.find((kind) => kind.name === name);
  if (!kind) throw new Error(name);
  const clock = new SimulatedClock();
  const host = new SimulatedHost();
  const random = seededRandom(1);
  const { logger } = capturedLog();
  const profiles = withBuiltIn(OWN);
  const tapes = new Tapes({ clock, profiles });
  const finder = new ReaderRegistry({
    source: tapes.source(host),
    profiles,
    serial: (options) => host.serial(options, (given) => tapes.serial(given)),
    clock,
    random,
    logger,
  });
  const taking = takeCapture({
    transports: [],
    finder,
    tapes,
    clock,
    random,
    logger,
    patience: Seconds(60),
    draws: 1,
    unread: false,
    readerCame: () => {},
    misread: () => {},
  });
  const ksn = new Uint8Array(10).fill(1, 0, 7);
  const all = { clock, random: seededRandom(2), ...device };
  const reader = readerOfKind(kind, { bdk: PUBLISHED_BDK, ksn, device: all });
  const usb = new UsbReader({ kind, clock, serialNumber: "A1", ...(reader.commands && { commands: reader.commands }) });
  host.plug(usb);
  await clock.advance(Millis(2500));
  const sending = usb.send(reader.nextFrame(testCard("visa-no-pin")));
  await clock.advance(Seconds(62));
  await sending;
  return taking;
}

for (const [name, device, family, kind, answers] of [
  ["keyboard", {}, "magtek-keyboard", "encrypted", 1],
  ["keyboard", { magtekLevel: 2 }, "ascii", "clear", 2],
  ["idtech-serial", {}, "idtech", "encrypted", undefined],
  ["idtech-serial", { idtechLevel: "clear" }, "ascii", "clear", undefined],
  ["native", {}, "idtech", "encrypted", undefined],
  ["vendor-bulk", {}, "idtech", "encrypted", 0],
] as const) {
  t.test(`${name} that says it sends ${family} is captured and replayed as that`, async (t) => {
    const taken = await captured(name, device);
    if (!taken) throw new Error("nothing was captured");
    const capture = captureOf(taken.recording, 0);
    t.equal(capture.reader.transport === "usb" ? capture.reader.answers.length : undefined, answers);
    const events = await replay(recordingOf(capture), seededRandom(3));
    t.match(
      events.map(({ swipe, failure }) => swipe ?? failure.code),
      [{ family, kind }],
    );
    wipeEvents(events);
  });
}
