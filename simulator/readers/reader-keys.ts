import { deriveInitialKey, tdesDukpt } from "@swipewire/protocol/crypto/dukpt-tdes";
import { DukptTerminal, type DukptTransaction } from "@swipewire/protocol/crypto/dukpt-terminal";

/** The DUKPT keys of a virtual reader. One is current: a swipe or a proof uses it, and then the reader goes on. */
export class ReaderKeys {
  readonly #bdk: Uint8Array;
  #terminal: DukptTerminal;
  #current: DukptTransaction | undefined;

  /**
   * @param bdk 16 bytes, a test key
   * @param ksn 10 bytes: of the first key
   * @throws KeyLength | KsnInvalid
   */
  constructor(bdk: Uint8Array, ksn: Uint8Array) {
    this.#bdk = bdk;
    this.#terminal = injected(bdk, ksn);
  }

  /** The key stays these keys' own to wipe. @throws ReaderKeysExhausted */
  get current(): DukptTransaction {
    this.#current ??= this.#terminal.next();
    return this.#current;
  }

  /** The current key is used up. */
  advance(): void {
    this.current.key.wipe();
    this.#current = undefined;
  }

  /** Goes on from another KSN. @throws KsnInvalid */
  restart(ksn: Uint8Array): void {
    this.#current?.key.wipe();
    this.#current = undefined;
    this.#terminal.wipe();
    this.#terminal = injected(this.#bdk, ksn);
  }
}

function injected(bdk: Uint8Array, ksn: Uint8Array): DukptTerminal {
  const initialKey = deriveInitialKey(bdk, ksn);
  try {
    return new DukptTerminal(tdesDukpt, initialKey, ksn);
  } finally {
    initialKey.fill(0);
  }
}
