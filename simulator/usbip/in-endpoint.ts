import { URB_STATUS } from "./wire.ts";

/** A request of the host that waits for data. */
export interface InRequest {
  readonly length: number;
  answer(status: number, data: Uint8Array): void;
}

interface Sending {
  bytes: Uint8Array;
  readonly done: (taken: boolean) => void;
}

/** An interrupt or bulk endpoint towards the host: requests wait for data, and data for requests. */
export class InEndpoint {
  readonly #requests: InRequest[] = [];
  #sendings: Sending[] = [];
  #halted = false;

  get halted(): boolean {
    return this.#halted;
  }

  submit(request: InRequest): void {
    this.#requests.push(request);
    this.#match();
  }

  /** @returns whether it was still waiting; it is never answered then */
  cancel(request: InRequest): boolean {
    const at = this.#requests.indexOf(request);
    if (at >= 0) this.#requests.splice(at, 1);
    return at >= 0;
  }

  /**
   * One transfer; longer ones than the host asks for go on in its next request. Takes a copy.
   * @returns whether the host took all of it; a device that goes away first sends no more
   */
  send(bytes: Uint8Array): Promise<boolean> {
    return new Promise((done) => {
      this.#sendings.push({ bytes: bytes.slice(), done });
      this.#match();
    });
  }

  /** Answers with a stall until the host clears it. */
  halt(): void {
    this.#halted = true;
    this.#match();
  }

  /** CLEAR_FEATURE(ENDPOINT_HALT). */
  clearHalt(): void {
    this.#halted = false;
  }

  /** Forgets, and overwrites, what nobody took. */
  drop(): void {
    const sendings = this.#sendings;
    this.#sendings = [];
    for (const { bytes, done } of sendings) {
      bytes.fill(0);
      done(false);
    }
  }

  /** The host is gone: nobody will ask any more. */
  reset(): void {
    this.#requests.length = 0;
    this.#halted = false;
    this.drop();
  }

  #match(): void {
    while (this.#requests.length > 0) {
      if (this.#halted) {
        this.#requests.shift()?.answer(URB_STATUS.stall, new Uint8Array());
        continue;
      }
      const [sending] = this.#sendings;
      if (!sending) return;
      const request = this.#requests.shift();
      const piece = sending.bytes.subarray(0, request?.length);
      sending.bytes = sending.bytes.subarray(piece.length);
      request?.answer(URB_STATUS.ok, piece);
      piece.fill(0);
      if (sending.bytes.length > 0) continue;
      this.#sendings.shift();
      sending.done(true);
    }
  }
}
