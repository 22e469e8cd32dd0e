import { SensitiveBytesWiped } from "./errors.ts";

const REDACTED = "[redacted]";

/**
 * Track data, a PAN, a PIN or a clear key. Owns its buffer, hands it out only for the length of a call, prints as
 * `[redacted]` wherever JavaScript might print it, and overwrites it on {@link wipe}.
 *
 * PCI DSS 4.0.1 3.3: sensitive authentication data is not kept after authorisation.
 */
export class SensitiveBytes {
  readonly #bytes: Uint8Array;
  #wiped = false;

  /** Takes ownership: the caller must not keep `bytes`. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** A copy; `bytes` stays the caller's to wipe. */
  static copyOf(bytes: Uint8Array): SensitiveBytes {
    return new SensitiveBytes(Uint8Array.from(bytes));
  }

  /** In bytes; also of wiped ones. */
  get length(): number {
    return this.#bytes.length;
  }

  /** Is {@link use} over? */
  get wiped(): boolean {
    return this.#wiped;
  }

  /**
   * Lends the bytes to `reader`. They must not outlive the call; copies are the caller's to wipe.
   * @throws SensitiveBytesWiped after {@link wipe}
   */
  use<T>(reader: (bytes: Uint8Array) => T): T {
    if (this.#wiped) throw new SensitiveBytesWiped();
    return reader(this.#bytes);
  }

  /** Overwrites the bytes. May be called again. */
  wipe(): void {
    this.#bytes.fill(0);
    this.#wiped = true;
  }

  /** As {@link wipe}, for `using`. */
  [Symbol.dispose](): void {
    this.wipe();
  }

  /** `[redacted]`. */
  toString(): string {
    return REDACTED;
  }

  /** `[redacted]`. */
  toJSON(): string {
    return REDACTED;
  }

  /** `[redacted]`. */
  [Symbol.toPrimitive](): string {
    return REDACTED;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return REDACTED;
  }
}
