import type { Clock } from "@swipewire/protocol/time";
import type { ModemLine } from "@swipewire/protocol/waveform/modem/modem-line";
import type { ReaderMessage } from "@swipewire/protocol/waveform/modem/modem-message";
import { ModemOutput } from "@swipewire/protocol/waveform/modem/modem-output";
import { ReaderArming } from "./reader-arming.ts";

/** Of full scale: what a reader's input takes. */
const LEVEL = 0.8;
/** Bd: above it the tone would lie in the band of the frames. */
const FASTEST_POWERED = 4800;

/** The host's side of the framed modem, on a headphone output: feeds the reader by the power tone and keeps it armed. */
export class ModemHost {
  readonly #output: ModemOutput;
  readonly #arming: ReaderArming;

  /** @throws ModemInput */
  constructor(line: ModemLine, clock: Clock) {
    this.#output = new ModemOutput({ ...line, level: LEVEL });
    this.#output.powered = line.baud <= FASTEST_POWERED;
    this.#arming = new ReaderArming((message) => this.#output.send(message), clock);
  }

  /** Samples for the output, left and right in turn. */
  take(frames: number): Float32Array {
    return this.#output.take(frames);
  }

  /** The output plays. */
  begin(): void {
    this.#arming.begin();
  }

  hear(message: ReaderMessage): void {
    this.#arming.hear(message);
  }

  /** A frame began and could not be read. */
  missed(): void {
    this.#arming.missed();
  }

  end(): void {
    this.#arming.end();
  }
}
