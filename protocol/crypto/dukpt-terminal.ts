import { KsnInvalid, ReaderKeysExhausted } from "../errors.ts";
import { SensitiveBytes } from "../sensitive-bytes.ts";

/** What a device does alike in TDES DUKPT (`tdesDukpt`) and in AES DUKPT (`aesDukpt`), and where the two differ. */
export interface DukptScheme {
  /** Of the transaction counter: 21 or 32. */
  readonly counterBits: number;
  /** Counters with more ones are left out, so that no key is far from the initial key. */
  readonly maxOnes: number;
  /** The transaction counter of a KSN. @throws KsnInvalid */
  ksnCounter(ksn: Uint8Array): number;
  /** A copy of a KSN with another counter. @throws KsnInvalid */
  withCounter(ksn: Uint8Array, counter: number): Uint8Array;
  /** The transaction key as the host derives it; the caller's to wipe. @throws KeyLength | KsnInvalid */
  deriveTransactionKey(initialKey: Uint8Array, ksn: Uint8Array): Uint8Array;
  /**
   * From the key of a counter to that of the same with one more one at its end, which `ksn` holds; the caller's to wipe.
   * @throws KeyLength | KsnInvalid
   */
  deriveNextKey(key: Uint8Array, ksn: Uint8Array): Uint8Array;
}

/** One swipe's key, and what tells a host which. */
export interface DukptTransaction {
  /** 10 bytes for TDES, 12 for AES. */
  readonly ksn: Uint8Array;
  /** The transaction key; the caller's to wipe. */
  readonly key: SensitiveBytes;
}

/**
 * The device's side of DUKPT. It keeps neither the initial key nor any key that was used, only one future key for each
 * bit of the counter, so that who opens the device learns nothing of past transactions.
 *
 * X9.24-1:2009 A.2 and A.3 (21 future keys), X9.24-3:2017 6.5 (32 intermediate derivation keys).
 */
export class DukptTerminal {
  readonly #scheme: DukptScheme;
  readonly #initialKsn: Uint8Array;
  /** The key at n is that of the next counter to come whose lowest one is bit n. */
  readonly #futureKeys = new Map<number, Uint8Array>();
  /** Of the next transaction. */
  #counter: number;

  /**
   * @param initialKey 16 bytes for TDES, 16, 24 or 32 for AES; stays the caller's to wipe
   * @param ksn of the first transaction; counter 0 is a device fresh from key injection, whose first counter is 1
   * @throws KeyLength | KsnInvalid, also when the counter has too many ones
   */
  constructor(scheme: DukptScheme, initialKey: Uint8Array, ksn: Uint8Array) {
    this.#scheme = scheme;
    this.#initialKsn = scheme.withCounter(ksn, 0);
    this.#counter = Math.max(1, scheme.ksnCounter(ksn));
    if (onesOf(this.#counter) > scheme.maxOnes) {
      throw new KsnInvalid({ detail: `a counter with more than ${scheme.maxOnes} ones` });
    }
    for (let bit = 0; bit < scheme.counterBits; bit++) {
      const value = 2 ** bit;
      const counter = Math.floor(this.#counter / (2 * value)) * 2 * value + value;
      if (counter < this.#counter || onesOf(counter) > scheme.maxOnes) continue;
      this.#futureKeys.set(bit, scheme.deriveTransactionKey(initialKey, scheme.withCounter(ksn, counter)));
    }
  }

  /**
   * The next transaction. Its key is no longer in the device once it is handed out.
   * @throws ReaderKeysExhausted after the last counter, and after {@link wipe}
   */
  next(): DukptTransaction {
    const { withCounter, deriveNextKey, maxOnes } = this.#scheme;
    const counter = this.#counter;
    const bit = lowestOne(counter);
    const key = this.#futureKeys.get(bit);
    if (key === undefined) throw new ReaderKeysExhausted();
    this.#futureKeys.delete(bit);
    if (onesOf(counter) < maxOnes) {
      for (let lower = 0; lower < bit; lower++) {
        const ksn = withCounter(this.#initialKsn, counter + 2 ** lower);
        this.#futureKeys.set(lower, deriveNextKey(key, ksn));
      }
      this.#counter = counter + 1;
    } else {
      this.#counter = counter + 2 ** bit;
    }
    return { ksn: withCounter(this.#initialKsn, counter), key: new SensitiveBytes(key) };
  }

  /** Overwrites every future key. May be called again. */
  wipe(): void {
    for (const key of this.#futureKeys.values()) key.fill(0);
    this.#futureKeys.clear();
  }

  /** As {@link wipe}, for `using`. */
  [Symbol.dispose](): void {
    this.wipe();
  }
}

function onesOf(counter: number): number {
  let ones = 0;
  for (let rest = counter; rest > 0; rest = Math.floor(rest / 2)) ones += rest % 2;
  return ones;
}

/** 0 to 32: of the number after a scheme's last counter it is a bit for which there is no key. */
function lowestOne(counter: number): number {
  let bit = 0;
  for (let rest = counter; rest % 2 === 0; rest /= 2) bit++;
  return bit;
}
