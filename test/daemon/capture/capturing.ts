import { type CaptureOptions, takeCapture } from "@swipewire/daemon/capture/take-capture";
import { Tapes } from "@swipewire/daemon/capture/tapes";
import type { DeviceSource, PluggedDevice } from "@swipewire/daemon/readers/device-source";
import { ReaderRegistry } from "@swipewire/daemon/readers/reader-registry";
import type { CaptureListener } from "@swipewire/daemon/transports/audio-capture";
import type { ReportListener } from "@swipewire/daemon/transports/report-transport";
import type { StreamFamily } from "@swipewire/protocol/readers/frame-streams";
import { readerProfiles } from "@swipewire/protocol/readers/profiles";
import { Millis, Seconds } from "@swipewire/protocol/time";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import { PUBLISHED_BDK } from "@swipewire/simulator/readers/published-frames";
import { virtualReader } from "@swipewire/simulator/readers/virtual-reader";
import { readerKinds } from "@swipewire/simulator/usbip/reader-kinds";
import { SerialPortMock } from "serialport";
import { seededRandom } from "../../seeded-random.ts";
import { SimulatedClock, settle } from "../../simulated-clock.ts";
import { capturedLog } from "../captured-log.ts";

export type UsbKind = "magtek" | "idtech" | "hid-msr" | "keyboard";

const kindOf = (name: UsbKind) => {
  const kind = readerKinds.find((kind) => kind.name === name);
  if (kind?.shape.kind !== "hid") throw new Error(name);
  return { ...kind, shape: kind.shape };
};

/** What a virtual reader of this kind sends for a card, as reports. */
export function reportsOf(kind: UsbKind, card: string): Uint8Array[] {
  const { family, split } = kindOf(kind);
  const reader = virtualReader(family, { bdk: PUBLISHED_BDK, ksn: new Uint8Array(10).fill(1, 0, 7) });
  return split(reader.nextFrame(testCard(card)));
}

export function frameOf(family: StreamFamily, card: string): Uint8Array {
  const reader = virtualReader(family, { bdk: PUBLISHED_BDK, ksn: new Uint8Array(10).fill(1, 0, 7) });
  return reader.nextFrame(testCard(card));
}

function deviceOf(kind: UsbKind): PluggedDevice {
  const { vendorId, productId, shape } = kindOf(kind);
  const ids = { address: "/dev/hidraw3", port: "1-2", vendorId, productId };
  if (shape.bootProtocol === 1) return { ...ids, shownAs: "keyboard" };
  const usagePage = kind === "hid-msr" ? 0x8e : 0xff00;
  return { ...ids, shownAs: "hid", usagePage, reportDescriptor: shape.reportDescriptor };
}

export interface Capturing {
  /** Has the reader send it. */
  send(...pieces: readonly Uint8Array[]): Promise<void>;
  /** Time passes until the capture is over, or refused. */
  end(): ReturnType<typeof takeCapture>;
  readonly tapes: Tapes;
  readonly failures: readonly string[];
  readonly log: ReturnType<typeof capturedLog>;
}

type Choices = Partial<Pick<CaptureOptions, "draws" | "unread">>;

/** A capture from a simulated reader: on USB, on a serial line, or on a sound input. */
export async function capturing(
  reader: { readonly usb: UsbKind } | { readonly serial: StreamFamily } | { readonly audio: number },
  { draws = 1, unread = false }: Choices = {},
): Promise<Capturing> {
  const clock = new SimulatedClock();
  const random = seededRandom(4);
  const log = capturedLog();
  const tapes = new Tapes({ clock, profiles: readerProfiles });
  const failures: string[] = [];
  let give: (piece: Uint8Array) => void = () => {};

  const common = { name: "counter", clock, random };
  const transports = [];
  let source: DeviceSource | undefined;
  if ("usb" in reader) {
    source = {
      list: async () => [deviceOf(reader.usb)],
      addressOf: async (path) => path,
      open: async (_, listener: ReportListener) => {
        give = (piece) => listener.report(piece);
        return { close: async () => {} };
      },
      watch: async () => () => {},
    };
  } else if ("serial" in reader) {
    SerialPortMock.binding.reset();
    SerialPortMock.binding.createPort("/dev/ttyMOCK");
    const line = { ...common, path: "/dev/ttyMOCK", baudRate: 9600, family: reader.serial };
    transports.push(
      tapes.serial({
        ...line,
        port: (options) => {
          const port = new SerialPortMock(options);
          give = (piece) => port.port?.emitData(Buffer.from(piece));
          return port;
        },
      }),
    );
  } else {
    transports.push(
      tapes.audio({
        ...common,
        source: "hw:CARD=Jack",
        channels: 1,
        warn: () => {},
        record: async (_, listener: CaptureListener) => {
          listener.begins(reader.audio);
          give = (piece) => listener.report(piece);
          return { close: async () => {} };
        },
      }),
    );
  }
  const finder = source && new ReaderRegistry({ source: tapes.source(source), ...common, logger: log.logger });
  const taking = takeCapture({
    transports,
    ...(finder && { finder }),
    tapes,
    clock,
    random,
    logger: log.logger,
    patience: Seconds(60),
    draws,
    unread,
    readerCame: () => {},
    misread: ({ code }) => failures.push(code),
  });
  // Whoever waits for it comes later.
  taking.catch(() => {});
  await settle();
  return {
    tapes,
    failures,
    log,
    async send(...pieces) {
      for (const piece of pieces) {
        give(piece.slice());
        await clock.advance(Millis(10));
      }
      // Lines are taken for a frame when no other follows.
      await clock.advance(Millis(150));
    },
    async end() {
      await clock.advance(Seconds(62));
      return taking;
    },
  };
}
