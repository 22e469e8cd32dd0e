import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { KeyComponentMalformed, KeyComponentsEqual, KeyParityWrong, KeyWeak } from "../errors.ts";
import { checkValueOf } from "./check-value.ts";
import { hasOddParity, isWeakKey } from "./key-quality.ts";
import type { SymmetricAlgorithm } from "./key-record.ts";

export interface ComponentRules {
  readonly algorithm: SymmetricAlgorithm;
  readonly bits: number;
  readonly allowWeak: boolean;
  readonly anyParity: boolean;
}

/** The parts of a key that each of several custodians has one of: XORed they are the key, and fewer say nothing of it. */
export class KeyComponents {
  readonly #rules: ComponentRules;
  readonly #components: SensitiveBytes[] = [];

  constructor(rules: ComponentRules) {
    this.#rules = rules;
  }

  /**
   * Takes one more.
   * @param digits ASCII hex, with or without spaces between them; stays the caller's to wipe
   * @returns its check value
   * @throws KeyComponentMalformed | KeyParityWrong | KeyWeak | KeyComponentsEqual
   */
  add(digits: Uint8Array): string {
    const { algorithm, bits, allowWeak, anyParity } = this.#rules;
    const component = fromHex(digits, bits / 8);
    this.#components.push(component);
    return component.use((bytes) => {
      if (algorithm === "TDES" && !anyParity && !hasOddParity(bytes)) throw new KeyParityWrong();
      if (!allowWeak && isWeakKey(algorithm, bytes)) throw new KeyWeak({ detail: "component" });
      for (const other of this.#components.slice(0, -1)) {
        if (other.use((theirs) => theirs.every((byte, i) => byte === bytes[i]))) throw new KeyComponentsEqual();
      }
      return checkValueOf(algorithm, bytes);
    });
  }

  /** The key, the caller's to wipe. @throws KeyWeak */
  combine(): SensitiveBytes {
    const { algorithm, bits, allowWeak } = this.#rules;
    const key = new Uint8Array(bits / 8);
    for (const component of this.#components) {
      component.use((bytes) => {
        for (const [i, byte] of bytes.entries()) key[i] = (key[i] ?? 0) ^ byte;
      });
    }
    const combined = new SensitiveBytes(key);
    if (allowWeak || !isWeakKey(algorithm, key)) return combined;
    combined.wipe();
    throw new KeyWeak({ detail: "the combined key" });
  }

  [Symbol.dispose](): void {
    for (const component of this.#components) component.wipe();
  }
}

const SPACE = 0x20;

/** Never through a string, which can't be overwritten. */
function fromHex(digits: Uint8Array, length: number): SensitiveBytes {
  const bytes = new Uint8Array(length);
  let nibbles = 0;
  for (const character of digits) {
    if (character === SPACE) continue;
    const value = nibbleOf(character);
    if (value === undefined || nibbles === length * 2) {
      bytes.fill(0);
      throw new KeyComponentMalformed({
        detail: value === undefined ? "not hexadecimal" : `more than ${length * 2} digits`,
      });
    }
    bytes[nibbles >> 1] = ((bytes[nibbles >> 1] ?? 0) << 4) | value;
    nibbles++;
  }
  if (nibbles === length * 2) return new SensitiveBytes(bytes);
  bytes.fill(0);
  throw new KeyComponentMalformed({ detail: `${nibbles} digits instead of ${length * 2}` });
}

function nibbleOf(character: number): number | undefined {
  if (character >= 0x30 && character <= 0x39) return character - 0x30;
  const letter = character & ~0x20;
  return letter >= 0x41 && letter <= 0x46 ? letter - 0x41 + 10 : undefined;
}
