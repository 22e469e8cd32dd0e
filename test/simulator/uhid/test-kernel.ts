import type { UhidFile } from "@swipewire/simulator/uhid/uhid-bus";
import { EVENT_LENGTH } from "@swipewire/simulator/uhid/uhid-event";

/** An event as the kernel writes it. */
export function kernelEvent(type: number, ...parts: readonly { at: number; bytes: readonly number[] }[]): Uint8Array {
  const event = new Uint8Array(EVENT_LENGTH);
  event[0] = type;
  for (const { at, bytes } of parts) event.set(bytes, at);
  return event;
}

/** The other side of /dev/uhid, for one device. */
export class TestKernel implements UhidFile {
  readonly written: Buffer[] = [];
  readonly #said: Uint8Array[] = [];
  closed = false;

  say(...event: Parameters<typeof kernelEvent>): void {
    this.#said.push(kernelEvent(...event));
  }

  /** The types of what was written. */
  get types(): number[] {
    return this.written.map((event) => event.readUInt32LE(0));
  }

  read(into: Uint8Array): number {
    const event = this.#said.shift();
    into.set(event ?? []);
    return event?.length ?? 0;
  }

  write(event: Uint8Array): void {
    this.written.push(Buffer.from(event));
  }

  close(): void {
    this.closed = true;
  }
}
