import { type Clock, Millis, Seconds, sleep, type Timer } from "@swipewire/protocol/time";
import type { CommandSide } from "../readers/command-side.ts";
import { AcmFunction } from "./acm-function.ts";
import { HidFunction, type HidOptions } from "./hid-function.ts";
import type { InEndpoint } from "./in-endpoint.ts";
import type { ReaderKind } from "./reader-kinds.ts";
import { UsbDevice } from "./usb-device.ts";
import { VendorFunction } from "./vendor-function.ts";

/** Linux's hidraw keeps 64 reports for a program, and drops the rest without a word. */
const PACE = Millis(10);
/** A keyboard's reports are many and short. */
const TYPING_PACE = Millis(2);
/** A reader forgets what nobody fetches. */
const PATIENCE = Seconds(2);
/** A reader that is told to begin anew goes when its answer was fetched, or when nobody came for it. */
const AFTER_ANSWER = Millis(100);
const ANSWER_KEPT = Seconds(1);

export interface UsbReaderOptions {
  readonly kind: ReaderKind;
  readonly clock: Clock;
  /** Cheap readers have none. */
  readonly serialNumber?: string;
  /** What hears the host: feature reports where the kind has them, or a serial line's bytes. */
  readonly commands?: CommandSide;
  /** Told when a command has the reader begin anew: it goes off the bus and comes back. */
  readonly resets?: () => void;
}

/** A virtual reader on a USB cable: what is sent comes out of its endpoint at the pace of a real one. */
export class UsbReader {
  readonly kind: ReaderKind;
  readonly device: UsbDevice;
  readonly #clock: Clock;
  readonly #endpoint: InEndpoint;
  readonly #listening: () => boolean;

  constructor({ kind, clock, serialNumber, commands, resets = () => {} }: UsbReaderOptions) {
    const { vendorId, productId, manufacturer, product, shape } = kind;
    this.kind = kind;
    this.#clock = clock;
    const usbFunction =
      shape.kind === "hid"
        ? new HidFunction({ ...shape, ...featureOf(shape.featureLength, commands, clock, resets) })
        : shape.kind === "vendor"
          ? new VendorFunction(shape.transfer)
          : new AcmFunction((bytes) => void this.#say(commands?.hear(bytes)?.reply));
    this.#endpoint = usbFunction instanceof HidFunction ? usbFunction.reports : usbFunction.bytes;
    // A serial port that nobody opened loses what is sent to it.
    this.#listening = () => !(usbFunction instanceof AcmFunction) || usbFunction.open;
    this.device = new UsbDevice(
      { vendorId, productId, manufacturer, product, ...(serialNumber !== undefined && { serialNumber }) },
      usbFunction,
    );
  }

  /** One frame. @returns whether the host took all of it */
  send(frame: Uint8Array): Promise<boolean> {
    return this.sendReports(this.kind.split(frame));
  }

  /** Reports or packets as they are; overwrites them. */
  async sendReports(reports: readonly Uint8Array[]): Promise<boolean> {
    const typing = this.kind.shape.kind === "hid" && this.kind.shape.bootProtocol === 1;
    let taken = true;
    for (const report of reports) {
      taken = taken && this.#listening() && (await this.#sendOne(report));
      report.fill(0);
      if (taken) await sleep(this.#clock, typing ? TYPING_PACE : PACE);
    }
    return taken;
  }

  /** Every request is refused until the host clears the endpoint. */
  stall(): void {
    this.#endpoint.halt();
  }

  /** An answer on a serial line. */
  async #say(reply: Uint8Array | undefined): Promise<void> {
    if (reply) await this.#sendOne(reply);
  }

  #sendOne(report: Uint8Array): Promise<boolean> {
    const forget = this.#clock.after(PATIENCE, () => this.#endpoint.drop());
    return this.#endpoint.send(report).finally(() => forget.cancel());
  }
}

/** Commands in feature reports: the host sets one, and gets its answer, zeros behind it. */
function featureOf(
  length: number | undefined,
  commands: CommandSide | undefined,
  clock: Clock,
  resets: () => void,
): Pick<HidOptions, "feature"> {
  if (length === undefined || !commands) return {};
  let answer: Uint8Array | undefined;
  let leaving: Timer | undefined;
  return {
    feature: {
      length,
      set(report) {
        const heard = commands.hear(report);
        answer = new Uint8Array(length);
        answer.set(heard?.reply ?? []);
        if (heard?.resets) leaving = clock.after(ANSWER_KEPT, resets);
      },
      get() {
        if (leaving) {
          leaving.cancel();
          leaving = clock.after(AFTER_ANSWER, resets);
        }
        return answer;
      },
    },
  };
}
