import { testCards } from "@swipewire/simulator/cards/test-cards";
import { PUBLISHED_BDK } from "@swipewire/simulator/readers/published-frames";
import type { VirtualReader } from "@swipewire/simulator/readers/virtual-reader";
import { type Carrier, playScript } from "@swipewire/simulator/script/play-script";
import type { ReaderScript, Step } from "@swipewire/simulator/script/reader-script";
import { type ReaderKind, readerKinds, readerOfKind } from "@swipewire/simulator/usbip/reader-kinds";
import { usbCarrier } from "@swipewire/simulator/usbip/usb-carrier";
import { UsbReader } from "@swipewire/simulator/usbip/usb-reader";
import type { Dice } from "@swipewire/simulator/waveform/dice";
import { SerialPortMock } from "serialport";
import { seededRandom } from "../seeded-random.ts";
import type { SimulatedClock } from "../simulated-clock.ts";
import { examples } from "../simulator/script/outcomes.ts";
import type { SimulatedHost } from "../simulator/script/simulated-host.ts";

/** More, all in all, than the daemon remembers. */
const READERS_OF_A_KIND = 8;
/** A card is a thousand key strokes, and each takes its time. */
const KEYBOARDS = 2;

interface Unit {
  readonly kind: ReaderKind;
  readonly reader: VirtualReader;
  readonly carrier: Carrier;
}

/** Readers of every kind, one of which is plugged in at a time. */
export class ReaderStand {
  unplugs = 0;
  readonly #units: readonly Unit[];
  readonly #clock: SimulatedClock;
  readonly #dice: Dice;
  /** One of each kind, so that what only it makes the daemon do is done early. */
  readonly #first: Unit[];
  #plugged: Unit | undefined;

  constructor({ host, clock, dice }: { host: SimulatedHost; clock: SimulatedClock; dice: Dice }) {
    this.#clock = clock;
    this.#dice = dice;
    this.#units = readerKinds.flatMap((kind) =>
      Array.from({ length: kind.name === "keyboard" ? KEYBOARDS : READERS_OF_A_KIND }, (_, at) => {
        const ksn = new Uint8Array(10).fill(at + 1, 0, 7);
        const device = { clock, random: seededRandom(at) };
        const reader = readerOfKind(kind, { bdk: PUBLISHED_BDK, ksn, device });
        // What a reader derives with its first card counts to nobody's growth.
        reader.nextFrame(this.#dice.pick(testCards)).fill(0);
        const { commands } = reader;
        const usb = new UsbReader({
          kind,
          clock,
          serialNumber: `${kind.name}-${at}`,
          ...(commands && { commands }),
        });
        const unit: Unit = {
          kind,
          reader,
          carrier: usbCarrier(usb, {
            plug: () => {
              // The package's own table of ports that were, which no system keeps.
              SerialPortMock.binding.reset();
              host.plug(usb);
              this.#plugged = unit;
            },
            unplug: () => {
              host.unplug();
              this.#plugged = undefined;
              this.unplugs++;
            },
          }),
        };
        return unit;
      }),
    );
    this.#first = readerKinds.flatMap(({ name }) => this.#units.find(({ kind }) => kind.name === name) ?? []);
  }

  async plugAny(): Promise<void> {
    if (!this.#plugged) await (this.#first.shift() ?? this.#dice.pick(this.#units)).carrier.plug();
  }

  async unplug(): Promise<void> {
    await this.#plugged?.carrier.unplug();
  }

  /** Has the reader that is plugged in do this. */
  async play(...steps: Step[]): Promise<void> {
    await this.#play({ about: "soak", seed: this.#dice.whole(0, 0xffff_ffff), steps, outcomes: {} });
  }

  /** One of the simulator's examples that fits the reader. */
  async lie(): Promise<void> {
    const kind = this.#plugged?.kind.name as keyof ReaderScript["outcomes"];
    await this.#play(this.#dice.pick(examples.filter(({ script }) => script.outcomes[kind])).script);
  }

  async #play(script: ReaderScript): Promise<void> {
    if (this.#plugged) await playScript(script, { ...this.#plugged, clock: this.#clock });
  }
}
